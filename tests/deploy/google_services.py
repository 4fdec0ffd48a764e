"""What a job's submission asks of Google, on loopback: a token, a bucket to stage files in, and Dataflow itself.

    with GoogleServices(folder) as services:
        subprocess.run(command, env=os.environ | services.environment)
        services.jobs      # the job requests, as they came

Only as much as Beam's launcher needs: every bucket is there and empty, every upload is taken, every job is accepted.
"""

import base64
import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import google_crc32c
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PROJECT = "your-project"


class GoogleServices:
    """The services, for as long as the `with` block lasts.

    Args:
        folder: for the key of a service account that nobody else knows.
    """

    def __init__(self, folder: Path) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.staged: dict[str, bytes] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.services = self
        self.address = f"http://localhost:{self._server.server_port}"  # to Beam's launcher another name is no http
        self._credentials = folder / "service-account.json"
        self._credentials.write_text(json.dumps(_service_account(f"{self.address}/token")))

    @property
    def environment(self) -> dict[str, str]:
        """What leads Google's libraries here."""
        return {
            "GOOGLE_APPLICATION_CREDENTIALS": str(self._credentials),
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "STORAGE_EMULATOR_HOST": self.address,
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, body: bytes) -> tuple[HTTPStatus, dict[str, Any], dict[str, str]]:
        """Status, JSON and further headers."""
        answer: dict[str, Any] = {}
        headers: dict[str, str] = {}
        status = HTTPStatus.OK
        if path == "/token":
            answer = {"access_token": "none", "expires_in": 3_600, "token_type": "Bearer"}
        elif path.startswith("/v1b3/") and path.endswith("/jobs"):
            self.jobs.append(json.loads(body))
            answer = {"id": "job-1", "projectId": PROJECT, "currentState": "JOB_STATE_RUNNING"}
        elif path.startswith("/upload/"):  # where the content is to be put
            headers = {"Location": f"{self.address}/content/{json.loads(body)['name']}"}
        elif method == "PUT":
            name = path.removeprefix("/content/")
            self.staged[name] = body
            checksum = google_crc32c.value(body).to_bytes(4, "big")
            answer = {"name": name, "size": str(len(body)), "crc32c": base64.b64encode(checksum).decode()}
        elif "/o/" in path:
            status = HTTPStatus.NOT_FOUND
        else:
            answer = {"name": path.rpartition("/")[2], "location": "EU"}
        return status, answer, headers


class _Server(ThreadingHTTPServer):
    services: GoogleServices


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, answer, headers = self.server.services.answer(self.command, urlsplit(self.path).path, body)
        encoded = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(encoded))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(encoded)


def _service_account(token_uri: str) -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    return {
        "type": "service_account",
        "project_id": PROJECT,
        "client_email": f"wirebeam@{PROJECT}.iam.gserviceaccount.com",
        "token_uri": token_uri,
        "private_key": key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    }
