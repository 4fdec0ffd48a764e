"""A PostgreSQL server for tests: started in a temporary folder, stopped at the end, reached by a Unix socket only."""

import atexit
import contextlib
import functools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

INSTALL = "PostgreSQL's server is missing: apt-get install postgresql"


def _program(name: str) -> str | None:
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(installed[-1]) if installed else None)


@functools.cache
def postgres_server() -> str:
    """The URI of the server of this test run; the test that asks is skipped where its programs are missing."""
    stack = contextlib.ExitStack()
    uri = stack.enter_context(_started())
    atexit.register(stack.close)
    return uri


@contextlib.contextmanager
def _started() -> Iterator[str]:
    """The URI of a new server's database "postgres"."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    if not initdb or not pg_ctl:
        pytest.skip(INSTALL)
    folder = Path(tempfile.mkdtemp(prefix="wirebeam-pg-"))
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root; its package brings a user
        try:
            account = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip(INSTALL)
        os.chown(folder, account.pw_uid, account.pw_gid)
        as_user = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]

    def call(*command: str) -> None:
        with (folder / "calls.log").open("ab") as log:
            subprocess.run([*as_user, *command], check=True, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    data = str(folder / "data")
    try:
        call(initdb, "-D", data, "-U", "wirebeam", "--auth=trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        call(pg_ctl, "-D", data, "-o", options, "-l", str(folder / "server.log"), "-w", "start")
        try:
            yield f"postgresql://wirebeam@/postgres?host={folder}"
        finally:
            call(pg_ctl, "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
