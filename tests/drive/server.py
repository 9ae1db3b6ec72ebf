"""A loopback Google Drive: the part of its REST API, version 2, that PyDrive2 calls, and Google's token endpoint.

It is a proxy for HTTPS that ends TLS itself, so the client is the unmodified one, led here by two variables of the
environment: HTTPS_PROXY, and HTTPLIB2_CA_CERTS for the certificate. Nothing leaves the machine.
"""

import base64
import json
import re
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.drive.store import CODE, REFRESH_TOKEN, Drive, Refused


class Handler(BaseHTTPRequestHandler):
    """One connection; `drive` and `keys` are set by `serve`."""

    protocol_version = "HTTP/1.1"
    timeout = 5  # seconds: Google too ends idle connections, and PyDrive2, whose threads share one, may wait for that
    drive: Drive
    keys: Path
    tls: ssl.SSLContext

    def log_message(self, *_: object) -> None:
        pass

    def do_CONNECT(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.connection = self.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        self.close_connection = False

    def answer(self) -> None:
        self.url = urlsplit(self.path)
        self.query = dict(parse_qsl(self.url.query))
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        if len(self.body) < length:  # the client died
            self.close_connection = True
            return
        if "x-http-method-override" in self.headers:  # a query that is too long for an address comes as a form
            self.command, self.query = self.headers["x-http-method-override"], dict(parse_qsl(self.body.decode()))
        try:
            self.route()
        except Refused as refused:
            error = {"reason": refused.reason, "message": refused.message, "domain": "global"}
            body = {"error": {"code": refused.status, "message": refused.message, "errors": [error]}}
            self.send(refused.status, body)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

    def route(self) -> None:
        path, command = self.url.path, self.command
        if path == "/token":
            self.token()
            return
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.drive.tokens:
            raise Refused(401, "authError", "Invalid Credentials")
        exempt = command == "PUT" or self.query.get("alt") == "media"
        if self.drive.shared_drive and "supportsAllDrives" not in self.query and not exempt:
            raise Refused(404, "notFound", "files of shared drives are shown to clients that ask for them")
        file_id, _, verb = path.removeprefix("/drive/v2/files").strip("/").partition("/")
        if path == "/upload/drive/v2/files":
            self.upload()
        elif not path.startswith("/drive/v2/files"):
            raise Refused(404, "notFound", f"the loopback Drive has no {path}")
        elif not file_id and command == "GET":
            self.drive.called("list")
            items, following = self.drive.list(self.query["q"], int(self.query.get("pageToken", 0)))
            self.send(200, {"items": items} | ({"nextPageToken": str(following)} if following else {}))
        elif not file_id:
            self.drive.called("folder")
            self.send(200, self.drive.create(json.loads(self.body), None))
        elif self.query.get("alt") == "media":
            self.drive.called("download")
            self.download(file_id)
        elif command == "GET":
            self.drive.called("metadata")
            self.send(200, self.drive.file(file_id))
        elif verb == "trash":
            self.drive.called("trash")
            self.send(200, self.drive.trash(file_id))
        else:
            self.drive.called("delete")
            self.drive.delete(file_id)
            self.send(204)

    def token(self) -> None:
        """Exchanges an assertion of a service account, or a person's code or refresh token, for an access token."""
        self.drive.called("token")
        form = dict(parse_qsl(self.body.decode()))
        refused = self.drive.grant_error
        if "assertion" in form and not self.is_signed(form["assertion"]):
            refused = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        elif form.get("refresh_token", REFRESH_TOKEN) != REFRESH_TOKEN or form.get("code", CODE) != CODE:
            refused = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
        if refused:
            self.send(400, refused)
        else:
            token = {"access_token": self.drive.new_token(), "expires_in": 3600, "token_type": "Bearer"}
            self.send(200, token | ({"refresh_token": REFRESH_TOKEN} if "code" in form else {}))

    def is_signed(self, assertion: str) -> bool:
        signed, _, signature = assertion.rpartition(".")
        public = serialization.load_pem_public_key((self.keys / "public.pem").read_bytes())
        assert isinstance(public, RSAPublicKey)
        try:
            raw = base64.urlsafe_b64decode(signature + "==")
            public.verify(raw, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def upload(self) -> None:
        """A resumable upload: a POST names the file, a PUT brings all its bytes."""
        if self.command == "POST":
            self.drive.called("start upload")
            upload_id = str(len(self.drive.uploads))
            self.drive.uploads[upload_id] = json.loads(self.body)
            self.send(200, Location=f"https://www.googleapis.com/upload/drive/v2/files?upload_id={upload_id}")
        else:
            self.drive.called("upload")
            self.send(200, self.drive.create(self.drive.uploads[self.query["upload_id"]], self.body))

    def download(self, file_id: str) -> None:
        blob = self.drive.sent(self.drive.blobs[self.drive.file(file_id)["id"]])
        span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
        assert span
        start, end = int(span[1]), min(int(span[2]) + 1, len(blob))
        if start >= len(blob):
            self.send(416, **{"Content-Range": f"bytes */{len(blob)}"})
        else:
            self.send(206, blob[start:end], **{"Content-Range": f"bytes {start}-{end - 1}/{len(blob)}"})

    def send(self, status: int, body: object = b"", **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        if not isinstance(body, bytes):
            headers["Content-Type"] = "application/json; charset=UTF-8"
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if status == 206 and self.drive.cut:
            data, self.close_connection = data[: len(data) // 2], True
        self.wfile.write(data)
        self.wfile.flush()


class Server(ThreadingHTTPServer):
    """Is silent about clients that were killed."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def serve(drive: Drive, keys: Path) -> Iterator[int]:
    """Serves a Drive on a port of this machine, with the keys that `certificates.write_keys` wrote; yields the port."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(keys / "server.pem")
    server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"drive": drive, "keys": keys, "tls": tls}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
