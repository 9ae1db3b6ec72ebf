"""What `dvc push` and `dvc pull` do when Google refuses, breaks off, or gives back something else.

pytest tests/drive/test_faults.py
"""

import datetime
import json
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.drive.conftest import Google, clone, write_config
from tests.drive.store import REFRESH_TOKEN, ROOT_ID, Drive, Refused, failing
from tests.drive.test_push_pull import WEIGHTS, cached, outputs

MODEL = "dvc push models/current"


def objects(repository: Path) -> int:
    """Of the model: its files, and the list of them."""
    return len(list((repository / "models/current").iterdir())) + 1


def all_of(*faults: Callable[[str], None]) -> Callable[[str], None]:
    def before(kind: str) -> None:
        for fault in faults:
            fault(kind)

    return before


def test_rate_limits_and_errors_of_the_server_are_tried_again(repository: Path, google: Google) -> None:
    google.drive.before = all_of(
        failing("metadata", 1, 403, "rateLimitExceeded"),
        failing("list", 1, 503, "backendError"),
        failing("folder", 1, 403, "userRateLimitExceeded"),
        failing("upload", 1, 500, "internalError"),
        failing("start upload", 1, 502, "badGateway"),
    )
    google.run(MODEL, repository)
    stored = cached(repository)
    assert all(stored[path] == blob for path, blob in google.drive.contents().items())


def test_dvc_gives_up_on_429_and_a_second_push_sends_the_rest(repository: Path, google: Google) -> None:
    google.drive.before = failing("upload", 1, 429, "rateLimitExceeded", "Too many requests")
    output = google.run(MODEL, repository, status=1)
    assert "Too many requests" in output
    assert "failed to push data to the cloud" in output
    sent = google.drive.contents()
    google.drive.calls.clear()
    google.run(MODEL, repository)
    assert google.drive.calls.count("upload") == len(google.drive.contents()) - len(sent)
    assert len(google.drive.contents()) == objects(repository)


def test_a_push_that_was_killed_is_finished_by_the_next(repository: Path, google: Google) -> None:
    uploads, killed = threading.Semaphore(2), threading.Event()
    reached = threading.Event()

    def before(kind: str) -> None:
        if kind == "upload" and not uploads.acquire(blocking=False):
            while len(google.drive.contents()) < 2:  # the first two may be about to arrive
                time.sleep(0.01)
            reached.set()
            killed.wait(30)
            raise Refused(503, "backendError")

    google.drive.before = before
    push = subprocess.Popen(
        MODEL.split(), cwd=repository, env=google.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert reached.wait(30)
    push.send_signal(signal.SIGKILL)
    push.wait()
    killed.set()
    google.drive.before = Drive().before
    half = google.drive.contents()
    assert len(half) == 2

    google.drive.calls.clear()
    google.run(MODEL, repository)
    whole = google.drive.contents()
    assert google.drive.calls.count("upload") == len(whole) - len(half) > 0
    assert all(cached(repository)[path] == blob for path, blob in whole.items())


@pytest.mark.parametrize("fault", ["altered", "truncated", "cut off"])
def test_a_download_that_is_not_what_was_pushed_is_not_used(
    fault: str, repository: Path, full: Google, tmp_path: Path
) -> None:
    other = clone(repository, tmp_path / "clone")
    damage: dict[str, Callable[[bytes], bytes]] = {
        "altered": lambda blob: blob[:5000] + b"X" + blob[5001:],
        "truncated": lambda blob: blob[:-5000],
    }
    full.drive.cut = fault == "cut off"
    full.drive.sent = lambda blob: damage[fault](blob) if fault in damage and len(blob) > 1_000_000 else blob
    full.run("dvc pull models/current", other, status=255 if fault == "cut off" else 1)
    assert not (other / WEIGHTS).exists()
    full.drive.sent, full.drive.cut = Drive().sent, False
    full.run("dvc pull models/current", other)
    assert (other / WEIGHTS).read_bytes() == (repository / WEIGHTS).read_bytes()


def test_a_full_drive_keeps_what_fits_and_says_so(repository: Path, google: Google) -> None:
    google.drive.capacity = 1_000_000
    before = outputs(repository), cached(repository)
    output = google.run(MODEL, repository, status=1)
    assert "storage quota has been exceeded" in output
    assert (outputs(repository), cached(repository)) == before
    google.drive.capacity = float("inf")
    google.run(MODEL, repository)


Break = Callable[[Google], dict[str, str]]


def no_permission(google: Google) -> dict[str, str]:
    google.drive.before = failing(
        "folder", float("inf"), 403, "insufficientParentPermissions", "Insufficient permissions"
    )
    return {}


def no_folder(google: Google) -> dict[str, str]:
    google.drive.files.clear()
    return {}


def revoked(google: Google) -> dict[str, str]:
    google.drive.grant_error = {"error": "invalid_grant", "error_description": "Invalid grant: account not found"}
    return {}


def no_network(google: Google) -> dict[str, str]:
    return {"HTTPS_PROXY": "http://127.0.0.1:9"}  # the port that discards; nothing listens


@pytest.mark.parametrize(
    ("broken", "status", "message"),
    [
        (no_permission, 1, "Insufficient permissions"),
        (no_folder, 255, f"File not found: {ROOT_ID}"),
        (revoked, 255, "account not found"),
        (no_network, 255, "Connection refused"),
    ],
)
def test_a_push_that_cannot_be_done_says_why_and_changes_nothing(
    broken: Break, status: int, message: str, repository: Path, google: Google
) -> None:
    before = outputs(repository), cached(repository)
    output = google.run(MODEL, repository, status=status, **broken(google))
    assert message in output
    assert (outputs(repository), cached(repository)) == before


def signed_in(repository: Path, folder: Path, refresh_token: str | None) -> Path:
    """A copy of the repository for a person whose access token ended years ago, or who never signed in."""
    shutil.copytree(repository, folder / "project", symlinks=True)
    token = folder / "token.json"
    write_config(
        folder / "project",
        {
            "core": {"remote": "drive"},
            'remote "drive"': {
                "url": f"gdrive://{ROOT_ID}",
                "gdrive_client_id": "id.apps.googleusercontent.com",
                "gdrive_client_secret": "of-nobody",
                "gdrive_user_credentials_file": str(token),
            },
        },
    )
    if refresh_token:
        token.write_text(json.dumps(sign_in(refresh_token)))
    return folder / "project"


def sign_in(refresh_token: str) -> dict[str, Any]:
    """The file that keeps a sign-in."""
    return {
        "_module": "oauth2client.client",
        "_class": "OAuth2Credentials",
        "access_token": "ended",
        "client_id": "id.apps.googleusercontent.com",
        "client_secret": "of-nobody",
        "refresh_token": refresh_token,
        "token_expiry": datetime.datetime(2020, 1, 1).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "token_uri": "https://oauth2.googleapis.com/token",
        "user_agent": None,
        "invalid": False,
    }


def test_an_access_token_that_has_ended_is_refreshed(repository: Path, google: Google, tmp_path: Path) -> None:
    google.run(MODEL, signed_in(repository, tmp_path, REFRESH_TOKEN))
    assert google.drive.calls[0] == "token"
    assert len(google.drive.contents()) == objects(repository)
    assert json.loads((tmp_path / "token.json").read_text())["access_token"] in google.drive.tokens


def test_a_sign_in_that_has_ended_is_an_error(repository: Path, google: Google, tmp_path: Path) -> None:
    output = google.run(MODEL, signed_in(repository, tmp_path, "revoked"), status=255)
    assert "Token has been expired or revoked" in output


def test_nothing_waits_for_a_browser(repository: Path, google: Google, tmp_path: Path) -> None:
    project = signed_in(repository, tmp_path, None)
    output = google.run(MODEL, project, status=255, GDRIVE_NON_INTERACTIVE="1")
    assert "Non interactive mode" in output
    assert not google.drive.calls
