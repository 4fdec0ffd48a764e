"""Pub/Sub for tests: Google's emulator, started once a test run, stopped at its end."""

import atexit
import functools
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas import ids
from tests.pipeline.sinks.bigquery_server import free_port, wait_for

INSTALL = (
    "Pub/Sub's emulator or client is missing: gcloud components install beta pubsub-emulator, "
    "and pip install 'wirebeam[gcp]'"
)
PROJECT = "projects/test"


@functools.cache
def pubsub() -> Any:
    """The client library; the emulator is what PUBSUB_EMULATOR_HOST names from now on. Skips where one is missing."""
    library = pytest.importorskip("google.pubsub_v1", reason=INSTALL)
    gcloud = shutil.which("gcloud")
    if not gcloud or not shutil.which("java"):
        pytest.skip(INSTALL)
    port = free_port()
    command = [gcloud, "beta", "emulators", "pubsub", "start", "--project=test", f"--host-port=127.0.0.1:{port}"]
    data = tempfile.mkdtemp(prefix="wirebeam-pubsub-")
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            [*command, f"--data-dir={data}", "--quiet"],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # gcloud starts Java: they are ended together
        )
        atexit.register(_stop, server, data)
        wait_for(port, server, log)
    os.environ["PUBSUB_EMULATOR_HOST"] = f"127.0.0.1:{port}"
    return library


def _stop(server: "subprocess.Popen[bytes]", data: str) -> None:
    os.killpg(server.pid, signal.SIGKILL)
    shutil.rmtree(data, ignore_errors=True)


class Topic:
    """A topic with a subscription that keeps order."""

    def __init__(self, name: str, **settings: Any) -> None:
        library = pubsub()
        self.name, self._subscription = f"{PROJECT}/topics/{name}", f"{PROJECT}/subscriptions/{name}"
        self._subscriber = library.SubscriberClient()
        library.PublisherClient().create_topic(request={"name": self.name, **settings})
        self._subscriber.create_subscription(
            request={"name": self._subscription, "topic": self.name, "enable_message_ordering": True}
        )
        self._received: list[Any] = []

    def messages(self) -> list[Any]:
        """All messages so far, as they came, repeated ones too."""
        while True:
            request = {"subscription": self._subscription, "max_messages": 1_000, "return_immediately": True}
            answer = self._subscriber.pull(request=request).received_messages
            if not answer:
                return self._received
            self._received += [each.message for each in answer]
            self._subscriber.acknowledge(
                request={"subscription": self._subscription, "ack_ids": [each.ack_id for each in answer]}
            )


@functools.cache
def topic_of(folder: Path) -> Topic:
    return Topic(f"t{ids.hash_id('topic', str(folder))}")


def in_pubsub(folder: Path) -> str:
    """A sink's URI: a topic of its own for each folder."""
    return f"pubsub:{topic_of(folder).name}"


def read_pubsub(folder: Path, table: str) -> list[dict[str, Any]]:
    """The rows, repeats folded by their key, as readers are told to."""
    found = {
        message.attributes["key"]: msgspec.json.decode(message.data)
        for message in topic_of(folder).messages()
        if message.attributes["table"] == table
    }
    return list(found.values())
