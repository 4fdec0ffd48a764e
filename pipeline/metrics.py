"""Metrics of a run, for Prometheus: every name, its unit and its meaning stand in this file.

The driver and the delivery tell a `Metrics` what they did; `serve` answers `/metrics`, `/healthz` and `/readyz` over
HTTP. Labels take values from closed lists and from the sinks of the command line, so that the number of time series is
bounded; times are UTC, durations seconds.
"""

import datetime as dt
import threading
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socket import AF_INET, AF_INET6, socket
from socketserver import ThreadingTCPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from pipeline.logs import without_secrets
from pipeline.sinks.base import Row
from schemas.enums import Origin, OutcomeKind, PollStatus, Precision, Reason
from schemas.records import Article, Entry, Outcome, Poll, PollState
from transforms.outcomes import Clock, utc_now
from transforms.write import Gathered

DEFAULT_ADDRESS = "127.0.0.1:9464"
STALLED_S = 120.0  # a cycle that takes longer is stuck: its downloads and its parses end within a minute
_CONNECTIONS = 16  # answered at once; further ones are closed
_CONNECTION_TIMEOUT_S = 5.0  # of silence

_WORK = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_DELAY = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3_600, 14_400, 86_400)


class Metrics:
    """What a run counts. Its methods may be called from several threads.

    Args:
        clock: wall clock, for ages and delays.
        monotonic: seconds that only count up, for health.
    """

    def __init__(self, clock: Clock = utc_now, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._beat = monotonic()
        self._planned_s = 0.0
        self._is_ready = False
        self._has_gone_round = False
        self._outbox_since: dt.datetime | None = None

        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)  # memory, CPU, file descriptors

        # ── sources ────────────────────────────────────────────────────────────────────────────────────────────
        self._polls = self._counter(
            "polls", "Looks at feeds by how they ended; quiet: brought nothing and failed in nothing.", "status"
        )
        self._poll_failures = self._counter("poll_failures", "Failed looks at feeds by reason.", "reason")
        self._gaps = self._counter("feed_gaps", "Polls after which entries of a feed may have been missed.")
        self._entries = self._counter("entries", "Entries that left poll: new or changed.", "kind")
        self._poll_seconds = self._histogram("poll_seconds", "From the request to the parsed entries of a feed.", _WORK)

        # ── entries on their way ───────────────────────────────────────────────────────────────────────────────
        self._outcomes = self._counter("outcomes", "Rows of the ledger.", "outcome", "reason")
        self._queue = self._gauge("queue_entries", "Entries that wait for their terminal outcome.")
        self._in_flight = self._gauge(
            "entries_in_flight", "Entries of the last cycle whose page was still downloading."
        )

        # ── the loop ───────────────────────────────────────────────────────────────────────────────────────────
        self._cycle_seconds = self._histogram("cycle_seconds", "One run of the graph.", _WORK)
        self._stage_seconds = self._counter(
            "stage_seconds",
            "What each stage took; poll and fetch mostly wait for their downloads.",
            "stage",
        )
        self._cycle_failures = self._counter("cycle_failures", "Cycles given up for a fault of our own.")
        self._commit_seconds = self._histogram("commit_seconds", "The commit of one cycle to state.db.", _WORK)
        self._last_cycle = self._gauge("last_cycle_timestamp_seconds", "Unix time at which the last cycle ended.")
        ready = self._gauge("ready", "1 while the run takes up work, 0 before its first turn and while it is paused.")
        ready.set_function(self.is_ready)
        start = self._gauge("start_timestamp_seconds", "Unix time at which the run began.")
        start.set(clock().timestamp())

        # ── rows on their way ──────────────────────────────────────────────────────────────────────────────────
        self._outbox = self._gauge("outbox_rows", "Rows that at least one sink lacks.")
        age = self._gauge("outbox_age_seconds", "Age of the oldest row that at least one sink lacks.")
        age.set_function(self._outbox_age_s)
        self._delivered = self._counter("delivered_rows", "Rows that a sink took.", "sink")
        self._delivery_seconds = self._histogram("delivery_seconds", "One batch into one sink.", _WORK, "sink")
        self._sink_failures = self._counter("sink_failures", "Deliveries that a sink could not take.", "sink")
        self._failing = self._gauge("sink_failing", "1 while the last delivery to a sink failed.", "sink")

        # ── delays, of entries of feeds that brought an article; a feed's first poll brings old ones ───────────
        self._published_to_committed = self._histogram(
            "published_to_committed_seconds",
            "From the time that a new article states, if to the minute and not in the future, to the commit.",
            _DELAY,
        )
        self._seen_to_committed = self._histogram(
            "seen_to_committed_seconds", "From the answer of the feed that showed the entry to the commit.", _DELAY
        )
        self._committed_to_delivered = self._histogram(
            "committed_to_delivered_seconds",
            "From the decision on an entry, in the cycle of its commit, to the sink that has the row.",
            _DELAY,
            "sink",
        )

    # ── what the driver tells ──────────────────────────────────────────────────────────────────────────────────────

    def cycle(
        self, gathered: Gathered, ledger: Sequence[Outcome], seconds: float, *, taken: Sequence[Entry] = ()
    ) -> None:
        """A cycle was run and committed.

        Args:
            gathered: what its graph produced.
            ledger: the outcomes that the commit wrote.
            seconds: how long the graph ran.
            taken: the entries from the queue that it was given.
        """
        now = self._clock()
        self._cycle_seconds.observe(seconds)
        for stage, spent_s in gathered.stage_s.items():
            self._stage_seconds.labels(stage).inc(spent_s)
        self._last_cycle.set(now.timestamp())
        self._beat, self._planned_s = self._monotonic(), 0.0
        self._has_gone_round = True
        self._count_polls(gathered)
        seen_at = {entry.entry_id: entry.observed_at for entry in (*taken, *gathered.of(Entry))}
        articles = {article.capture_id: article for article in gathered.of(Article)}
        for outcome in ledger:
            self._outcomes.labels(outcome.outcome, outcome.reason or "none").inc()
            if outcome.origin is not Origin.FEED or not _brought_an_article(outcome):
                continue  # a revisit, a replay or a backfill looks back
            if outcome.entry_id in seen_at:
                self._seen_to_committed.observe(_seconds(seen_at[outcome.entry_id], now))
            article = articles.get(outcome.capture_id or "")
            if article and outcome.outcome is OutcomeKind.PUBLISHED and (published_at := _stated_time(article)):
                self._published_to_committed.observe(_seconds(published_at, now))
        self._in_flight.set(sum(outcome.reason is Reason.IN_FLIGHT for outcome in gathered.of(Outcome)))

    def cycle_failed(self) -> None:
        """A cycle was given up; nothing of it was committed."""
        self._cycle_failures.inc()

    def committed(self, seconds: float) -> None:
        """The commit of a cycle took so long."""
        self._commit_seconds.observe(seconds)

    def sleeping(self, seconds: float) -> None:
        """Nothing is due: the loop means to be back after `seconds`."""
        self._beat, self._planned_s = self._monotonic(), seconds
        self._has_gone_round = True

    def queue(self, length: int) -> None:
        """So many entries wait for their terminal outcome."""
        self._queue.set(length)

    def ready(self, is_ready: bool) -> None:  # noqa: FBT001  # a setter with one meaning
        """Whether the run takes up work: its state is open, and it is not paused by a full outbox."""
        self._is_ready = is_ready

    # ── what the delivery tells ────────────────────────────────────────────────────────────────────────────────────

    def outbox(self, rows: int, oldest_at: dt.datetime | None) -> None:
        """So many rows wait for a sink, the oldest of them since `oldest_at`."""
        self._outbox.set(rows)
        self._outbox_since = oldest_at if rows else None

    def delivered(self, sink_uri: str, rows: Sequence[Row], seconds: float) -> None:
        """A sink took a batch, within `seconds`."""
        sink = without_secrets(sink_uri)
        now = self._clock()
        self._delivered.labels(sink).inc(len(rows))
        self._delivery_seconds.labels(sink).observe(seconds)
        self._failing.labels(sink).set(0)
        for row in rows:
            if isinstance(row.record, Outcome) and _brought_an_article(row.record):
                self._committed_to_delivered.labels(sink).observe(_seconds(row.record.decided_at, now))

    def sink_failed(self, sink_uri: str) -> None:
        """A sink could not take a batch."""
        sink = without_secrets(sink_uri)
        self._sink_failures.labels(sink).inc()
        self._failing.labels(sink).set(1)

    # ── what is asked of it ────────────────────────────────────────────────────────────────────────────────────────

    def is_ready(self) -> bool:
        """Whether the run takes up work, and has gone round once: a cycle, or nothing was due."""
        return self._is_ready and self._has_gone_round

    def overdue_s(self) -> float:
        """For how many seconds the loop has neither ended a cycle nor been asleep as it had planned."""
        return max(0.0, self._monotonic() - self._beat - self._planned_s)

    # ── inside ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _count_polls(self, gathered: Gathered) -> None:
        polls = gathered.of(Poll)
        for poll in polls:
            self._polls.labels(poll.status).inc()
            self._poll_seconds.observe(poll.duration_s)
            self._gaps.inc(poll.gap)
            self._entries.labels("new").inc(poll.entries_new)
            self._entries.labels("changed").inc(poll.entries_changed)
            if poll.status is PollStatus.FAILED:
                self._poll_failures.labels(poll.reason or "none").inc()
        # A quiet poll leaves no row, but every poll leaves a state.
        polled = {poll.feed_id for poll in polls}
        self._polls.labels("quiet").inc(sum(state.feed_id not in polled for state in gathered.of(PollState)))

    def _outbox_age_s(self) -> float:
        return _seconds(self._outbox_since, self._clock()) if self._outbox_since else 0.0

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"wirebeam_{name}", meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"wirebeam_{name}", meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"wirebeam_{name}", meaning, labels, registry=self.registry, buckets=buckets)


def _brought_an_article(outcome: Outcome) -> bool:
    return outcome.outcome in {OutcomeKind.PUBLISHED, OutcomeKind.REVISED}


def _stated_time(article: Article) -> dt.datetime | None:
    is_exact = article.published_precision in {Precision.SECOND, Precision.MINUTE}
    return article.published_at if is_exact and not article.published_suspect else None


def _seconds(since: dt.datetime, now: dt.datetime) -> float:
    return max(0.0, (now - since).total_seconds())


# ── over HTTP ──────────────────────────────────────────────────────────────────────────────────────────────────────


class MetricsError(Exception):
    """The metrics cannot be served; the message says why, for a person."""


class MetricsServer:
    """Answers in a thread of its own until it is closed, see `serve`."""

    def __init__(self, metrics: Metrics, host: str, port: int) -> None:
        server_class = _ServerOfSixAddresses if ":" in host else _Server
        self._server = server_class((host, port), _handler(metrics))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, name="metrics", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that it listens on."""
        host, port, *_ = self._server.server_address
        return str(host), int(port)

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(metrics: Metrics, address: str = DEFAULT_ADDRESS) -> MetricsServer:
    """Serve `metrics` at `address`, HOST:PORT; port 0 is a free one, without a host it is 127.0.0.1.

    `/metrics` is Prometheus's text format. `/healthz` answers 200 while the loop runs or sleeps as it planned, 503 once
    it is overdue by more than `STALLED_S`. `/readyz` answers 200 while the run takes up work.

    Raises:
        MetricsError: it is no such address, or something else listens there.
    """
    try:
        parts = urlsplit(f"//{address}")
        host, port = parts.hostname or "127.0.0.1", parts.port
    except ValueError:
        port = None
    if port is None or parts.netloc != address:
        raise MetricsError(f"metrics: {address!r} is not HOST:PORT")
    try:
        return MetricsServer(metrics, host, port)
    except OSError as error:
        raise MetricsError(f"metrics: cannot listen on {address}: {error.strerror or error}") from error


class _Server(ThreadingTCPServer):
    # http.server's own class looks its host's name up, which can take long and is of no use here.
    address_family = AF_INET
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._places = threading.BoundedSemaphore(_CONNECTIONS)
        super().__init__(address, handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002  # socketserver's signature
        return self._places.acquire(blocking=False)

    def process_request_thread(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


class _ServerOfSixAddresses(_Server):
    address_family = AF_INET6


def _handler(metrics: Metrics) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _CONNECTION_TIMEOUT_S
        server_version = "wirebeam"
        sys_version = ""

        def do_GET(self) -> None:
            status, content_type, body = _answer(metrics, urlsplit(self.path).path)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's signature
            """A scrape every few seconds is no news."""

    return Handler


def _answer(metrics: Metrics, path: str) -> tuple[HTTPStatus, str, bytes]:
    """Status, media type and body."""
    if path == "/metrics":
        return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(metrics.registry)
    overdue_s = metrics.overdue_s()
    status, words = {
        "/healthz": (HTTPStatus.OK, "the loop runs")
        if overdue_s <= STALLED_S
        else (HTTPStatus.SERVICE_UNAVAILABLE, f"the loop is overdue by {overdue_s:.0f} s"),
        "/readyz": (HTTPStatus.OK, "ready")
        if metrics.is_ready()
        else (HTTPStatus.SERVICE_UNAVAILABLE, "not ready: before its first turn, or paused"),
    }.get(path, (HTTPStatus.NOT_FOUND, "here are /metrics, /healthz and /readyz"))
    return status, "text/plain; charset=utf-8", f"{words}\n".encode()
