"""A backfill over sources made of records: what it takes, counts, remembers, and where it goes on."""

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pipeline import backfill as module
from pipeline import warehouse
from pipeline.backfill import Filters, Report, backfill, survey
from pipeline.data_directory import warehouse_of
from pipeline.engine import Settings
from pipeline.sinks import open_sink
from pipeline.sources.base import Found, Gate, Refused, SourceError, kept_entry, record_key
from pipeline.state import State
from schemas.enums import BodyPolicy, Reason, Source
from schemas.ids import feed_id
from schemas.records import Feed, Page
from tests.end_to_end.conftest import LOOPBACK
from transforms.pool import Pool
from transforms.wanted import Wanted

MORNING = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
SETTINGS = Settings(LOOPBACK, workers=1)


def page(number: int, *, host: str = "outlet.example", language: str = "en") -> Page:
    words = {
        "en": f"The harbour council met on day {number} and heard that the pier needs planks before the winter storms.",
        "de": f"Der Hafenrat hat am Tag {number} getagt und gehört, dass der Steg vor dem Winter neue Planken braucht.",
    }[language]
    url, at = f"https://{host}/{number}", MORNING + dt.timedelta(hours=number)
    text = "".join(f"<p>{part}. {words}</p>" for part in ("First", "Second", "Third"))
    head = f"<html lang={language}><head><title>Pier {number}</title></head>"
    body = f"{head}<body><article><h1>Pier {number}</h1>{text}</article></body></html>"
    key = record_key(str(number), url, at)
    return Page(
        entry=kept_entry(key, url, at),
        observed_at=at,
        url=url,
        source=Source.FILE,
        content_type="text/html",
        body=body.encode(),
    )


class Records:
    """A source of pages; an exception among them is raised there."""

    identity = "1"

    def __init__(self, records: Sequence[Page | Refused | Exception], name: str = "records") -> None:
        self.name = name
        self.size: int | None = len(records)
        self._records = records
        self.read_from: list[int] = []

    def read(self, position: int, gate: Gate) -> Iterator[Found | Refused]:
        self.read_from.append(position)
        for place, record in enumerate(self._records[position:], start=position + 1):
            if isinstance(record, Exception):
                raise record
            if isinstance(record, Refused):
                yield record
                continue
            refusal = gate.refusal(record.entry.entry_id, record.url, record.observed_at)
            yield Refused(reason=refusal, position=place) if refusal else Found(record=record, position=place)


def run(folder: Path, *sources: Records, filters: Filters | None = None, stop_after: int | None = None) -> Report:
    """A backfill; asked to stop after so many commits."""
    commits: list[object] = []
    filters = filters or Filters()
    sink = open_sink(f"iceberg:{warehouse_of(folder)}")
    return backfill(
        folder,
        sources,
        [sink],
        Settings(LOOPBACK, workers=1, wanted=filters.wanted),
        filters,
        on_progress=commits.append,
        should_stop=lambda: stop_after is not None and len(commits) >= stop_after,
    )


def urls(folder: Path) -> list[str]:
    with warehouse.connect(warehouse_of(folder)) as tables:
        return [url for (url,) in tables.execute("SELECT url FROM articles ORDER BY observed_at").fetchall()]


def test_what_a_filter_wants() -> None:
    noon = MORNING + dt.timedelta(hours=4)
    assert Filters().want("https://a.example/1", None)
    assert Filters(since=MORNING, until=noon).want("https://a.example/1", MORNING)
    assert not Filters(until=noon).want("https://a.example/1", noon)
    assert not Filters(since=noon).want("https://a.example/1", MORNING)
    assert Filters(since=noon).want("https://a.example/1", None), "it is still to be captured"
    of_host = Filters(hosts=frozenset({"a.example"}))
    assert of_host.want("https://www.a.example/1", None)
    assert of_host.want("https://news.a.example/1", None)
    assert not of_host.want("https://ba.example/1", None)
    assert not Filters(match=re.compile("politics")).want("https://a.example/sport/1", None)


def test_a_sample_is_of_articles_and_the_same_each_time() -> None:
    some = Filters(sample=0.2)
    drawn = [number for number in range(2_000) if some.want(f"https://a.example/{number}", None)]
    assert 300 < len(drawn) < 500
    assert drawn == [
        number for number in range(2_000) if some.want(f"http://www.a.example/{number}?utm_source=x", None)
    ]


def test_it_takes_what_is_wanted_and_a_second_time_nothing(tmp_path: Path) -> None:
    source = Records([page(1), page(2, language="de"), Refused(reason=Reason.NOT_HTML, position=3), page(4)])
    wanted = Filters(wanted=Wanted(languages=frozenset({"en"})))
    report = run(tmp_path, source, filters=wanted)
    assert (report.taken, report.outcomes, report.refused) == (3, {"published": 2, "dropped": 1}, {"not_html": 1})
    assert urls(tmp_path) == ["https://outlet.example/1", "https://outlet.example/4"]
    again = run(tmp_path, source, filters=wanted)
    assert (again.taken, again.refused) == (0, {"not_html": 1, "known": 3})
    assert source.read_from == [0, 0]
    assert len(urls(tmp_path)) == 2


def test_a_limit_counts_what_is_known(tmp_path: Path) -> None:
    sources = Records([page(1), page(2)], "a"), Records([page(3), page(4)], "b")
    for _ in range(2):
        run(tmp_path, *sources, filters=Filters(limit=3))
        assert [url[-1] for url in urls(tmp_path)] == ["1", "2", "3"]


def test_stopped_it_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_RECORDS", 2)
    source = Records([page(number) for number in range(8)])
    assert run(tmp_path, source, stop_after=2).is_stopped
    assert [url[-1] for url in urls(tmp_path)] == ["0", "1", "2", "3"]
    rest = run(tmp_path, source)
    assert (rest.taken, rest.refused, rest.is_stopped) == (4, {}, False)
    assert source.read_from == [0, 4]
    assert len(urls(tmp_path)) == 8


def test_a_source_that_breaks_off_costs_its_rest(tmp_path: Path) -> None:
    report = run(tmp_path, Records([page(1), SourceError("a: cannot be read"), page(2)], "a"), Records([page(3)], "b"))
    assert report.failed == ["a: cannot be read"]
    assert [url[-1] for url in urls(tmp_path)] == ["1", "3"]


def test_damage_has_one_row_in_the_ledger(tmp_path: Path) -> None:
    damage = Refused(reason=Reason.MALFORMED, position=1, place="x.warc at byte 7", detail="the file ends there")
    for _ in range(2):
        assert run(tmp_path, Records([damage, page(2)])).damage == ["x.warc at byte 7: the file ends there"]
    with warehouse.connect(warehouse_of(tmp_path)) as tables:
        found = tables.execute("SELECT stage, outcome, reason, detail, is_terminal FROM outcomes WHERE stage = 'read'")
        assert found.fetchall() == [("read", "failed", "malformed", "x.warc at byte 7: the file ends there", True)]


def test_a_sites_feeds_say_what_may_be_kept(tmp_path: Path) -> None:
    state = State(tmp_path)
    feeds = [
        Feed(
            feed_id=feed_id(f"https://outlet.example/{name}"),
            valid_from=MORNING,
            url=f"https://outlet.example/{name}",
            rights="licence 4711",
            body_policy=policy,
        )
        for name, policy in (("a", BodyPolicy.FULL), ("b", BodyPolicy.NONE))
    ]
    state.set_feeds([(feed, feed.url) for feed in feeds])
    state.close()
    run(tmp_path, Records([page(1), page(2, host="other.example")]))
    with warehouse.connect(warehouse_of(tmp_path)) as tables:
        rows = tables.execute("SELECT url, body = '', usage_terms FROM articles ORDER BY observed_at").fetchall()
    assert rows == [("https://outlet.example/1", True, "licence 4711"), ("https://other.example/2", False, None)]


def test_a_survey_changes_nothing(tmp_path: Path) -> None:
    pool = Pool(1)
    source = Records([page(1), Refused(reason=Reason.NOT_FOUND, position=2), page(3, host="b.example")])
    found = survey(tmp_path, [source], Filters(hosts=frozenset({"outlet.example"})), pool)
    pool.close()
    assert (found.pages, found.entries, found.refused) == (1, 0, {"not_found": 1, "not_wanted": 1})
    assert found.page_s is not None
    assert list(tmp_path.iterdir()) == []
