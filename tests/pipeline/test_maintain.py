"""What state.db forgets and when, beside whoever else uses it."""

import datetime as dt
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline import maintain as maintenance
from pipeline.data_directory import RunnerLock, warehouse_of
from pipeline.maintain import ALIAS_TTL, ARTICLE_TTL, CAPTURES_KEPT, EVERY, SKETCH_TTL, Report, StateReport, Task
from pipeline.memory import StateMemory
from pipeline.raw_archive import RawArchive
from pipeline.raw_files import files_of
from pipeline.sinks import open_sink
from pipeline.state import State, StateError
from schemas import ids
from schemas.memory import KnownAlias, KnownCapture, Lineage, Sketch
from schemas.records import Article
from tests.pipeline.test_raw_files import ENTRY, PAGE
from transforms.link import sketch_of
from transforms.write import Gathered

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)
STATE = frozenset({Task.STATE})


def capture(article: str, observed_at: dt.datetime) -> KnownCapture:
    return KnownCapture(
        capture_id=f"{article} {observed_at}",
        article_id=article,
        observed_at=observed_at,
        content_hash="",
        extractor="",
    )


def lineage(article: str, observed_at: dt.datetime) -> Lineage:
    return Lineage(
        article_id=article, order_at=observed_at, observed_at=observed_at, original_id=article, cluster_id=article
    )


def sketch(article: str, observed_at: dt.datetime, words: str = "the ferry to the island was late again") -> Sketch:
    made = sketch_of(
        Article(
            capture_id=f"{article} {observed_at}",
            article_id=article,
            content_hash="",
            observed_at=observed_at,
            url="https://outlet.example/",
            canonical_url="https://outlet.example/",
            title=article,
            body=words,
            language="en",
        )
    )
    assert made is not None
    return made


def remember(folder: Path, *records: object, stored_at: dt.datetime = ids.EPOCH) -> None:
    state, gathered = State(folder), Gathered()
    for record in records:
        gathered.add(record)
    state.commit([], gathered, stored_at)
    state.close()


def maintain(folder: Path, now: dt.datetime = NOW, *, is_dry_run: bool = False) -> Report:
    return maintenance.maintain(folder, STATE, clock=lambda: now, sleep=lambda _: None, is_dry_run=is_dry_run)


def alias(key: str, observed_at: dt.datetime) -> KnownAlias:
    return KnownAlias(key=key, article_id="a", observed_at=observed_at)


def forgotten(report: Report) -> tuple[int, int, int]:
    assert isinstance(report.state, StateReport)
    return report.state.captures, report.state.sketches, report.state.lineages


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[StateMemory]:
    State(tmp_path).close()
    opened = StateMemory(str(tmp_path))
    yield opened
    opened.close()


def test_an_article_is_remembered_while_its_newest_capture_is_not_too_old(tmp_path: Path, memory: StateMemory) -> None:
    for article, newest in (("kept", NOW - ARTICLE_TTL), ("gone", NOW - ARTICLE_TTL - MICROSECOND)):
        remember(tmp_path, capture(article, newest), capture(article, newest - ARTICLE_TTL), lineage(article, newest))
    assert forgotten(maintain(tmp_path, is_dry_run=True)) == (2, 0, 1)
    assert len(memory.neighbours("gone")) == 2
    assert forgotten(maintain(tmp_path)) == (2, 0, 1)
    assert (len(memory.neighbours("kept")), len(memory.neighbours("gone"))) == (2, 0)
    assert [each.article_id for each in memory.lineages(["kept", "gone"])] == ["kept"]
    assert forgotten(maintain(tmp_path)) == (0, 0, 0)


def test_a_name_is_remembered_while_its_last_sight_is_not_too_old(tmp_path: Path, memory: StateMemory) -> None:
    kept, gone = alias("kept", NOW - ALIAS_TTL), alias("gone", NOW - ALIAS_TTL - MICROSECOND)
    remember(tmp_path, kept, gone)
    for is_dry_run in (True, False):
        report = maintain(tmp_path, is_dry_run=is_dry_run)
        assert report.state
        assert report.state.aliases == 1
    assert memory.known(["kept", "gone"]) == [kept]


def test_what_a_backfill_stored_today_is_remembered_whatever_its_age(tmp_path: Path, memory: StateMemory) -> None:
    years_ago = NOW - dt.timedelta(days=3000)
    records = capture("a", years_ago), lineage("a", years_ago), sketch("a", years_ago), alias("a", years_ago)
    remember(tmp_path, *records, stored_at=NOW)
    for days, counts in ((10, (0, 0, 0)), (SKETCH_TTL.days + 1, (0, 1, 0)), (ARTICLE_TTL.days + 1, (1, 0, 1))):
        assert forgotten(maintain(tmp_path, NOW + dt.timedelta(days=days), is_dry_run=True)) == counts
        assert forgotten(maintain(tmp_path, NOW + dt.timedelta(days=days))) == counts
    assert memory.known(["a"]) == []


def test_of_a_live_page_only_what_revise_asks_for_is_remembered(tmp_path: Path, memory: StateMemory) -> None:
    minutes = [NOW - number * dt.timedelta(minutes=1) for number in range(CAPTURES_KEPT + 3)]
    remember(tmp_path, *(capture("a", minute) for minute in minutes), capture("b", NOW))
    before = memory.neighbours("a")
    assert forgotten(maintain(tmp_path, is_dry_run=True)) == (3, 0, 0)
    assert forgotten(maintain(tmp_path)) == (3, 0, 0)
    assert memory.neighbours("a") == before
    assert len(memory.neighbours("b")) == 1


def test_a_sketch_goes_with_its_postings(tmp_path: Path, memory: StateMemory) -> None:
    old, kept = sketch("old", NOW - SKETCH_TTL - MICROSECOND), sketch("kept", NOW - SKETCH_TTL)
    remember(tmp_path, old, kept)
    assert forgotten(maintain(tmp_path, is_dry_run=True)) == (0, 1, 0)
    assert forgotten(maintain(tmp_path)) == (0, 1, 0)
    assert memory.candidates("en", old) == [kept]
    with sqlite3.connect(tmp_path / "state.db") as database:
        assert database.execute(
            "SELECT count(*) FROM postings WHERE number NOT IN (SELECT number FROM sketches)"
        ).fetchone() == (0,)
    remember(tmp_path, old)  # may come again
    assert {each.article_id for each in memory.candidates("en", kept)} == {"old", "kept"}


def test_many_are_forgotten_in_many_short_transactions(
    tmp_path: Path, memory: StateMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "BATCH", 7)
    monkeypatch.setattr(maintenance, "SKETCHES_AT_ONCE", 3)
    for number in range(40):
        moment = NOW - ARTICLE_TTL + (number % 2 or -1) * dt.timedelta(hours=1)
        remember(tmp_path, capture(str(number), moment), lineage(str(number), moment))
    remember(tmp_path, *(sketch(str(number), NOW - SKETCH_TTL - MICROSECOND) for number in range(40)))
    remember(tmp_path, sketch("new", NOW))
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        remember(tmp_path, capture("meanwhile", NOW))  # nobody is kept from writing

    report = maintenance.maintain(tmp_path, STATE, clock=lambda: NOW, sleep=pause)
    assert forgotten(report) == (20, 40, 20)
    assert len(pauses) > 20
    assert len(memory.neighbours("meanwhile")) == 1
    assert [each.article_id for each in memory.candidates("en", sketch("x", NOW))] == ["new"]


def test_an_article_judged_anew_meanwhile_is_not_forgotten(tmp_path: Path, memory: StateMemory) -> None:
    old = NOW - ARTICLE_TTL - MICROSECOND
    remember(tmp_path, capture("a", old), lineage("b", old), capture("c", old))
    writes: list[Callable[[], None]] = [lambda: remember(tmp_path, lineage("b", NOW))]

    def pause(_seconds: float) -> None:
        while writes:
            writes.pop()()

    report = maintenance.maintain(tmp_path, STATE, clock=lambda: NOW, sleep=pause)
    assert forgotten(report) == (2, 0, 0)
    assert len(memory.lineages(["b"])) == 1


def test_the_file_shrinks_when_much_was_forgotten(tmp_path: Path) -> None:
    remember(tmp_path, *(sketch(str(number), NOW, f"{number} " * 40) for number in range(300)))
    remember(tmp_path, *(lineage(str(number), NOW) for number in range(3000)))
    size = (tmp_path / "state.db").stat().st_size
    report = maintain(tmp_path, NOW + 2 * ARTICLE_TTL).state
    assert report is not None
    assert (tmp_path / "state.db").stat().st_size < size / 2
    assert (tmp_path / "state.db-wal").exists() is False or (tmp_path / "state.db-wal").stat().st_size == 0
    assert report.bytes_after < report.bytes_before


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A state.db that was made without automatic vacuum, with something to forget."""
    remember(tmp_path, *(lineage(str(number), NOW) for number in range(3000)))
    with sqlite3.connect(tmp_path / "state.db", isolation_level=None) as database:
        database.execute("PRAGMA auto_vacuum = NONE")
        database.execute("VACUUM")
    return tmp_path


def vacuums_itself(folder: Path) -> bool:
    with sqlite3.connect(folder / "state.db") as database:
        return bool(database.execute("PRAGMA auto_vacuum").fetchone()[0])


def test_a_file_made_without_automatic_vacuum_is_written_anew_when_no_run_is_going(older: Path) -> None:
    assert not vacuums_itself(older)
    size = (older / "state.db").stat().st_size
    lock = RunnerLock(older)
    maintain(older, NOW + 2 * ARTICLE_TTL)
    assert not vacuums_itself(older)
    lock.release()
    maintain(older, NOW + 2 * ARTICLE_TTL)
    assert vacuums_itself(older)
    assert (older / "state.db").stat().st_size < size / 2
    State(older).close()


def test_a_run_that_commits_all_the_time_and_maintenance_leave_each_other_alone(tmp_path: Path) -> None:
    remember(tmp_path, *(sketch(str(number), NOW - 2 * SKETCH_TTL, f"{number} " * 40) for number in range(500)))
    failures: list[BaseException] = []

    def run() -> None:
        try:
            for number in range(100):
                remember(tmp_path, capture(str(number), NOW), sketch(f"new {number}", NOW))
        except BaseException as error:  # noqa: BLE001  # shown by the test
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    report = maintenance.maintain(tmp_path, STATE, clock=lambda: NOW)
    thread.join()
    assert failures == []
    assert forgotten(report) == (0, 500, 0)
    with sqlite3.connect(tmp_path / "state.db") as database:
        assert database.execute("SELECT count(*) FROM sketches").fetchone() == (100,)
        assert database.execute("SELECT count(*) FROM captures").fetchone() == (100,)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# ── what is due ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_task_is_due_at_first_and_then_after_its_own_time(tmp_path: Path) -> None:
    assert maintenance.maintain_due(tmp_path, NOW) == set()  # nothing there yet
    State(tmp_path).close()
    assert maintenance.maintain_due(tmp_path, NOW) == set(Task)
    maintenance.maintain(tmp_path, clock=lambda: NOW)
    for task in Task:
        assert task not in maintenance.maintain_due(tmp_path, NOW + EVERY[task] - MICROSECOND)
        assert task in maintenance.maintain_due(tmp_path, NOW + EVERY[task])
    assert maintenance.maintain_due(tmp_path, NOW - MICROSECOND) == set(Task)  # that clock was wrong


def test_a_dry_run_is_not_noted(tmp_path: Path) -> None:
    State(tmp_path).close()
    maintenance.maintain(tmp_path, clock=lambda: NOW, is_dry_run=True)
    assert maintenance.maintain_due(tmp_path, NOW) == set(Task)


def test_the_warehouses_are_those_that_were_delivered_to_and_the_data_directory_s_own(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for place in (elsewhere, warehouse_of(tmp_path)):
        open_sink(f"iceberg:{place}").close()
    state = State(tmp_path)
    for uri in (f"iceberg:{elsewhere}", f"iceberg:{warehouse_of(tmp_path)}", "iceberg:/no/more", f"jsonl:{tmp_path}"):
        state.set_cursor(uri, 1, NOW)
    state.close()
    report = maintenance.maintain(tmp_path, frozenset({Task.WAREHOUSE}), clock=lambda: NOW)
    assert set(report.warehouses) == {elsewhere, warehouse_of(tmp_path)}
    assert (report.state, report.failed) == (None, {})


def test_raw_pages_are_kept_as_long_as_the_run_was_told(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("ninety days", "for ever", "of a backfill")]
    state = State(tmp_path)
    for folder, keep in zip(folders, (dt.timedelta(days=90), None, None), strict=True):
        archive = RawArchive(folder, clock=lambda: NOW - dt.timedelta(days=100))
        archive.keep(ENTRY, PAGE)
        archive.close()
        state.note_raw_keep(folder, keep)
        state.note_raw(folder)  # changes nothing
    state.close()
    expected = maintenance.maintain(tmp_path, frozenset({Task.RAW}), clock=lambda: NOW, is_dry_run=True).raw
    assert [len(files_of(folder)) for folder in folders] == [1, 1, 1]
    assert maintenance.maintain(tmp_path, frozenset({Task.RAW}), clock=lambda: NOW).raw == expected
    assert [len(files_of(folder)) for folder in folders] == [0, 1, 1]
    assert list(expected) == folders[:1]
    assert expected[folders[0]] > 0


def test_a_warehouse_that_fails_is_named_and_the_rest_is_done(tmp_path: Path) -> None:
    State(tmp_path).close()
    warehouse_of(tmp_path).mkdir()
    (warehouse_of(tmp_path) / "catalog.db").write_text("no database")
    report = maintenance.maintain(tmp_path, clock=lambda: NOW)
    assert list(report.failed) == [warehouse_of(tmp_path)]
    assert report.state is not None


def test_a_damaged_state_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("no database at all, whatever its name says")
    with pytest.raises(StateError, match=r"state\.db"):
        maintenance.maintain_due(tmp_path, NOW)
    with pytest.raises(StateError, match=r"state\.db"):
        maintenance.maintain(tmp_path, clock=lambda: NOW)
