"""No secret can be committed: what Git tracks, or would add, holds none, by name or by content.

pytest tests/test_secrets.py
"""

import fnmatch
import re
import subprocess
from pathlib import Path

import pytest

from tests.project import ROOT, sh

CONTENTS = {
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "OAuth client secret of Google": r"GOCSPX-[\w-]{20,}",
    "OAuth client secret in a configuration": r"gdrive_client_secret *= *\S",
    "refresh token of Google": r"\b1//0[\w-]{30,}",
    "access token of Google": r"\bya29\.[\w-]{20,}",
    "API key of Google": r"\bAIza[\w-]{35}",
    "file of a sign-in": r'"refresh_token"\s*:\s*"[^"]{20,}"',
    "access key of AWS": r"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
    "secret key of AWS": r"(?i)aws_secret_access_key\W{1,5}[\w/+]{40}",
    "token of GitHub": r"\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22})",
    "token of Hugging Face": r"\bhf_[A-Za-z0-9]{30,}",
    "password in a URL": r"\b[a-z][a-z0-9+.-]*://[^\s/:@'\"<]+:(?!secret@)[^\s/:@'\"<]+@",  # `secret` stands for one
}
NAMES = [
    ".dvc/config.local", ".dvc/tmp/*", ".env*", "*/.env*", "*credentials*.json", "*service-account*.json",
    "*client_secret*.json", "*.pem", "*.key", "*id_rsa*", "*id_ed25519*", "*.netrc", "*.pypirc",
]  # fmt: skip


def secrets(repository: Path) -> list[str]:
    """What of a secret's form is in the files that Git tracks, or would add: "path: kind"."""
    names = sh("git ls-files -z --cached --others --exclude-standard", repository).split("\0")
    found = [f"{name}: name" for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in NAMES)]
    for name in filter(None, names):
        if (repository / name).is_file():
            text = (repository / name).read_text(encoding="utf-8", errors="replace")
            found += [f"{name}: {kind}" for kind, pattern in CONTENTS.items() if re.search(pattern, text)]
    return found


def test_the_project_holds_no_secret() -> None:
    assert secrets(ROOT) == []


@pytest.mark.parametrize(
    ("kind", "planted"),  # in two parts, or this file would be found
    [
        ("private key", "-----BEGIN " + "PRIVATE KEY-----"),
        ("private key", '{"type": "service_account", "private_key": "-----BEGIN RSA ' + 'PRIVATE KEY-----\\nMII"}'),
        ("private key", "-----BEGIN OPENSSH " + "PRIVATE KEY-----"),
        ("OAuth client secret of Google", '{"installed": {"client_secret": "GOCSPX' + '-abcdefghijklmnopqrstuvw_1"}}'),
        ("OAuth client secret in a configuration", "    gdrive_client_" + "secret = abc"),
        ("refresh token of Google", "1//0" + "gabcdefghijklmnopqrstuvwxyz-0123456789"),
        ("access token of Google", "ya29" + ".abcdefghijklmnopqrstuvwxyz"),
        ("API key of Google", "AIza" + "a" * 35),
        ("file of a sign-in", '"refresh_' + 'token": "abcdefghijklmnopqrstuvwxyz"'),
        ("access key of AWS", "AKIA" + "A" * 16),
        ("secret key of AWS", "aws_secret_access_" + "key = " + "a/+4" * 10),
        ("token of GitHub", "ghp_" + "a" * 36),
        ("token of GitHub", "github_pat_" + "a" * 40),
        ("token of Hugging Face", "hf_" + "a" * 34),
        ("password in a URL", "storage: postgresql://" + "user:word@db.example.org/studies"),
    ],
)  # fmt: skip
def test_a_secret_in_a_file_is_found(kind: str, planted: str, tmp_path: Path) -> None:
    sh("git init -q", tmp_path)
    (tmp_path / "notes.txt").write_text(f"first line\n{planted}\n")
    assert f"notes.txt: {kind}" in secrets(tmp_path)
    sh("git add notes.txt", tmp_path)
    assert f"notes.txt: {kind}" in secrets(tmp_path)


@pytest.mark.parametrize(
    "name",
    [".dvc/config.local", ".env", "src/.env.local", "my-credentials.json", "keys/service-account.json",
     "client_secret_1.apps.googleusercontent.com.json", "server.pem", "id_rsa"],
)  # fmt: skip
def test_a_file_with_the_name_of_a_secret_is_found(name: str, tmp_path: Path) -> None:
    sh("git init -q", tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    assert secrets(tmp_path) == [f"{name}: name"]


@pytest.mark.parametrize(
    "path",
    [".dvc/config.local", ".dvc/tmp/gdrive-id.json", ".dvc/cache/files", ".checkpoints/a", ".studies/studies.db",
     ".dvc-remote/files", ".venv", ".env", "gdrive-credentials.json", "client_secret_1.json", "data/.x.partial",
     "src/corpora/__pycache__/a.pyc", "dvc_plots/index.html"],
)  # fmt: skip
def test_git_ignores_what_belongs_to_a_machine_or_a_person(path: str) -> None:
    assert subprocess.run(["git", "check-ignore", "-q", "--no-index", path], cwd=ROOT).returncode == 0


@pytest.mark.parametrize(
    "path", [".checkpoints/a", ".studies/studies.db", ".dvc-remote/files", ".venv", "src/corpora/__pycache__/a.pyc"]
)
def test_dvc_ignores_what_is_no_data(path: str) -> None:
    assert path in sh(f"dvc check-ignore {path}", ROOT)
