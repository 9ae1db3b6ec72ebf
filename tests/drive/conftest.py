"""A repository, and a loopback Google that its dvc talks to."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drive.certificates import write_keys
from tests.drive.server import serve
from tests.drive.store import ROOT_ID, Drive
from tests.project import sh

LIMIT = 60  # seconds for any command: nothing waits for a browser


class Google:
    """A loopback Drive, and how commands reach it."""

    def __init__(self, drive: Drive, keys: Path, port: int, home: Path) -> None:
        self.drive = drive
        self.service_account = keys / "service-account.json"
        without_proxy = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        self.environment = without_proxy | {
            "HTTPS_PROXY": f"http://127.0.0.1:{port}",
            "HTTPLIB2_CA_CERTS": str(keys / "authority.pem"),
            "XDG_CACHE_HOME": str(home),
        }

    def run(self, command: str, cwd: Path, status: int = 0, **environment: str) -> str:
        """Runs a command as a person would type it; what it prints holds no traceback."""
        output = sh(command, cwd, status, LIMIT, self.environment | environment)
        assert "Traceback" not in output
        return output


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    write_keys(folder)
    return folder


@pytest.fixture(scope="session")
def repository(finished: Path, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after a run, with an `origin` and with Drive as its default remote; not to be changed.

    It has an experiment `other`, which differs in the model's weights (by hand: a second training would take seconds).
    """
    folder = tmp_path_factory.mktemp("drive")
    project = folder / "project"
    shutil.copytree(finished, project, symlinks=True)
    local = {
        "core": {"remote": "drive"},
        'remote "drive"': {
            "url": f"gdrive://{ROOT_ID}",
            "gdrive_trash_only": "true",
            "gdrive_use_service_account": "true",
            "gdrive_service_account_json_file_path": str(keys / "service-account.json"),
        },
    }
    write_config(project, local)
    sh(f"git init -q --bare {folder}/origin.git && git remote add origin {folder}/origin.git", project)
    sh("git push -q origin main", project)
    with (project / "models/current/model.safetensors").open("ab") as file:
        file.write(b" ")
    sh("dvc commit -q -f train && dvc exp save -q -n other", project)
    sh("git checkout -q . && dvc checkout -q", project)
    return project


def write_config(project: Path, sections: dict[str, dict[str, str]]) -> None:
    """Writes .dvc/config.local."""
    lines = [
        line
        for name, options in sections.items()
        for line in (f"['{name}']", *(f"    {key} = {value}" for key, value in options.items()))
    ]
    (project / ".dvc/config.local").write_text("\n".join(lines) + "\n")


def clone(repository: Path, folder: Path) -> Path:
    """A fresh clone from `origin`, with the remote of the repository and an empty cache."""
    origin = sh("git remote get-url origin", repository).strip()
    sh(f"git clone -q {origin} {folder}", repository)
    shutil.copy(repository / ".dvc/config.local", folder / ".dvc")
    return folder


@pytest.fixture(scope="session")
def pushed(repository: Path, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Drive:
    """A Drive after the first `dvc push` of the repository, with the calls that it took; to be copied."""
    drive = Drive()
    with serve(drive, keys) as port:
        Google(drive, keys, port, tmp_path_factory.mktemp("home")).run("dvc push", repository)
    return drive


@pytest.fixture
def google(keys: Path, tmp_path: Path) -> Iterator[Google]:
    """Google with an empty folder."""
    drive = Drive()
    with serve(drive, keys) as port:
        yield Google(drive, keys, port, tmp_path / "home")


@pytest.fixture
def full(keys: Path, pushed: Drive, tmp_path: Path) -> Iterator[Google]:
    """Google with a folder that the repository was pushed to."""
    drive = pushed.copy()
    with serve(drive, keys) as port:
        yield Google(drive, keys, port, tmp_path / "home")
