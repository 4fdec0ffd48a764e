"""purge: after it no byte of the text is left under the data directory, and everything else is as it was."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline import warehouse
from pipeline.data_directory import DataDirectoryError, RunnerLock, warehouse_of
from pipeline.deliver import deliver
from pipeline.memory import StateMemory
from pipeline.metrics import Metrics
from pipeline.purge import PurgeError, plan, purge
from pipeline.sinks import open_sink
from pipeline.sinks.base import SinkError
from pipeline.sinks.compact import maintenance_lock
from pipeline.sinks.iceberg import NAMESPACE, open_catalog
from pipeline.state import State
from schemas import codec, ids
from schemas.enums import Change, LinkKind, Origin, OutcomeKind, PubStatus, Reason, Stage
from schemas.memory import KnownAlias, KnownCapture
from schemas.records import Article, Caption, DeadLetter, Entity, Entry, Link, Outcome, Revision
from transforms import outcomes
from transforms.identify import address_key
from transforms.link import sketch_of
from transforms.write import Gathered

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
MARK = "seventeen herons crossed"  # stands in every text of the article that is purged, and nowhere else
OTHER = "nobody saw the owls"


def url_of(name: str) -> str:
    return f"https://outlet.example/news/{name}"


def article_id(name: str) -> str:
    return address_key(url_of(name))


def entry(name: str, words: str, number: int = 1) -> Entry:
    return Entry(
        entry_id=ids.hash_id("entry", name, str(number)),
        feed_id="f" * 32,
        entry_key=name,
        fingerprint="",
        change_no=number,
        origin=Origin.FEED,
        observed_at=NOW,
        url=url_of(name),
        title=f"Title: {words}",
        summary=f"Summary: {words}",
        content=f"<p>{words}</p>" * 50,
    )


def capture(name: str, words: str, number: int = 1) -> Article:
    return Article(
        capture_id=ids.hash_id("capture", name, str(number)),
        article_id=article_id(name),
        content_hash=f"{name} {number}",
        observed_at=NOW + dt.timedelta(hours=20 * number),  # on several days
        url=url_of(name),
        canonical_url=url_of(name),
        title=f"Title: {words}",
        summary=f"Summary: {words}",
        body=f"Body {number}: {words} the river at dawn, and it was a fine day for all who were there. " * 20,
        captions=(Caption(text=f"Caption: {words}"),),
        entities=(Entity(key="k", name=words, type="PERSON"),),  # type: ignore[arg-type]  # a word is enough here
    )


def produced(name: str, words: str, number: int) -> tuple[Entry, list[object]]:
    """An entry and all that a cycle makes of it."""
    one, row = entry(name, words, number), capture(name, words, number)
    killed = {"change": Change.KILL, "change_note": f"Note: {words}", "pub_status": PubStatus.CANCELED}
    revision = Revision(capture_id=row.capture_id, judged_seq=0, article_id=row.article_id, observed_at=row.observed_at)
    link = Link(
        copy_id=article_id(f"copy of {name}"),
        original_id=row.article_id,
        judged_seq=number,
        observed_at=NOW,
        kind=LinkKind.SYNDICATED,
        similarity=1.0,
        containment=1.0,
        cluster_id=row.article_id,
    )
    known = KnownCapture(
        capture_id=row.capture_id,
        article_id=row.article_id,
        observed_at=row.observed_at,
        content_hash=row.content_hash,
        extractor=words,  # stands for the text
    )
    outcome = outcomes.of_entry(one, Stage.WRITE, OutcomeKind.PUBLISHED, NOW, detail=f"Detail: {words}")
    _, letter = outcomes.bug(one, Stage.EXTRACT, ValueError(words), NOW)
    of_feed = DeadLetter(
        id=ids.hash_id(name, str(number)),
        stage=Stage.POLL,
        reason=Reason.NOT_A_FEED,
        died_at=NOW,
        raw=f"<item><link>{one.url}</link>{words}</item>".encode(),
    )
    return one, [
        row,
        replace(revision, **(killed if number == 2 else {})),  # type: ignore[arg-type]  # of several types
        link,
        known,
        sketch_of(row),
        replace(outcome, article_id=row.article_id, capture_id=row.capture_id),
        replace(letter, id=ids.hash_id("letter", name, str(number))),
        of_feed,
    ]


def commit(state: State, name: str, words: str, number: int) -> None:
    one, records = produced(name, words, number)
    gathered = Gathered()
    for record in records:
        gathered.add(record)
    state.commit([one], gathered, NOW)


def uris(folder: Path) -> tuple[str, ...]:
    """The sinks that are delivered to."""
    return f"iceberg:{warehouse_of(folder)}", f"jsonl:{folder / 'lines'}", f"parquet:{folder / 'files'}"


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """Two articles in a warehouse, in a jsonl folder, and in the state: some rows delivered, some on their way."""
    folder = tmp_path / "data"
    folder.mkdir()
    state = State(folder)
    sinks = [open_sink(uri) for uri in uris(folder)]
    for number in (1, 2, 3):
        for name, words in (("herons", MARK), ("owls", OTHER)):
            commit(state, name, words, number)
        if number < 3:
            for sink in sinks:
                deliver(state, sink, Metrics())
    state.set_cursor("bigquery:project.dataset", 3, NOW)
    for name, words in (("herons", MARK), ("owls", OTHER)):
        waiting = entry(name, words, 4)
        deferred = outcomes.of_entry(
            waiting, Stage.FETCH, OutcomeKind.DEFERRED, NOW, is_terminal=False, reason=Reason.TIMEOUT
        )
        gathered = Gathered()
        gathered.add(waiting)
        gathered.add(replace(deferred, title=None))
        state.commit([], gathered, NOW)
        state._db.execute("INSERT INTO replays VALUES (?, 'page', ?)", (waiting.entry_id, codec.encode(waiting)))
    for sink in sinks:
        sink.close()
    yield folder
    state.close()  # as a reader that was there all the time


def bytes_under(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file's bytes; of Parquet, which is compressed, its columns too."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()
            if path.suffix == ".parquet":
                yield path, repr(pq.read_table(path).to_pylist()).encode()


def files_with(folder: Path, words: str) -> set[str]:
    return {path.suffix for path, raw in bytes_under(folder) if words.encode() in raw}


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with warehouse.connect(warehouse_of(folder)) as connection:
        return connection.execute(query).fetchall()


def test_no_byte_of_the_text_is_left_and_nothing_else_is_touched(data: Path) -> None:
    assert {".parquet", ".jsonl"} <= files_with(data, MARK)
    of_other = "SELECT * FROM {} WHERE {} ORDER BY ALL"
    kept = [
        of_other.format("articles", f"article_id = '{article_id('owls')}'"),
        of_other.format("revisions", f"article_id = '{article_id('owls')}'"),
        of_other.format("outcomes", f"url = '{url_of('owls')}'"),
        of_other.format("links", "true"),
        of_other.format("dead_letters", "raw <> ''::BLOB AND contains(hex(raw), hex('owls'))"),
    ]
    before = [rows(data, query) for query in kept]
    assert all(before)
    done = purge(data, plan(data, url_of("herons"), NOW), NOW)
    assert all(erased.rows for erased in done.places.values())
    assert files_with(data, MARK) == set()
    assert files_with(data, "herons cro") == set()  # nor in the statistics of files
    assert [rows(data, query) for query in kept] == before
    assert {".parquet", ".jsonl", ".db"} <= files_with(data, OTHER)


def test_what_was_decided_stays_without_text(data: Path) -> None:
    purge(data, plan(data, article_id("herons"), NOW), NOW)
    ours = f"article_id = '{article_id('herons')}'"
    assert rows(data, f"SELECT title, detail, outcome FROM outcomes WHERE {ours}") == [(None, None, "published")] * 2
    assert rows(data, f"SELECT change, change_note FROM revisions WHERE {ours} ORDER BY observed_at") == [
        ("new", None),
        ("kill", None),
    ]
    assert rows(data, "SELECT DISTINCT article_id FROM articles") == [(article_id("owls"),)]
    assert rows(data, "SELECT article_id, title FROM withdrawn ORDER BY title NULLS FIRST")[0] == (
        article_id("herons"),
        None,
    )
    assert rows(data, f"SELECT count(*) FROM links WHERE original_id = '{article_id('herons')}'") == [(2,)]
    assert rows(data, "SELECT error, count(*) FROM dead_letters WHERE raw = ''::BLOB GROUP BY 1") == [("purged", 4)]


def test_deliveries_go_on_where_they_were(data: Path) -> None:
    purge(data, plan(data, url_of("herons"), NOW), NOW)
    state = State(data)
    for uri in uris(data):
        sink = open_sink(uri)
        deliver(state, sink, Metrics())
        sink.close()
    state.close()
    assert files_with(data, MARK) == set()
    assert rows(data, "SELECT article_id, count(*) FROM articles GROUP BY 1") == [(article_id("owls"), 3)]
    assert rows(data, "SELECT count(*), count(DISTINCT entry_id) FROM outcomes WHERE is_terminal") == [(6, 6)]
    lines = [line for path in (data / "lines" / "articles").rglob("*.jsonl") for line in path.open()]
    assert len(lines) == 3


def test_it_is_remembered_and_never_taken_in_again(data: Path) -> None:
    moved, other = (
        KnownAlias(key=address_key(url_of(name)), article_id=article_id("herons"), observed_at=NOW, is_own=is_own)
        for name, is_own in (("herons-moved", True), ("section", False))
    )
    gathered = Gathered()
    gathered.add(moved)
    gathered.add(other)
    state = State(data)
    state.commit([], gathered, NOW)
    state.close()
    purge(data, plan(data, url_of("herons-moved"), NOW), NOW)
    memory = StateMemory(str(data))
    assert memory.is_suppressed([article_id("herons")])
    assert memory.is_suppressed([moved.key])
    assert not memory.is_suppressed([other.key])
    assert memory.is_suppressed(["else", address_key("http://www.outlet.example/news/herons/?utm_source=x")])
    assert not memory.is_suppressed([article_id("owls"), address_key("https://outlet.example/news")])
    assert memory.neighbours(article_id("herons")) == []
    assert memory.sketches(article_id("herons")) == []
    assert len(memory.sketches(article_id("owls"))) == 3
    memory.close()


def test_purging_again_changes_nothing_more(data: Path) -> None:
    purge(data, plan(data, url_of("herons"), NOW), NOW)
    again = plan(data, url_of("herons"), NOW)
    assert again.observed == ()
    done = purge(data, again, NOW)
    assert [erased.rows for erased in done.places.values()] == [0, 0, 0, 0]
    assert files_with(data, MARK) == set()


def test_a_purge_that_died_half_way_is_finished_by_another(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("pipeline.sinks.erasure._forget_past", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        purge(data, plan(data, url_of("herons"), NOW), NOW)
    assert files_with(data, MARK)
    purge(data, plan(data, article_id("herons"), NOW), NOW)
    assert files_with(data, MARK) == set()


def test_the_plan_names_what_it_concerns_and_what_is_out_of_reach(data: Path) -> None:
    (data / "state-20260101T000000.db").write_bytes(b"put aside")
    planned = plan(data, url_of("herons"), NOW)
    assert planned.title == f"Title: {MARK}"
    assert len(planned.observed) == 3
    assert planned.erasure.article_ids == {article_id("herons")}
    assert len(planned.erasure.entry_ids) == 4
    assert planned.warehouses == (warehouse_of(data),)
    assert planned.folders == (data / "lines", data / "files")
    put_aside, bigquery = planned.out_of_reach
    assert "put aside by rebuild-state" in put_aside
    assert bigquery == "bigquery:project.dataset"
    assert files_with(data, MARK)


@pytest.mark.parametrize("query", ["herons", url_of("nothing"), "deadbeef", ""])
def test_only_an_address_or_an_id_names_what_is_purged(query: str, data: Path) -> None:
    with pytest.raises(PurgeError):
        plan(data, query, NOW)


def test_an_address_that_led_to_several_articles_is_refused_and_is_not_suppressed(data: Path) -> None:
    front = url_of("front")
    state = State(data)
    gathered = Gathered()
    for name in ("herons", "owls"):
        gathered.add(replace(capture(name, OTHER, 5), url=front, canonical_url=url_of(name)))
    state.commit([], gathered, NOW)
    state.close()
    with pytest.raises(PurgeError, match="names several"):
        plan(data, front, NOW)
    planned = plan(data, article_id("herons"), NOW)
    assert planned.erasure.article_ids == {article_id("herons")}
    assert address_key(front) not in planned.keys
    assert address_key(url_of("owls")) not in planned.keys


def test_an_entry_that_never_became_an_article_is_purged_too(data: Path) -> None:
    one = entry("wrens", "the wrens are MARKED")
    outcome, letter = outcomes.bug(one, Stage.EXTRACT, ValueError("x"), NOW)
    gathered = Gathered()
    gathered.add(outcome)
    gathered.add(letter)
    state = State(data)
    state.commit([one], gathered, NOW)
    state.close()
    purge(data, plan(data, url_of("wrens"), NOW), NOW)
    assert files_with(data, "wrens are MARKED") == set()
    memory = StateMemory(str(data))
    assert memory.is_suppressed([address_key(url_of("wrens"))])
    memory.close()


def test_nothing_is_done_beside_a_run_or_a_maintenance_or_a_tag(data: Path) -> None:
    planned = plan(data, url_of("herons"), NOW)
    lock = RunnerLock(data)
    with pytest.raises(DataDirectoryError, match="another run"):
        purge(data, planned, NOW)
    lock.release()
    with maintenance_lock(warehouse_of(data)), pytest.raises(SinkError, match="another maintenance"):
        purge(data, planned, NOW)
    catalog = open_catalog(warehouse_of(data))
    table = catalog.load_table((NAMESPACE, "articles"))
    snapshot = table.current_snapshot()
    assert snapshot
    table.manage_snapshots().create_tag(snapshot.snapshot_id, "keep").commit()
    catalog.close()
    with pytest.raises(SinkError, match="keep"):
        purge(data, planned, NOW)
    memory = StateMemory(str(data))
    assert not memory.is_suppressed([article_id("herons")])
    memory.close()
    RunnerLock(data).release()


def test_the_outcome_of_another_at_the_same_address_keeps_its_title(data: Path) -> None:
    """See `Erasure.changes`: an entry without an article belongs to its address, one with an article to that."""
    planned = plan(data, url_of("herons"), NOW)
    theirs = Outcome(
        entry_id="e",
        attempt=1,
        origin=Origin.FEED,
        stage=Stage.WRITE,
        outcome=OutcomeKind.PUBLISHED,
        is_terminal=True,
        decided_at=NOW,
        url=url_of("herons"),
        title="t",
        article_id="other",
    )
    columns = ("entry_id", "article_id", "url", "title", "detail")
    assert not planned.erasure.changes("outcomes", {name: getattr(theirs, name) for name in columns})
    nobodys = replace(theirs, article_id=None)
    assert planned.erasure.changes("outcomes", {name: getattr(nobodys, name) for name in columns})
