"""`make drive`: what it writes, and the one line that it says when it writes nothing.

pytest tests/drive/test_make_drive.py
"""

import json
import os
import pty
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drive.certificates import service_account
from tests.drive.conftest import LIMIT, Google, clone
from tests.drive.store import CODE, REFRESH_TOKEN, ROOT_ID, failing
from tests.drive.test_faults import no_folder, no_network, sign_in
from tests.project import sh

TOOL = "python -m src drive"
BEFORE = "[core]\n    remote = local\n['remote \"local\"']\n    url = /elsewhere\n"


@pytest.fixture
def project(repository: Path, tmp_path: Path) -> Path:
    """A fresh clone with a local configuration of its own."""
    folder = clone(repository, tmp_path / "clone")
    (folder / ".dvc/config.local").write_text(BEFORE)
    return folder


def client(folder: Path, kind: str = "installed") -> Path:
    """An OAuth client as Google's console downloads it."""
    path = folder / "client.json"
    path.write_text(json.dumps({kind: {"client_id": "id.apps.googleusercontent.com", "client_secret": "of-nobody"}}))
    return path


def test_make_drive_checks_the_folder_and_makes_it_the_default(project: Path, google: Google) -> None:
    for stamp in ("bin/python", "installed"):
        (project / ".venv" / stamp).parent.mkdir(parents=True, exist_ok=True)
        (project / ".venv" / stamp).touch()
    google.run(f"make drive FOLDER={ROOT_ID} CREDENTIALS={google.service_account}", project)
    assert not google.drive.contents()
    assert {"upload", "download", "trash"} <= set(google.drive.calls)
    assert sh("dvc config core.remote", project).strip() == "drive"
    assert sh("dvc config remote.local.url", project).strip() == "/elsewhere"
    assert sh("git status --porcelain", project) == ""
    assert (project / ".dvc/config.local").stat().st_mode & 0o077 == 0
    assert "in sync" not in google.run("dvc status -c", project)  # it is this folder, which is empty, that dvc asks
    assert "FOLDER=<id>" in google.run("make drive", project, status=2)


@pytest.mark.parametrize("kind", ["service account", "sign-in"])
def test_in_continuous_integration_the_environment_has_the_credentials(
    kind: str, project: Path, google: Google
) -> None:
    data = google.service_account.read_text() if kind == "service account" else json.dumps(sign_in(REFRESH_TOKEN))
    google.run(f"{TOOL} --folder {ROOT_ID}", project, GDRIVE_CREDENTIALS_DATA=data)
    written = (project / ".dvc/config.local").read_text()
    assert "private_key" not in written
    assert "token" not in written
    google.run("dvc status -c models/current", project, GDRIVE_CREDENTIALS_DATA=data)


@pytest.mark.parametrize("data", ["no JSON", "[]", "{}"])
def test_an_environment_without_credentials_is_an_error(data: str, project: Path, google: Google) -> None:
    output = google.run(f"{TOOL} --folder {ROOT_ID}", project, status=2, GDRIVE_CREDENTIALS_DATA=data)
    assert output.startswith("error: GDRIVE_CREDENTIALS_DATA ")
    assert (project / ".dvc/config.local").read_text() == BEFORE


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        return listener.connect_ex(("localhost", port)) != 0


def test_a_person_signs_in_once_in_a_browser(project: Path, google: Google, tmp_path: Path) -> None:
    """The browser is a program that allows everything, and the terminal is a pseudo-terminal."""
    if not any(is_free(port) for port in (8080, 8090)):
        pytest.skip("PyDrive2 waits for the browser at port 8080 or 8090, and both are taken")
    browser = tmp_path / "browser.py"
    browser.write_text(
        "import sys, urllib.parse as u, urllib.request as r\n"
        "back = u.parse_qs(u.urlsplit(sys.argv[1]).query)['redirect_uri'][0]\n"
        f"r.build_opener(r.ProxyHandler({{}})).open(back + '?code={CODE}')\n"
    )
    terminal, stdin = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "src", "drive", "--folder", ROOT_ID, "--credentials", str(client(tmp_path))],
        cwd=project,
        env=google.environment | {"BROWSER": f"{shlex.join([sys.executable, str(browser)])} %s &"},
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    os.close(terminal)
    os.close(stdin)
    assert done.returncode == 0, done.stderr
    (token,) = (project / ".dvc/tmp").glob("gdrive-*.json")
    assert token.stat().st_mode & 0o077 == 0
    assert sh("git status --porcelain", project) == ""
    google.run("dvc status -c models/current", project)  # asks nobody again

    token.write_text(json.dumps(sign_in("revoked")))
    command = f"{TOOL} --folder {ROOT_ID} --client-id id.apps.googleusercontent.com --client-secret of-nobody"
    assert f"delete {token} and sign in again" in google.run(command, project, status=2)
    token.write_text(json.dumps(sign_in(REFRESH_TOKEN)))
    google.drive.grant_error = {"error": "deleted_client", "error_description": "The OAuth client was deleted."}
    assert "copy its id and secret again" in google.run(command, project, status=2)


Prepare = Callable[[Google, Path], str]


def without_credentials(google: Google, folder: Path) -> str:
    return ""


def without_a_terminal(google: Google, folder: Path) -> str:
    return f"--credentials {client(folder)}"


def half_a_client(google: Google, folder: Path) -> str:
    return "--client-id id.apps.googleusercontent.com"


def a_client_of_another_type(google: Google, folder: Path) -> str:
    return f"--credentials {client(folder, 'web')}"


def two_credentials(google: Google, folder: Path) -> str:
    return f"--credentials {client(folder)} --client-id id.apps.googleusercontent.com --client-secret of-nobody"


def no_file(google: Google, folder: Path) -> str:
    return "--credentials nowhere.json"


def an_altered_key(google: Google, folder: Path) -> str:
    (folder / "key.json").write_text(service_account("altered"))
    return f"--credentials {folder}/key.json"


def a_revoked_key(google: Google, folder: Path) -> str:
    google.drive.grant_error = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
    return f"--credentials {google.service_account}"


def another_folder(google: Google, folder: Path) -> str:
    no_folder(google)
    return f"--credentials {google.service_account}"


def a_file(google: Google, folder: Path) -> str:
    google.drive.files[ROOT_ID] |= {"mimeType": "text/plain", "fileSize": "0"}
    return f"--credentials {google.service_account}"


def a_reader(google: Google, folder: Path) -> str:
    reason = "insufficientParentPermissions"
    google.drive.before = failing("start upload", 1, 403, reason, "Insufficient permissions for the specified parent.")
    return f"--credentials {google.service_account}"


def no_storage(google: Google, folder: Path) -> str:
    google.drive.capacity = 0
    return f"--credentials {google.service_account}"


def an_api_that_is_off(google: Google, folder: Path) -> str:
    message = "Google Drive API has not been used in project 1 before or it is disabled."
    google.drive.before = failing("metadata", 1, 403, "accessNotConfigured", message)
    return f"--credentials {google.service_account}"


def an_altered_answer(google: Google, folder: Path) -> str:
    google.drive.sent = lambda blob: blob[:-1] + b"?"
    return f"--credentials {google.service_account}"


def no_connection(google: Google, folder: Path) -> str:
    google.environment |= no_network(google)
    return f"--credentials {google.service_account}"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (without_credentials, "credentials are given in 0 ways; give exactly one"),
        (two_credentials, "credentials are given in 2 ways; give exactly one"),
        (half_a_client, "CLIENT_ID=<id> CLIENT_SECRET=<secret>"),
        (a_client_of_another_type, "Desktop app"),
        (without_a_terminal, "the first sign-in needs a browser"),
        (no_file, "nowhere.json does not exist"),
        (an_altered_key, "Google Drive cannot be used: "),
        (a_revoked_key, "create a new key"),
        (another_folder, "share the folder with robot@loopback.iam.gserviceaccount.com"),
        (a_file, "give the id of a folder"),
        (a_reader, "give it the role Editor"),
        (no_storage, "needs a folder of a Shared Drive"),
        (an_api_that_is_off, "enable the Google Drive API"),
        (an_altered_answer, "was changed"),
        (no_connection, "www.googleapis.com cannot be reached"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_written(
    fault: Prepare, message: str, project: Path, google: Google, tmp_path: Path
) -> None:
    arguments = fault(google, tmp_path)
    output = google.run(f"{TOOL} --folder {ROOT_ID} {arguments}", project, status=2)
    assert message in output
    assert output.startswith("error: ")
    assert output.count("\n") == 1
    assert (project / ".dvc/config.local").read_text() == BEFORE
    assert not google.drive.contents()


def test_a_folder_of_a_shared_drive_is_used(project: Path, google: Google) -> None:
    google.drive.shared_drive = "0ASharedDrive"
    google.drive.files[ROOT_ID]["driveId"] = "0ASharedDrive"
    google.run(f"{TOOL} --folder {ROOT_ID} --credentials {google.service_account}", project)
