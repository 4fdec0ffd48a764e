"""`wirebeam pubsub setup`: the topics and subscriptions between pollers and runs."""

import re
from collections.abc import Callable
from typing import Annotated, Any

import typer

from pipeline.cli.terminal import FAULT, USAGE, console, fail

ACK_DEADLINE_S = 60  # a run extends it while a message waits
RETENTION_S = 7 * 86_400  # of messages, acknowledged ones too: a subscription can be sought back so far
LEAST_BACK_OFF_S, LONGEST_BACK_OFF_S = 10, 600  # between two deliveries of a message that is not acknowledged
DELIVERIES = 20  # of a message that nobody acknowledges, before it goes to the dead-letter topic

pubsub_app = typer.Typer(
    name="pubsub",
    help="Pub/Sub between pollers and runs.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@pubsub_app.callback()
def pubsub() -> None:
    """Pub/Sub between pollers and runs."""


@pubsub_app.command("setup")
def setup(
    project: Annotated[str, typer.Argument(help="projects/P")],
    topic: Annotated[str, typer.Option(help="What pollers publish to.")] = "entries",
    subscription: Annotated[str, typer.Option(help="What runs take from.")] = "entries",
) -> None:
    """Make a topic, its subscription, and a topic and subscription for dead letters; what is there stays as it is."""
    if not re.fullmatch(r"projects/[^/]+", project):
        fail(f"not projects/P: {project}", USAGE)
    try:
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError
        from google.pubsub_v1 import PublisherClient, SubscriberClient
    except ImportError as error:
        fail(f"needs pip install 'wirebeam[gcp]' ({error})", USAGE)
    topics, subscriptions = f"{project}/topics", f"{project}/subscriptions"
    dead = f"{subscription}-dead-letters"
    reading = {
        "name": f"{subscriptions}/{subscription}",
        "topic": f"{topics}/{topic}",
        "ack_deadline_seconds": ACK_DEADLINE_S,
        "enable_message_ordering": True,
        "retain_acked_messages": True,
        "message_retention_duration": {"seconds": RETENTION_S},
        "expiration_policy": {},  # never
        "retry_policy": {
            "minimum_backoff": {"seconds": LEAST_BACK_OFF_S},
            "maximum_backoff": {"seconds": LONGEST_BACK_OFF_S},
        },
        "dead_letter_policy": {"dead_letter_topic": f"{topics}/{dead}", "max_delivery_attempts": DELIVERIES},
    }
    keeping = {"name": f"{subscriptions}/{dead}", "topic": f"{topics}/{dead}", "expiration_policy": {}}
    try:
        publisher, subscriber = PublisherClient(), SubscriberClient()
        for make, wanted in (
            (publisher.create_topic, {"name": f"{topics}/{topic}"}),
            (publisher.create_topic, {"name": f"{topics}/{dead}"}),
            (subscriber.create_subscription, reading),
            (subscriber.create_subscription, keeping),
        ):
            _make(make, wanted, exceptions.AlreadyExists)
    except (exceptions.PermissionDenied, exceptions.Forbidden) as error:
        fail(f"{project}: not permitted; the account needs roles/pubsub.editor ({error.message})", FAULT)
    except (exceptions.GoogleAPIError, GoogleAuthError) as error:
        fail(f"{project}: {' '.join(str(error).split())}", FAULT)


def _make(make: Callable[..., object], wanted: dict[str, Any], already_exists: type[Exception]) -> None:
    try:
        make(request=wanted, timeout=30.0)
    except already_exists:
        console().print(f"there already: {wanted['name']}")
    else:
        console().print(f"made: {wanted['name']}")
