"""Metrics: what is counted, and what the three addresses answer."""

import datetime as dt
import http.client
import socket
from collections.abc import Iterator

import pytest

from pipeline.metrics import STALLED_S, Metrics, MetricsError, MetricsServer, serve
from pipeline.sinks.base import Row
from schemas.enums import Origin, OutcomeKind, PollStatus, Precision, Reason, Source, Stage
from schemas.records import Article, Entry, Outcome, Poll, PollState
from transforms.write import Gathered

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


class Clocks:
    """A wall clock and a monotonic one that a test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> dt.datetime:
        return NOW + dt.timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


def ago(seconds: float) -> dt.datetime:
    return NOW - dt.timedelta(seconds=seconds)


def entry(name: str, observed_at: dt.datetime = NOW) -> Entry:
    return Entry(
        entry_id=name,
        feed_id="f",
        entry_key=name,
        fingerprint="x",
        change_no=0,
        origin=Origin.FEED,
        observed_at=observed_at,
    )


def outcome(
    name: str,
    kind: OutcomeKind = OutcomeKind.PUBLISHED,
    *,
    reason: Reason | None = None,
    origin: Origin = Origin.FEED,
    at: dt.datetime = NOW,
) -> Outcome:
    return Outcome(
        entry_id=name,
        attempt=1,
        origin=origin,
        stage=Stage.WRITE,
        outcome=kind,
        is_terminal=kind is not OutcomeKind.DEFERRED,
        decided_at=at,
        reason=reason,
        capture_id=f"capture of {name}",
    )


def article(name: str, published_at: dt.datetime, precision: Precision = Precision.SECOND) -> Article:
    return Article(
        capture_id=f"capture of {name}",
        article_id=name,
        content_hash="",
        observed_at=NOW,
        url="",
        canonical_url="",
        source=Source.WEB,
        title="",
        body="",
        word_count=0,
        extractor_name="",
        extractor_version="",
        published_at=published_at,
        published_precision=precision,
    )


def poll(feed_id: str, status: PollStatus = PollStatus.OK, *, new: int = 0, gap: bool = False) -> Poll:
    reason = Reason.DNS if status is PollStatus.FAILED else None
    return Poll(feed_id=feed_id, polled_at=NOW, url="", status=status, reason=reason, entries_new=new, gap=gap)


def gathered(*records: object) -> Gathered:
    made = Gathered()
    for record in records:
        made.add(record)
    return made


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"wirebeam_{name}", labels)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def metrics(clocks: Clocks) -> Metrics:
    return Metrics(clocks.now, clocks.monotonic)


def test_polls_are_counted_by_how_they_ended_and_quiet_ones_by_their_state(metrics: Metrics) -> None:
    states = [PollState(feed_id=name) for name in "abcd"]
    polls = [poll("a", new=3, gap=True), poll("b", PollStatus.FAILED)]
    metrics.cycle(gathered(*polls, *states), [], 0.1)
    assert value(metrics, "polls_total", status="ok") == 1
    assert value(metrics, "polls_total", status="failed") == 1
    assert value(metrics, "polls_total", status="quiet") == 2
    assert value(metrics, "poll_failures_total", reason="dns") == 1
    assert value(metrics, "feed_gaps_total") == 1
    assert value(metrics, "entries_total", kind="new") == 3


def test_outcomes_are_counted_by_reason(metrics: Metrics) -> None:
    ledger = [outcome("a"), outcome("b"), outcome("c", OutcomeKind.DROPPED, reason=Reason.ROBOTS)]
    metrics.cycle(gathered(outcome("d", OutcomeKind.DEFERRED, reason=Reason.IN_FLIGHT)), ledger, 0.1)
    assert value(metrics, "outcomes_total", outcome="published", reason="none") == 2
    assert value(metrics, "outcomes_total", outcome="dropped", reason="robots") == 1
    assert value(metrics, "entries_in_flight") == 1


def test_the_delay_from_feed_to_row_is_that_of_entries_of_feeds_only(metrics: Metrics) -> None:
    waited, fresh, revisited = entry("waited", ago(40)), entry("fresh", ago(2)), entry("revisited", ago(9_000))
    ledger = [
        outcome("waited"),
        outcome("fresh"),
        outcome("revisited", OutcomeKind.REVISED, origin=Origin.REVISIT),
        outcome("unknown"),
        outcome("failed", OutcomeKind.FAILED),
    ]
    articles = [article("waited", ago(300)), article("fresh", ago(86_000), Precision.DAY), article("revisited", NOW)]
    metrics.cycle(gathered(fresh, *articles), ledger, 0.1, taken=[waited, revisited])
    assert value(metrics, "seen_to_committed_seconds_count") == 2
    assert value(metrics, "seen_to_committed_seconds_sum") == 42
    assert value(metrics, "published_to_committed_seconds_count") == 1
    assert value(metrics, "published_to_committed_seconds_sum") == 300


def test_each_sink_has_its_own_series_without_its_secrets(metrics: Metrics) -> None:
    uri = "postgres://user:hunter2@db.example/news?password=hunter2"
    rows = [Row(1, "outcomes", outcome("a", at=ago(7))), Row(2, "polls", poll("a"))]
    metrics.sink_failed(uri)
    hidden = "postgres://***@db.example/news?password=***"
    assert value(metrics, "sink_failing", sink=hidden) == 1
    metrics.delivered(uri, rows, 0.2)
    metrics.delivered("iceberg:/data", rows, 0.2)
    assert value(metrics, "sink_failing", sink=hidden) == 0
    assert value(metrics, "sink_failures_total", sink=hidden) == 1
    assert value(metrics, "delivered_rows_total", sink=hidden) == 2
    assert value(metrics, "committed_to_delivered_seconds_sum", sink="iceberg:/data") == 7


def test_the_outbox_ages_while_nobody_reports(metrics: Metrics, clocks: Clocks) -> None:
    metrics.outbox(5, ago(10))
    clocks.seconds += 50
    assert value(metrics, "outbox_age_seconds") == 60
    metrics.outbox(0, None)
    assert value(metrics, "outbox_age_seconds") == 0


def test_labels_are_bounded_whatever_comes(metrics: Metrics) -> None:
    for number in range(300):
        ledger = [outcome(str(number), kind, reason=reason) for kind in OutcomeKind for reason in Reason]
        metrics.cycle(gathered(poll(f"feed {number}")), ledger[: 5 + number], 0.1)
    samples = [sample for family in metrics.registry.collect() for sample in family.samples]
    assert len(samples) < 2 * len(OutcomeKind) * (len(Reason) + 1) + 300


def test_a_run_with_nothing_to_do_yet_is_ready(metrics: Metrics) -> None:
    metrics.ready(True)
    assert (metrics.is_ready(), value(metrics, "ready")) == (False, 0)
    metrics.sleeping(5)
    assert (metrics.is_ready(), value(metrics, "ready")) == (True, 1)


def test_times_and_failures_of_the_loop(metrics: Metrics, clocks: Clocks) -> None:
    clocks.seconds += 9
    metrics.cycle_failed()
    metrics.committed(0.3)
    metrics.cycle(gathered(), [], 1.5)
    assert value(metrics, "cycle_failures_total") == 1
    assert value(metrics, "commit_seconds_sum") == 0.3
    assert value(metrics, "cycle_seconds_sum") == 1.5
    assert value(metrics, "last_cycle_timestamp_seconds") == NOW.timestamp() + 9
    assert value(metrics, "start_timestamp_seconds") == NOW.timestamp()


def test_two_runs_in_one_process_count_apart(metrics: Metrics) -> None:
    other = Metrics()
    metrics.queue(3)
    assert (value(metrics, "queue_entries"), value(other, "queue_entries")) == (3, 0)


# ── over HTTP ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def server(metrics: Metrics) -> Iterator[MetricsServer]:
    with serve(metrics, "127.0.0.1:0") as served:
        yield served


def get(server: MetricsServer, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection(*server.address, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_metrics_are_served_as_text(metrics: Metrics, server: MetricsServer) -> None:
    metrics.queue(17)
    status, text = get(server, "/metrics")
    assert status == 200
    assert "wirebeam_queue_entries 17.0" in text
    assert "# HELP wirebeam_cycle_seconds One run of the graph." in text


def test_health_is_lost_when_the_loop_is_overdue(metrics: Metrics, clocks: Clocks, server: MetricsServer) -> None:
    assert get(server, "/healthz")[0] == 200
    clocks.seconds += STALLED_S + 1
    assert get(server, "/healthz") == (503, "the loop is overdue by 121 s\n")
    metrics.cycle(gathered(), [], 0.1)
    metrics.sleeping(3_600)
    clocks.seconds += 3_600
    assert get(server, "/healthz")[0] == 200
    clocks.seconds += STALLED_S + 1
    assert get(server, "/healthz")[0] == 503


def test_ready_is_a_run_that_has_gone_round_and_is_not_paused(metrics: Metrics, server: MetricsServer) -> None:
    seen = [get(server, "/readyz")[0]]
    metrics.ready(True)
    seen.append(get(server, "/readyz")[0])
    metrics.cycle(gathered(), [], 0.1)
    seen.append(get(server, "/readyz")[0])
    metrics.ready(False)
    seen.append(get(server, "/readyz")[0])
    assert seen == [503, 503, 200, 503]


def test_whatever_else_is_asked_is_refused(server: MetricsServer) -> None:
    assert get(server, "/../etc/passwd")[0] == 404
    assert get(server, "/metrics", "POST")[0] == 501


def test_silent_connections_do_not_keep_others_from_their_answer(server: MetricsServer) -> None:
    silent = [socket.create_connection(server.address) for _ in range(8)]
    assert get(server, "/readyz")[0] == 503
    for connection in silent:
        connection.close()


def test_a_taken_port_is_named(server: MetricsServer, metrics: Metrics) -> None:
    host, port = server.address
    with pytest.raises(MetricsError, match=f"{host}:{port}: Address already in use"):
        serve(metrics, f"{host}:{port}")


@pytest.mark.parametrize("address", ["", "here", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:99999", "http://h:1/"])
def test_what_is_no_address_is_said(metrics: Metrics, address: str) -> None:
    with pytest.raises(MetricsError, match="is not HOST:PORT"):
        serve(metrics, address)


def test_a_closed_server_lets_its_port_go(metrics: Metrics) -> None:
    server = serve(metrics, ":0")
    assert server.address[0] == "127.0.0.1"
    server.close()
    with serve(metrics, f"127.0.0.1:{server.address[1]}") as again:
        assert get(again, "/healthz")[0] == 200
