"""`wirebeam pubsub setup` and `wirebeam run --from`, with Google's emulator, which permits everything."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.main import app
from schemas import ids
from tests.pipeline.sinks.pubsub_server import pubsub

CALL = ["pubsub", "setup", "projects/test"]


def test_setup_makes_what_is_missing_and_says_so(tmp_path: Path) -> None:
    library = pubsub()
    name = f"t{ids.hash_id('setup', str(tmp_path))}"
    call = [*CALL, "--topic", name, "--subscription", name]
    first, second = (CliRunner().invoke(app, call).output.splitlines() for _ in range(2))
    made = [
        f"projects/test/{kind}/{name}{ending}"
        for kind in ("topics", "subscriptions")
        for ending in ("", "-dead-letters")
    ]
    assert first == [f"made: {each}" for each in made]
    assert second == [f"there already: {each}" for each in made]
    found = library.SubscriberClient().get_subscription(subscription=made[2])
    assert found.topic == made[0]
    assert found.enable_message_ordering
    assert found.retain_acked_messages
    assert found.ack_deadline_seconds == 60
    assert found.dead_letter_policy.dead_letter_topic == made[1]


def test_what_is_not_permitted_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    library = pubsub()
    from google.api_core import exceptions  # noqa: PLC0415  # an extra

    def refuse(*_: object, **__: object) -> None:
        raise exceptions.PermissionDenied("User not authorized")

    monkeypatch.setattr(library.PublisherClient, "create_topic", refuse)
    result = CliRunner().invoke(app, CALL)
    assert result.exit_code == 1
    assert "roles/pubsub.editor" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "pubsub:projects/test/topics/t"], "not pubsub:projects/P/subscriptions/S"),
        (["--from", "pubsub:projects/test/subscriptions/s", "--once"], "leave --once away"),
        (["--from", "pubsub:projects/test/subscriptions/none"], "subscriptions/none"),
    ],
)
def test_a_subscription_that_cannot_be_used_is_said(arguments: list[str], words: str, tmp_path: Path) -> None:
    pubsub()
    result = CliRunner().invoke(app, ["run", *arguments, "--data", str(tmp_path)])
    assert result.exit_code in {1, 2}
    assert words in " ".join(result.output.split())
