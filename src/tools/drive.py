"""Makes a folder of Google Drive the default remote of DVC, once a small object has gone there and back.

    make drive FOLDER=<id> CREDENTIALS=<file>

What a person gives is checked with the client that `dvc push` uses; then .dvc/config.local is written, which Git
ignores. When the check fails, nothing is written. README, section Google Drive, says where folder and credentials come
from.
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

from src.core.command_line import command_parser
from src.core.files import read_json
from src.core.user_errors import UserError
from src.runs.dvc_internals import ConfigError, NotDvcRepoError, configuration

TIMEOUT = 180  # seconds: without a byte from Google, and until a person has signed in

ADVICE = {  # the `reason` of an error of Drive's API: what a person can do
    "notFound": "there is no such folder, or {account} may not see it: take the id from the folder's address and share "
    "the folder with {account}",
    "storageQuotaExceeded": "no storage is left for {account}: a service account has none of its own and needs a "
    "folder of a Shared Drive; a person can make room",
    "insufficientFilePermissions": "{account} may read and not write: make it Editor, on a Shared Drive "
    "Content manager",
    "accessNotConfigured": "turn on the Google Drive API in the project that the credentials belong to",
    "userRateLimitExceeded": "Google takes no more calls for now: try again in some minutes",
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
            f"FOLDER='{arguments.folder}' is no id: give the last part of the folder's address, FOLDER=<id>"
        )
    try:
        config = configuration()
    except (ConfigError, NotDvcRepoError) as error:
        raise UserError(f"{error}; run this in the project's folder") from error
    credentials, account = _credentials(arguments, Path(config.dvc_dir))
    remote = {
        "url": f"gdrive://{arguments.folder}",
        "gdrive_trash_only": True,  # `dvc gc -c` can be undone, and on a Shared Drive needs no Manager
        **credentials,
    }
    _check(remote, arguments.folder, account)
    with config.edit("local") as local:
        local["remote"]["drive"] = remote
        local["core"]["remote"] = "drive"
    Path(config.files["local"]).chmod(0o600)  # an OAuth client has its secret there
    print(f"folder {arguments.folder} can be written, read and deleted from: `dvc push` and `dvc pull` now use it")


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src drive", __doc__, "google-drive")
    options.add_argument("--folder", default="", help="id of the folder, the last part of its address")
    options.add_argument("--credentials", default="", help="JSON of a service account, or of an OAuth client")
    options.add_argument("--client-id", default="", help="of an OAuth client, in place of its JSON")
    options.add_argument("--client-secret", default="")
    return options


def _credentials(arguments: argparse.Namespace, dvc_dir: Path) -> tuple[dict[str, Any], str]:
    """The options of the remote that say who asks, and how to call that account in an error."""
    client = {"client_id": arguments.client_id, "client_secret": arguments.client_secret}
    given = [bool(arguments.credentials), any(client.values()), bool(os.environ.get("GDRIVE_CREDENTIALS_DATA"))]
    if sum(given) != 1:
        raise UserError(
            "credentials are needed in exactly one way, here "
            f"{sum(given)}: CREDENTIALS=<file of a service account or an OAuth client>, "
            "or CLIENT_ID=<id> CLIENT_SECRET=<secret>, or the variable GDRIVE_CREDENTIALS_DATA of the environment"
        )
    if given[2]:
        return _from_environment(os.environ["GDRIVE_CREDENTIALS_DATA"])
    if arguments.credentials:
        path = Path(arguments.credentials).expanduser().resolve()
        content = _mapping(read_json(path), str(path))
        if "client_email" in content and "private_key" in content:
            account = {"gdrive_use_service_account": True, "gdrive_service_account_json_file_path": str(path)}
            return account, content["client_email"]
        if "installed" not in content:
            raise UserError(
                f"{path} holds neither a service account (client_email, private_key) nor an OAuth client of the type "
                f"Desktop app (installed): it has {', '.join(content)}"
            )
        client = content["installed"]
    if not client.get("client_id") or not client.get("client_secret"):
        raise UserError(
            "an OAuth client has an id and a secret: CLIENT_ID=<id> CLIENT_SECRET=<secret>, or its JSON file"
        )
    token = dvc_dir / "tmp" / f"gdrive-{client['client_id']}.json"  # .dvc/tmp is not in Git
    token.parent.mkdir(exist_ok=True)
    if not sys.stdin.isatty():
        os.environ["GDRIVE_NON_INTERACTIVE"] = "1"  # PyDrive2 would wait for a browser for ever
    elif not token.exists():
        print("A browser opens, once: choose the account that owns the folder and allow access.", file=sys.stderr)
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
        "GDRIVE_CREDENTIALS_DATA holds neither a service account (client_email) nor a sign-in (refresh_token)"
    )


def _mapping(content: Any, source: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise UserError(f"{source} holds no credentials: it is no JSON object")
    return content


def _check(remote: dict[str, Any], folder: str, account: str) -> None:
    """Writes, reads and deletes one small object with the client of `dvc push`."""
    socket.setdefaulttimeout(TIMEOUT)
    warnings.filterwarnings("ignore", module="oauth2client")  # it warns of a sign-in that is still to come
    name = f"{folder}/access-check-{uuid.uuid4().hex}"
    content = name.encode()
    try:
        drive = GDriveFileSystem(**remote).fs
        if drive.info(folder)["type"] != "directory":
            raise UserError(f"{folder} is a file; a folder is needed")
        drive.upload_fobj(io.BytesIO(content), name)
        try:
            back = drive.cat_file(name)
        finally:
            drive.rm_file(name)
    except UserError:
        raise
    except Exception as error:  # PyDrive2 and what lies under it raise errors of many kinds, without a common base
        raise UserError(f"Google Drive cannot be used: {_explained(error, remote, account)}") from error
    if back != content:
        raise UserError(f"Google Drive cannot be used: {name} came back altered")


def _explained(error: BaseException, remote: dict[str, Any], account: str) -> str:
    """What went wrong and what to do, by the first error that was raised."""
    while error.__cause__ or error.__context__:
        if isinstance(error, ApiRequestError):
            break
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    if isinstance(error, ApiRequestError):
        advice = ADVICE.get(error.GetField("reason"), "see the message")
        return f"{error.error.get('message', error)} ({error.GetField('reason')}): {advice.format(account=account)}"
    if "Non interactive" in str(error):
        return "a sign-in needs a browser, once: run the same command in a terminal of a machine that has one"
    if "No code found" in str(error):
        return f"nobody allowed access in the browser within {TIMEOUT} s: run the same command again"
    if "invalid_grant" in str(error):
        token = remote.get("gdrive_user_credentials_file")
        advice = f"delete {token} and sign in again" if token else "make a new key, and see that the clock is right"
        return f"Google no longer accepts these credentials ({error}): {advice}"
    if "_client" in str(error):  # invalid_client, deleted_client, unauthorized_client
        return f"Google does not know this OAuth client ({error}): copy its id and secret again"
    if isinstance(error, OSError):
        return (
            f"www.googleapis.com cannot be reached ({error}): see to the network; HTTPS_PROXY is heeded once pysocks "
            "is installed"
        )
    return f"{type(error).__name__}: {error}"
