"""What the loopback Drive holds and how it answers: files, folders, uploads, tokens, faults. HTTP is server.py's."""

import hashlib
import re
import threading
import uuid
from collections.abc import Callable
from copy import deepcopy
from typing import Any

ROOT_ID = "0AFolderOfTheProject"
FOLDER = "application/vnd.google-apps.folder"
REFRESH_TOKEN = "the-refresh-token"
CODE = "the-code-of-the-browser"

File = dict[str, Any]


class Refused(Exception):  # noqa: N818
    """An answer of Drive that is an error."""

    def __init__(self, status: int, reason: str, message: str = "made by the test") -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


def failing(
    call: str, times: float, status: int, reason: str, message: str = "made by the test"
) -> Callable[[str], None]:
    """A `Drive.before` that refuses the first `times` calls of one kind."""
    left = [times]
    lock = threading.Lock()

    def before(kind: str) -> None:
        with lock:
            if kind == call and left[0] > 0:
                left[0] -= 1
                raise Refused(status, reason, message)

    return before


class Drive:
    """One folder of Drive, of a person or (with `shared_drive`) of an organisation.

    Attributes:
        calls: the kind of every call, in order: token, metadata, list, folder, start upload, upload, download, trash,
            delete.
        before: is called with the kind of each call before it has an effect; raises Refused, or blocks.
        capacity: bytes that fit.
        sent: what becomes of a file's bytes on their way to the client.
        cut: a download's connection ends after half of its bytes.
        grant_error: what the token endpoint refuses with.
    """

    page = 1000  # items of a listing, as Drive does

    def __init__(self, shared_drive: str | None = None) -> None:
        self.lock = threading.RLock()
        self.shared_drive = shared_drive
        self.files: dict[str, File] = {}
        self.blobs: dict[str, bytes] = {}
        self.uploads: dict[str, File] = {}
        self.tokens: set[str] = set()
        self.calls: list[str] = []
        self.before: Callable[[str], None] = lambda kind: None
        self.capacity: float = float("inf")
        self.sent: Callable[[bytes], bytes] = lambda blob: blob
        self.cut = False
        self.grant_error: dict[str, str] | None = None
        self._add(ROOT_ID, {"title": "project", "mimeType": FOLDER}, None)

    def copy(self) -> "Drive":
        """A Drive with the same files and no calls."""
        other = Drive(self.shared_drive)
        other.files, other.blobs = deepcopy(self.files), dict(self.blobs)
        return other

    def called(self, kind: str) -> None:
        """Notes a call and lets `before` refuse it."""
        with self.lock:
            self.calls.append(kind)
        self.before(kind)

    def new_token(self) -> str:
        token = uuid.uuid4().hex
        self.tokens.add(token)
        return token

    def file(self, file_id: str) -> File:
        with self.lock:
            if file_id not in self.files:
                raise Refused(404, "notFound", f"File not found: {file_id}")
            return self.files[file_id]

    def list(self, query: str, start: int) -> tuple[list[File], int | None]:
        """A page of the files that a query names, and where the next page starts."""
        parents = set(re.findall(r"'([^']+)' in parents", query))
        title = re.search(r"title='([^']*)'", query)
        with self.lock:
            found = [
                file
                for file in self.files.values()
                if not file["labels"]["trashed"]
                and parents & {parent["id"] for parent in file["parents"]}
                and (title is None or file["title"].lower() == title[1].lower())  # Drive's search ignores case
            ]
        end = start + self.page
        return found[start:end], end if end < len(found) else None

    def create(self, body: File, blob: bytes | None) -> File:
        with self.lock:
            for parent in body["parents"]:
                self.file(parent["id"])
            if sum(map(len, self.blobs.values())) + len(blob or b"") > self.capacity:
                raise Refused(403, "storageQuotaExceeded", "The user's Drive storage quota has been exceeded.")
            return self._add(uuid.uuid4().hex, body, blob)

    def trash(self, file_id: str) -> File:
        file = self.file(file_id)
        file["labels"]["trashed"] = True
        return file

    def delete(self, file_id: str) -> None:
        with self.lock:
            del self.files[self.file(file_id)["id"]]
            self.blobs.pop(file_id, None)

    def contents(self) -> dict[str, bytes]:
        """{path: bytes} of all files that are not in the trash."""
        with self.lock:
            return {
                self._path(file): self.blobs[file_id]
                for file_id, file in self.files.items()
                if file_id in self.blobs and not file["labels"]["trashed"]
            }

    def _path(self, file: File) -> str:
        if not file["parents"]:
            return ""
        return f"{self._path(self.files[file['parents'][0]['id']])}/{file['title']}".removeprefix("/")

    def _add(self, file_id: str, body: File, blob: bytes | None) -> File:
        file = {
            "id": file_id,
            "title": body["title"],
            "mimeType": body.get("mimeType", "application/octet-stream"),
            "parents": body.get("parents", []),
            "labels": {"trashed": False},
        }
        if self.shared_drive:
            file["driveId"] = self.shared_drive
        if blob is not None:
            file |= {"fileSize": str(len(blob)), "md5Checksum": hashlib.md5(blob).hexdigest()}
            self.blobs[file_id] = blob
        self.files[file_id] = file
        return file
