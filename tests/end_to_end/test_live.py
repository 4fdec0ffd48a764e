"""Runs without end: killed at random they lose nothing, told to stop they end in order, and changed lists are taken."""

import dataclasses
import datetime as dt
import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline import warehouse
from pipeline.data_directory import warehouse_of
from pipeline.engine import Settings
from pipeline.feed_source import FeedLists
from pipeline.live import run_always
from pipeline.metrics import Metrics
from pipeline.newsroom import Newsroom
from pipeline.sinks import open_sink
from pipeline.sinks.base import Batch, Refused, SinkError
from pipeline.sinks.jsonl import JsonlSink
from tests.end_to_end.conftest import LOOPBACK
from tests.end_to_end.crash_harness import difference, free_port, tables_after
from transforms.schedule import Limits
from transforms.visits import Policy

KILLS = 10
EVERY_TURN = Settings(LOOPBACK, limits=Limits(min_interval_s=0.2, max_interval_s=0.4), policy=Policy(), flush_s=0.1)


def test_killed_at_random_moments_nothing_is_lost_or_doubled() -> None:
    draw, port = random.Random(7), free_port()
    found, undisturbed = tables_after(KILLS, draw, port), tables_after(0, draw, port)
    for name, rows in found.items():
        assert difference(rows, undisturbed[name]) == [], name


class Background:
    """A run in a thread of this process, until `stop`."""

    def __init__(self, folder: Path, arguments: list[str], settings: Settings = EVERY_TURN) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._folder = folder
        folder.mkdir(exist_ok=True)
        self._source = FeedLists(arguments, folder)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        sink = open_sink(f"iceberg:{warehouse_of(self._folder)}")
        run_always(self._folder, self._source, [sink], self._settings, self._stop.wait)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


def wait_for(folder: Path, query: str, wanted: object) -> None:
    end = time.monotonic() + 60
    found: object = None
    while time.monotonic() < end:
        try:
            with warehouse.connect(warehouse_of(folder)) as connection:
                found = connection.execute(query).fetchall()
        except warehouse.WarehouseError:
            found = None  # not made yet
        if found == wanted:
            return
        time.sleep(0.1)
    pytest.fail(f"{query}: {found}, not {wanted}")


def test_rounds_arrive_by_themselves_and_a_changed_feed_list_is_taken_up(newsroom: Newsroom, tmp_path: Path) -> None:
    feeds = tmp_path / "feeds.txt"
    feeds.write_text(f"{newsroom.feeds[0]}\n")
    run = Background(tmp_path / "data", [str(feeds)])
    try:
        wait_for(tmp_path / "data", "SELECT count(DISTINCT feed_id) FROM articles", [(1,)])
        feeds.write_text(f"{newsroom.feeds[0]}\n{newsroom.feeds[1]}\n")
        wait_for(tmp_path / "data", "SELECT count(DISTINCT feed_id) FROM articles", [(2,)])
        newsroom.advance()
        newsroom.advance()
        wanted = [article for article in newsroom.truth().articles if article.outlet in newsroom.feeds[0]]
        titles = sorted((article.title,) for article in wanted)
        wait_for(
            tmp_path / "data",
            "SELECT title FROM latest JOIN feeds USING (feed_id) WHERE feeds.url LIKE '%meridian%' ORDER BY title",
            titles,
        )
    finally:
        run.stop()


def test_a_silent_edit_is_found_by_a_revisit(newsroom: Newsroom, tmp_path: Path) -> None:
    once_an_hour = Limits(min_interval_s=3_600, max_interval_s=3_600, fixed_s=3_600)
    ages = (dt.timedelta(seconds=3), dt.timedelta(seconds=6))
    run = Background(
        tmp_path,
        [newsroom.feeds[0]],
        dataclasses.replace(EVERY_TURN, limits=once_an_hour, policy=Policy(revisits=ages)),
    )
    try:
        wait_for(tmp_path, "SELECT count(*) FROM articles", [(3,)])
        newsroom.advance()  # the feed is not asked again: only the page tells
        wait_for(
            tmp_path,
            "SELECT DISTINCT outcome FROM outcomes WHERE origin = 'revisit' AND capture_id IN "
            "(SELECT capture_id FROM revisions WHERE change = 'update')",
            [("revised",)],
        )
        wait_for(tmp_path, "SELECT count(*) FROM outcomes WHERE origin = 'revisit'", [(6,)])
    finally:
        run.stop()


class Valve(JsonlSink):
    """A sink that is down until it is opened."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.is_open = threading.Event()

    def write(self, batch: Batch) -> Sequence[Refused]:
        if not self.is_open.is_set():
            raise SinkError(f"{self.uri}: down")
        return super().write(batch)


def test_a_full_outbox_pauses_polling_and_everything_arrives_once_when_the_sink_is_back(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    valve, stop = Valve(tmp_path / "out"), threading.Event()
    settings = dataclasses.replace(EVERY_TURN, outbox_limit=5)
    source = FeedLists(newsroom.feeds[:1], tmp_path)
    metrics = Metrics()
    arguments = (tmp_path, source, [valve], settings, stop.wait)
    run = threading.Thread(target=run_always, args=arguments, kwargs={"metrics": metrics})
    run.start()
    try:
        until(lambda: newsroom.requests[newsroom.feeds[0]] > 0 and not metrics.is_ready())
        until(lambda: metrics.overdue_s() == 0.0)  # it sleeps
        polls = newsroom.requests[newsroom.feeds[0]]
        newsroom.advance()
        time.sleep(1.0)  # several intervals
        assert newsroom.requests[newsroom.feeds[0]] == polls
        valve.is_open.set()
        articles = tmp_path / "out" / "articles"
        wanted = {one.title for one in newsroom.truth().articles if one.outlet in newsroom.feeds[0]}
        until(lambda: wanted <= {row["title"] for row in json_rows(articles)})
        captures = [row["capture_id"] for row in json_rows(articles)]
        assert len(captures) == len(set(captures))
    finally:
        stop.set()
        run.join(30)
    assert not run.is_alive()


def json_rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in folder.glob("day=*/*.jsonl") for line in file.read_text().splitlines()]


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_poll_alone_hands_each_entry_on_once_also_over_a_restart(newsroom: Newsroom, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline", "poll", *newsroom.feeds[:3], "--data", str(tmp_path / "data")]
    options = ["--to", f"jsonl:{tmp_path}/out", "--allow-net", "127.0.0.0/8", "--interval", "0.3s", "--flush", "0.1s"]
    for _ in range(2):
        subprocess.run([*command, *options, "--for", "3s"], check=True, capture_output=True)
    entries = json_rows(tmp_path / "out" / "entries")
    shown = {
        article.feed_url
        for article in newsroom.truth().articles
        if any(article.outlet in feed for feed in newsroom.feeds[:3])
    }
    assert sorted(entry["url"] for entry in entries) == sorted(shown)
    assert all(url not in newsroom.requests for url in shown)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_commits_delivers_and_ends_with_0(number: int, newsroom: Newsroom, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline", "run", newsroom.feeds[0], "--data", str(tmp_path)]
    options = ["--allow-net", "127.0.0.0/8", "--host-delay", "0", "--interval", "0.5s", "--flush", "1h"]
    process = subprocess.Popen([*command, *options], stderr=subprocess.PIPE)
    end = time.monotonic() + 60
    while not newsroom.requests[newsroom.feeds[0]] > 1 and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(number)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 0, error.decode()
    with warehouse.connect(warehouse_of(tmp_path)) as connection:
        assert connection.execute("SELECT count(*) FROM articles").fetchone() == (3,)
