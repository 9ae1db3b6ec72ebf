"""Makes a folder of Google Drive the default remote of DVC, after a test with a small file.

    make drive FOLDER=<id> CREDENTIALS=<file>

The test uses the client of `dvc push`. If it succeeds, .dvc/config.local is written, which Git ignores. If it fails,
nothing is written. docs/google-drive.md explains how to get the folder and the credentials.
"""

import argparse
import io
import json
import os
import re
import socket
import sys
import uuid
import warnings
from pathlib import Path
from typing import Any

from dvc_gdrive import GDriveFileSystem
from pydrive2.files import ApiRequestError

from src.core.command import run
from src.core.command_line import command_parser
from src.core.files import read_json
from src.core.user_errors import UserError
from src.runs.dvc_internals import ConfigError, NotDvcRepoError, configuration

TIMEOUT = 180  # seconds to wait for a byte from Google, and for a person to sign in

ADVICE = {  # {`reason` of an error of Drive's API: what the person can do}
    "notFound": "the folder does not exist, or {account} has no access: copy the id from the folder's address, "
    "and share the folder with {account}",
    "storageQuotaExceeded": "{account} has no storage left: a service account has no storage and needs a folder of a "
    "Shared Drive; a person can delete files",
    "insufficientFilePermissions": "{account} can read but not write: give it the role Editor (on a Shared "
    "Drive: Content manager)",
    "accessNotConfigured": "enable the Google Drive API in the project of the credentials",
    "userRateLimitExceeded": "Google has limited the requests: try again in some minutes",
}
ADVICE |= {
    "quotaExceeded": ADVICE["storageQuotaExceeded"],
    "teamDriveFileLimitExceeded": "the Shared Drive is full",
    "insufficientParentPermissions": ADVICE["insufficientFilePermissions"],
    "forbidden": ADVICE["insufficientFilePermissions"],
    "rateLimitExceeded": ADVICE["userRateLimitExceeded"],
}


def main() -> None:
    arguments = parser().parse_args()

    if not re.fullmatch(r"[A-Za-z0-9_-]+", arguments.folder):
        raise UserError(
            f"FOLDER='{arguments.folder}' is not an id: use the last part of the folder's address, FOLDER=<id>"
        )
    try:
        config = configuration()
    except (ConfigError, NotDvcRepoError) as error:
        raise UserError(f"{error}; run this in the project's folder") from error
    credentials, account = _credentials(arguments, Path(config.dvc_dir))
    remote = {
        "url": f"gdrive://{arguments.folder}",
        "gdrive_trash_only": True,  # `dvc gc -c` can be undone, and does not need the role Manager
        **credentials,
    }
    _check(remote, arguments.folder, account)
    with config.edit("local") as local:
        local["remote"]["drive"] = remote
        local["core"]["remote"] = "drive"
    Path(config.files["local"]).chmod(0o600)  # it contains the secret of an OAuth client
    print(f"folder {arguments.folder} is tested (write, read, delete): `dvc push` and `dvc pull` now use it")


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src drive", __doc__, "google-drive")
    options.add_argument("--folder", default="", help="id of the folder: the last part of its address")
    options.add_argument("--credentials", default="", help="JSON file of a service account or of an OAuth client")
    options.add_argument("--client-id", default="", help="id of an OAuth client, instead of its JSON file")
    options.add_argument("--client-secret", default="", help="secret of the OAuth client")
    return options


def _credentials(arguments: argparse.Namespace, dvc_dir: Path) -> tuple[dict[str, Any], str]:
    """The options of the remote with the credentials, and the name of the account for errors."""
    client = {"client_id": arguments.client_id, "client_secret": arguments.client_secret}
    sources = [bool(arguments.credentials), any(client.values()), bool(os.environ.get("GDRIVE_CREDENTIALS_DATA"))]
    if sum(sources) != 1:
        raise UserError(
            f"credentials are given in {sum(sources)} ways; give exactly one: "
            "CREDENTIALS=<file of a service account or an OAuth client>, "
            "or CLIENT_ID=<id> CLIENT_SECRET=<secret>, or the environment variable GDRIVE_CREDENTIALS_DATA"
        )
    if sources[2]:
        return _from_environment(os.environ["GDRIVE_CREDENTIALS_DATA"])
    if arguments.credentials:
        path = Path(arguments.credentials).expanduser().resolve()
        content = _mapping(read_json(path), str(path))
        if "client_email" in content and "private_key" in content:
            account = {"gdrive_use_service_account": True, "gdrive_service_account_json_file_path": str(path)}
            return account, content["client_email"]
        if "installed" not in content:
            raise UserError(
                f"{path} has neither a service account (client_email, private_key) nor an OAuth client of the type "
                f"Desktop app (installed); it has {', '.join(content)}"
            )
        client = content["installed"]
    if not client.get("client_id") or not client.get("client_secret"):
        raise UserError(
            "an OAuth client needs an id and a secret: CLIENT_ID=<id> CLIENT_SECRET=<secret>, or its JSON file"
        )
    token = dvc_dir / "tmp" / f"gdrive-{client['client_id']}.json"  # .dvc/tmp is not in Git
    token.parent.mkdir(exist_ok=True)
    if not sys.stdin.isatty():
        os.environ["GDRIVE_NON_INTERACTIVE"] = "1"  # otherwise PyDrive2 waits for a browser forever
    elif not token.exists():
        print(
            "A browser opens once: choose the account that owns the folder, and allow access.",
            file=sys.stderr,
        )
    options = {
        "gdrive_client_id": client["client_id"],
        "gdrive_client_secret": client["client_secret"],
        "gdrive_user_credentials_file": str(token),
    }
    return options, "your account"


def _from_environment(text: str) -> tuple[dict[str, Any], str]:
    os.environ["GDRIVE_NON_INTERACTIVE"] = "1"
    try:
        content = _mapping(json.loads(text), "GDRIVE_CREDENTIALS_DATA")
    except ValueError as error:
        raise UserError(f"GDRIVE_CREDENTIALS_DATA is not JSON: {error}") from error
    if "client_email" in content:
        return {"gdrive_use_service_account": True}, content["client_email"]
    if "refresh_token" in content:
        return {}, "your account"
    raise UserError(
        "GDRIVE_CREDENTIALS_DATA has neither a service account (client_email) nor a sign-in (refresh_token)"
    )


def _mapping(content: Any, source: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise UserError(f"{source} has no credentials: it is not a JSON object")
    return content


def _check(remote: dict[str, Any], folder: str, account: str) -> None:
    """Writes, reads and deletes one small file with the client of `dvc push`."""
    socket.setdefaulttimeout(TIMEOUT)
    warnings.filterwarnings("ignore", module="oauth2client")  # it warns that nobody has signed in yet
    name = f"{folder}/access-check-{uuid.uuid4().hex}"
    content = name.encode()
    try:
        drive = GDriveFileSystem(**remote).fs
        if drive.info(folder)["type"] != "directory":
            raise UserError(f"{folder} is a file; give the id of a folder")
        drive.upload_fobj(io.BytesIO(content), name)
        try:
            back = drive.cat_file(name)
        finally:
            drive.rm_file(name)
    except UserError:
        raise
    except Exception as error:  # PyDrive2 and its dependencies raise errors without a common base class
        raise UserError(f"Google Drive cannot be used: {_explained(error, remote, account)}") from error
    if back != content:
        raise UserError(f"Google Drive cannot be used: the content of {name} was changed")


def _explained(error: BaseException, remote: dict[str, Any], account: str) -> str:
    """The problem and its solution, from the first error that was raised."""
    while error.__cause__ or error.__context__:
        if isinstance(error, ApiRequestError):
            break
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    if isinstance(error, ApiRequestError):
        advice = ADVICE.get(error.GetField("reason"), "follow the message")
        return f"{error.error.get('message', error)} ({error.GetField('reason')}): {advice.format(account=account)}"
    if "Non interactive" in str(error):
        return "the first sign-in needs a browser: run the same command in a terminal of a machine with a browser"
    if "No code found" in str(error):
        return f"nobody allowed access in the browser within {TIMEOUT} s: run the same command again"
    if "invalid_grant" in str(error):
        token = remote.get("gdrive_user_credentials_file")
        advice = f"delete {token} and sign in again" if token else "create a new key, and check the system clock"
        return f"Google no longer accepts these credentials ({error}): {advice}"
    if "_client" in str(error):  # invalid_client, deleted_client, unauthorized_client
        return f"Google does not know this OAuth client ({error}): copy its id and secret again"
    if isinstance(error, OSError):
        return (
            f"www.googleapis.com cannot be reached ({error}): check the network; HTTPS_PROXY is used only if pysocks "
            "is installed"
        )
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    run(main)
