import contextlib
import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest

from deploy.health import is_healthy
from tests.deploy.deployed import DEPLOY, ROOT, is_exact, lint

DOCKERFILE = DEPLOY / "Dockerfile"
LINES = DOCKERFILE.read_text().replace("\\\n", " ").splitlines()


def test_hadolint_is_content() -> None:
    lint("hadolint", DOCKERFILE)


def test_every_image_has_an_exact_version_and_beam_s_are_that_of_the_project() -> None:
    stages = {line.split(" AS ")[1] for line in LINES if " AS " in line}
    named = [line.split()[1].removeprefix("--from=") for line in LINES if re.match(r"FROM|COPY --from=", line)]
    images = [image for image in named if image not in stages]
    assert len(images) == 6
    assert all(map(is_exact, images)), images
    assert {image.rpartition(":")[2] for image in images if "apache/beam" in image} == {version("apache-beam")}


def test_runs_as_somebody_without_rights_whom_kubernetes_can_tell_from_root() -> None:
    assert [line for line in LINES if line.startswith("USER")] == ["USER 9999"]


def test_everything_that_is_copied_is_let_through_to_the_build_and_is_there() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source for line in LINES if line.startswith("COPY ") and "--from" not in line for source in line.split()[1:-1]
    }
    assert copied == let_through
    assert all((ROOT / source).exists() for source in copied)


@pytest.mark.parametrize("name", ["build.lock", "cluster.lock"])
def test_every_package_in_the_image_is_pinned_by_its_hashes(name: str) -> None:
    packages = re.split(r"\n(?=\S)", (ROOT / "requirements" / name).read_text().strip())
    assert packages
    assert all(re.match(r"\S+==\S+ .*--hash=sha256:", package, re.DOTALL) for package in packages)


def test_the_image_holds_the_tested_versions() -> None:
    def pinned(name: str) -> set[str]:
        return set(re.findall(r"^(\S+==\S+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))

    differing = {package.partition("==")[0] for package in pinned("runtime.lock") - pinned("cluster.lock")}
    assert differing <= {"cachetools", "tenacity"}  # Beam's Google extra wants older ones


@pytest.mark.parametrize("words", [["poll", "--help"], ["--help"], ["stream", "--from=x"]])
def test_what_is_no_option_is_a_command_of_wirebeam(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "wirebeam").write_text('#!/bin/sh\necho "wirebeam $*"\n')
    (tmp_path / "wirebeam").chmod(0o755)
    assert _enter(tmp_path, words).stdout == f"wirebeam {' '.join(words)}\n"


@pytest.mark.parametrize("words", [["--id=1-1", "--provision_endpoint=localhost:1"], ["--worker_pool"], []])
def test_options_are_for_beam_s_boot(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "boot").write_text('#!/bin/sh\necho "boot $*"\n')
    (tmp_path / "boot").chmod(0o755)
    assert _enter(tmp_path, words).stdout == f"boot {' '.join(words)}\n"


def _enter(path: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run the entry with a boot, and a wirebeam, that stand in `path`."""
    entry = path / "entrypoint.sh"
    entry.write_text((DEPLOY / "entrypoint.sh").read_text().replace("/opt/apache/beam/boot", str(path / "boot")))
    entry.chmod(0o755)
    environment = {"PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run([entry, *words], env=environment, capture_output=True, text=True, check=False)


def test_a_poller_is_as_healthy_as_it_says() -> None:
    for status, healthy in ((HTTPStatus.OK, True), (HTTPStatus.SERVICE_UNAVAILABLE, False)):
        with _answering(status) as address:
            assert is_healthy(address, ("127.0.0.1", _closed_port())) is healthy


def test_a_worker_pool_is_healthy_while_it_takes_connections() -> None:
    nobody = f"http://127.0.0.1:{_closed_port()}/healthz"
    with socket.create_server(("127.0.0.1", 0)) as pool:
        assert is_healthy(nobody, pool.getsockname())
    assert not is_healthy(nobody, ("127.0.0.1", _closed_port()))


@contextlib.contextmanager
def _answering(status: HTTPStatus) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/healthz"
        server.shutdown()


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
