"""A newsroom, and a run over it in this process."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from pipeline.data_directory import warehouse_of
from pipeline.engine import Settings
from pipeline.feedlist import read_feeds
from pipeline.live import RunReport, run_once
from pipeline.newsroom import Newsroom
from pipeline.sinks import open_sink
from transforms.outcomes import utc_now
from transforms.web.messages import HttpConfig

LOOPBACK = HttpConfig(allow_net=("127.0.0.0/8",), host_delay_s=0.0)

Run = Callable[[Path, Sequence[str]], RunReport]


@pytest.fixture
def newsroom() -> Iterator[Newsroom]:
    with Newsroom(slow_s=0.2) as served:
        yield served


@pytest.fixture
def run() -> Run:
    def once(folder: Path, feeds: Sequence[str]) -> RunReport:
        folder.mkdir(exist_ok=True)
        settings = read_feeds(feeds, valid_from=utc_now()).feeds
        sink = open_sink(f"iceberg:{warehouse_of(folder)}")
        return run_once(folder, [(one.feed, one.request_url) for one in settings], [sink], Settings(LOOPBACK))

    return once
