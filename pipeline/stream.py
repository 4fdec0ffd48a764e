"""The unbounded graph: entries of a subscription in, rows in the sinks, on a Beam runner that keeps state and time.

    messages ─► read ─► admit ─► fetch … publish (the local graph's stages) ─► rows
                 │        │          ▲     └─ outcomes ─► settle
                 │        └──────────┼► published again ◄─┘
                 └─► receive ────────┘ the captures of wire documents, at identify

What must come again (over a host's share of a window, still being downloaded, to be retried, to be revisited) is
published to the subscription's own topic, with `not_before`. `transforms.admit` and `transforms.settle` say how. A wire
document is no page: nobody looks at it again.

A bundle takes at most `MAX_PAGES` pages and waits `DEADLINE_S` for them, so a checkpoint waits for one bundle no longer
than that and the extraction of so many pages. At least once all along: what is processed again makes the same rows, and
keyed state, which the runner restores with its checkpoint, makes most of it a repeat.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import TaggedOutput
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError

from pipeline.cluster import Cluster, ClusterError, SinkWriter, last_line, opened, parts_of, shards_of
from pipeline.engine import Settings
from pipeline.graph import StageParts, join
from pipeline.messages import SCHEME, Subscription, read_message, subscription_of, words
from pipeline.subscription import ReadMessages
from schemas.records import Capture, DeadLetter, Entry, Message, Outcome
from transforms.admit import WINDOW_S, AdmitEntries
from transforms.outcomes import Clock, utc_now
from transforms.pool import Pool
from transforms.receive import ReceiveCaptures
from transforms.settle import SettleEntries
from transforms.shared import Shared
from transforms.visits import is_decided
from transforms.write import SHARDS, CountOutcomes, RowWriter, WriteRows

MAX_PAGES = 200  # that a bundle fetches
DEADLINE_S = 5.0  # that a bundle waits for them
AGAIN_S = 1  # that entries wait for others to be published again with them

# What a stream needs of Flink. Without the second nothing ever comes out; the last two keep what a dead job left. Flags
# stand bare: where a job server describes its options, Beam takes no "=true".
OF_FLINK = (
    "--checkpointing_interval=10000",
    "--finish_bundle_before_checkpointing",
    "--externalized_checkpoints_enabled",
    "--retain_externalized_checkpoints_on_cancellation",
)
OF_DATAFLOW = ("--enable_streaming_engine",)


def streaming(cluster: Cluster) -> Cluster:
    """The same cluster with the options that a stream needs there, before those that were given: the last counts."""
    own = {"FlinkRunner": OF_FLINK, "DataflowRunner": OF_DATAFLOW}.get(cluster.runner, ())
    return Cluster(runner=cluster.runner, options=("--streaming", *own, *cluster.options))


def check_deadline(subscription: Subscription, options: PipelineOptions) -> None:
    """See that messages are not delivered again before a checkpoint could acknowledge them.

    Raises:
        ClusterError: the subscription's deadline is not longer than the checkpoint interval.
    """
    interval_s = float(options.get_all_options(retain_unknown_options=True).get("checkpointing_interval", -1)) / 1_000
    if interval_s >= subscription.ack_deadline_s:
        raise ClusterError(
            f"{subscription.name}: its messages are leased for {subscription.ack_deadline_s} s, and acknowledged at a "
            f"checkpoint, every {interval_s:g} s: --checkpointing_interval must be less, in milliseconds"
        )


def stream(
    cluster: Cluster,
    subscription: str,
    sinks: Sequence[str],
    settings: Settings,
    flush_s: int,
    clock: Clock = utc_now,
) -> None:
    """Submit the job, and wait for its end where someone waits for it: on Dataflow it goes on by itself.

    Args:
        cluster: where.
        subscription: projects/P/subscriptions/S, whose topic the job publishes to.
        sinks: URIs; the workers open them.
        settings: http, workers and policy, for each worker.
        flush_s: whole seconds that rows wait for others to join their batch.
        clock: wall clock; it is pickled by its name.

    Raises:
        ClusterError: the job cannot be made, or has failed.
        SinkError: a sink cannot be opened, or not be shared.
    """
    parts = parts_of(settings, DEADLINE_S, MAX_PAGES, clock)
    with opened(sinks, parts, clock):
        pipeline = pipeline_of(cluster, subscription, sinks, parts, settings.http.host_delay_s, flush_s)
        try:
            result = pipeline.run()
            if cluster.runner != "DataflowRunner":
                result.wait_until_finish()
        except Exception as error:  # whatever a runner raises: most know RuntimeError only
            raise ClusterError(f"{cluster.runner}: the job failed: {last_line(error)}") from error


def pipeline_of(
    cluster: Cluster,
    subscription: str,
    sinks: Sequence[str],
    parts: StageParts,
    host_delay_s: float,
    flush_s: int,
) -> beam.Pipeline:
    """The job of `stream`, ready to run.

    Raises:
        ClusterError: it would never end where it is to run, or the subscription does not fit.
        SinkError: a sink cannot be shared by the workers.
    """
    if cluster.is_in_process:
        raise ClusterError(
            f"{cluster.runner}: Beam's in-process runner brings nothing of what has no end; "
            "on one machine that is `wirebeam run --from`"
        )
    cluster = streaming(cluster)
    try:
        asked = subscription_of(subscription)
    except (exceptions.GoogleAPIError, GoogleAuthError, ValueError) as error:
        raise ClusterError(f"{SCHEME}{subscription}: {words(error)}") from error
    check_deadline(asked, cluster.beam_options())
    check_schema(asked)
    writers = {Shared(SinkWriter, (uri, parts.clock)): shards_of(uri, cluster) for uri in sinks}
    pipeline = cluster.pipeline()
    messages = pipeline | "Messages" >> ReadMessages(subscription, is_native=cluster.runner == "DataflowRunner")
    publisher: Shared[RowWriter] = Shared(SinkWriter, (f"{SCHEME}{asked.topic}", parts.clock))
    build_stream(messages, asked, parts, host_share(host_delay_s), writers, publisher, flush_s)
    return pipeline


def check_schema(subscription: Subscription) -> None:
    """See that what is published again says when it is due.

    Raises:
        ClusterError: the topic has an Avro schema that lacks what a stream publishes.
    """
    if subscription.schema is None:
        return
    missing = {"not_before", "deferrals"} - {field["name"] for field in subscription.schema["fields"]}
    if missing:
        raise ClusterError(f"{subscription.topic}: its schema lacks {', '.join(sorted(missing))}")


def build_stream(
    messages: beam.PCollection[Message],
    subscription: Subscription,
    parts: StageParts,
    share: int,
    writers: Mapping[Shared[Any], int],
    publisher: Shared[RowWriter],
    flush_s: int | None,
) -> None:
    """Join all stages behind `messages`. No side effects.

    Args:
        messages: those of the subscription.
        subscription: how they are to be read.
        parts: what the stages are built with.
        share: entries of one host that a window takes.
        writers: of each sink, and in how many shards it is written to.
        publisher: to the subscription's topic.
        flush_s: whole seconds that rows wait for others to join their batch; None where messages end: till then.
    """
    read = messages | "Read" >> beam.ParDo(
        _ReadMessage(subscription.schema, parts.pool, parts.clock, is_binary=subscription.is_binary)
    ).with_output_types(Entry, captures=Capture, outcomes=Outcome, dead_letters=DeadLetter).with_outputs(
        "captures", "outcomes", "dead_letters", main="entries"
    )
    admitted = read.entries | "Admit" >> AdmitEntries(share, parts.clock)
    received = read.captures | "Receive" >> ReceiveCaptures(parts.clock)
    produced = join(admitted["entries"], parts, captures=received)
    rows = produced.rows()
    said = [rows.pop(name) for name, records in list(rows.items()) if records.element_type is Outcome]
    outcomes = [read.outcomes, *said] | "FlattenOutcomes" >> beam.Flatten()
    outcomes | "CountOutcomes" >> beam.ParDo(CountOutcomes()).with_output_types(int)
    settled = (admitted["entries"], outcomes, produced.all["Validators"]) | "Settle" >> SettleEntries(
        parts.policy, parts.clock
    )
    rows |= {
        "MessageDeadLetters": read.dead_letters,
        "DecidedOutcomes": outcomes | "KeepDecided" >> beam.Filter(is_decided).with_output_types(Outcome),
        "SettleOutcomes": settled.outcomes,
        "SettleDeadLetters": settled.dead_letters,
    }
    for number, (writer, shards) in enumerate(writers.items(), start=1):
        rows | f"WriteToSink{number}" >> WriteRows(writer, shards, flush_s)
    again = (admitted["later"], settled.entries) | "FlattenAgain" >> beam.Flatten()
    {"Again": again} | "PublishAgain" >> WriteRows(publisher, SHARDS, None if flush_s is None else AGAIN_S)


def host_share(host_delay_s: float) -> int:
    """How many entries of one host a window takes: as many as its delay lets through, one at least."""
    return MAX_PAGES if host_delay_s * MAX_PAGES <= WINDOW_S else max(1, int(WINDOW_S / host_delay_s))


_TAGS: Mapping[type, str] = {Capture: "captures", Outcome: "outcomes", DeadLetter: "dead_letters"}


class _ReadMessage(beam.DoFn):
    def __init__(self, schema: Any, pool: Shared[Pool], clock: Clock, *, is_binary: bool) -> None:
        self._schema = schema
        self._pool = pool
        self._clock = clock
        self._is_binary = is_binary

    def process(self, message: Message) -> Iterator[Any]:
        for found in read_message(message, self._schema, self._clock(), self._pool, is_binary=self._is_binary):
            if isinstance(found, Entry):
                yield found
            else:
                yield TaggedOutput(_TAGS[type(found)], found)
