"""The raw archive: what was kept is found by its reference, whatever happens to the process or the disk."""

import dataclasses
import datetime as dt
import errno
import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import raw_archive, raw_files
from pipeline.raw_archive import RawArchive, RawArchiveError, erase_pages, files_in_use, forget_days, read_page
from pipeline.raw_files import OPEN_SUFFIX, files_of, index_of, read_index
from pipeline.sinks.erasure import Erased, Erasure
from schemas.enums import BodyPolicy, Source
from schemas.records import Entry, Page
from tests.pipeline.test_raw_files import AT, ENTRY, PAGE, pages
from transforms.identify import address_key
from transforms.web.messages import Response

NOBODY = Erasure(article_ids=frozenset(), entry_ids=frozenset(), addresses=frozenset())


def opened(folder: Path, now: dt.datetime = AT, max_file_bytes: int = 1_000_000) -> RawArchive:
    return RawArchive(folder, clock=lambda: now, max_file_bytes=max_file_bytes)


def kept(archive: RawArchive, *answered: tuple[Entry, Response]) -> list[str]:
    return [archive.keep(entry, response) or "" for entry, response in answered]


def killed(archive: RawArchive) -> None:
    """End an archive as its process's end does: nothing is written, and the locks are gone."""
    assert archive._file
    archive._file._close()
    archive._file = None


def test_a_reference_leads_to_its_page_at_once_and_after_the_end(tmp_path: Path) -> None:
    archive = opened(tmp_path)
    (reference,) = kept(archive, (ENTRY, PAGE))
    now = read_page(tmp_path, reference)
    archive.sync()
    archive.close()
    assert now == read_page(tmp_path, reference)
    assert now == Page(
        entry=dataclasses.replace(ENTRY, url="https://outlet.example/go/1"),
        observed_at=AT,
        url=PAGE.url,
        source=Source.WEB,
        status=200,
        content_type="text/html",
        charset="iso-8859-7",
        body=PAGE.body,
        raw_ref=reference,
    )
    assert reference.startswith("wirebeam-20261123-00001.warc.gz#")
    assert sorted(path.name for path in (tmp_path / "2026-11-23").iterdir()) == [
        "wirebeam-20261123-00001.cdxj",
        "wirebeam-20261123-00001.warc.gz",
    ]


@pytest.mark.parametrize("reference", ["", "x#y", "../wirebeam-20261123-00001.warc.gz#y", "wirebeam-20261123-00009#"])
def test_a_reference_to_nothing_leads_nowhere(tmp_path: Path, reference: str) -> None:
    archive = opened(tmp_path)
    (real,) = kept(archive, (ENTRY, PAGE))
    archive.close()
    assert read_page(tmp_path, reference) is None
    assert read_page(tmp_path, f"{real}0") is None


def test_an_answer_to_two_entries_is_kept_once(tmp_path: Path) -> None:
    archive = opened(tmp_path)
    first, second = kept(archive, (ENTRY, PAGE), (dataclasses.replace(ENTRY, entry_id="e2"), PAGE))
    assert first == second
    assert len(read_index(files_of(tmp_path)[0])) == 1


@pytest.mark.parametrize("policy", [BodyPolicy.EXCERPT, BodyPolicy.NONE])
def test_what_may_not_be_stored_is_not_kept(tmp_path: Path, policy: BodyPolicy) -> None:
    assert opened(tmp_path).keep(dataclasses.replace(ENTRY, body_policy=policy), PAGE) is None
    assert files_of(tmp_path) == []


def test_a_full_file_and_a_new_day_begin_the_next(tmp_path: Path) -> None:
    now = [AT]
    archive = RawArchive(tmp_path, clock=lambda: now[0], max_file_bytes=1_500)
    references = kept(archive, *pages(3))
    now[0] += dt.timedelta(days=1)
    references += kept(archive, *pages(4)[3:])
    archive.close()
    names = [path.name.removesuffix(".warc.gz") for path in files_of(tmp_path)]
    assert names == ["wirebeam-20261123-00001", "wirebeam-20261123-00002", "wirebeam-20261124-00001"]
    assert all(index_of(path).is_file() for path in files_of(tmp_path))
    assert [read_page(tmp_path, each) is not None for each in references] == [True] * 4


def test_two_processes_write_to_files_of_their_own(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    (first,), (second,) = kept(one, *pages(1)), kept(other, *pages(1))
    assert first.split("#")[0] != second.split("#")[0]
    assert files_in_use(tmp_path) == files_of(tmp_path)
    one.close()
    assert files_in_use(tmp_path) == files_of(tmp_path)[1:]


def test_after_a_kill_the_next_process_finishes_the_index(tmp_path: Path) -> None:
    archive = opened(tmp_path)
    references = kept(archive, *pages(5))
    (path,) = files_of(tmp_path)
    killed(archive)
    with path.open("ab") as file:
        file.write(path.read_bytes()[:200])  # a page that was being written
    following = opened(tmp_path)
    lines = index_of(path).read_bytes().splitlines()
    assert len(lines) == 5
    assert lines == sorted(lines)
    assert not index_of(path, OPEN_SUFFIX).exists()
    (more,) = kept(following, *pages(6)[5:])
    assert more.split("#")[0] != path.name
    assert [read_page(tmp_path, each) is not None for each in references] == [True] * 5


def test_the_index_of_a_file_that_is_written_is_left_alone(tmp_path: Path) -> None:
    kept(opened(tmp_path), *pages(1))
    archive = opened(tmp_path)
    kept(archive, *pages(1))
    opened(tmp_path)
    assert index_of(files_of(tmp_path)[1], OPEN_SUFFIX).exists()


def full_after(number_bytes: int) -> Callable[..., None]:
    """What writes only so many bytes of the next record."""
    write_all = raw_archive._write_all

    def write(file: object, content: bytes) -> None:
        write_all(file, content[:number_bytes])  # type: ignore[arg-type]  # as it was called
        raise OSError(errno.ENOSPC, "No space left on device")

    return write


@pytest.mark.parametrize("number_bytes", [0, 1, 300])
def test_a_full_disk_costs_references_and_nothing_else(
    tmp_path: Path, number_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    monkeypatch.setattr(raw_archive, "log", Recorded(events))
    archive = opened(tmp_path)
    (first,) = kept(archive, *pages(1))
    with monkeypatch.context() as full:
        full.setattr(raw_archive, "_write_all", full_after(number_bytes))
        assert kept(archive, *pages(3)[1:]) == ["", ""]
    (last,) = kept(archive, *pages(4)[3:])
    assert events == ["raw_pages_not_kept", "raw_pages_kept_again"]
    archive.close()
    (path,) = files_of(tmp_path)
    assert [each.record_id for each in read_index(path)] == [each.split("#")[1] for each in (first, last)]
    index_of(path).unlink()
    assert len(read_index(path)) == 2


def test_a_disk_that_is_full_from_the_start_is_not_littered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_archive, "_write_all", full_after(10))
    archive = opened(tmp_path)
    assert kept(archive, *pages(2)) == ["", ""]
    archive.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


class Recorded:
    """Stands in for the log."""

    def __init__(self, events: list[str]) -> None:
        self._events = events

    def warning(self, event: str, **_: object) -> None:
        self._events.append(event)


def test_a_folder_that_cannot_be_used_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RawArchiveError, match="file"):
        RawArchive(tmp_path / "file")


# ── keep ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_days_that_are_over_long_enough_are_deleted(tmp_path: Path) -> None:
    for day in (1, 2, 3):
        archive = opened(tmp_path, dt.datetime(2026, 11, day, 23, tzinfo=dt.UTC))
        kept(archive, *pages(2))
        archive.close()
    (tmp_path / "2026-11-01" / "notes.txt").write_text("someone's")
    now = dt.datetime(2026, 11, 5, 0, 30, tzinfo=dt.UTC)
    size = sum(path.stat().st_size for path in (tmp_path / "2026-11-02").iterdir())
    keep = dt.timedelta(days=2)
    expected = forget_days(tmp_path, keep, now, is_dry_run=True)
    assert len(files_of(tmp_path)) == 3
    assert forget_days(tmp_path, keep, now) == expected >= size
    assert [path.parent.name for path in files_of(tmp_path)] == ["2026-11-03"]
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == [
        "notes.txt",
        "wirebeam-20261103-00001.cdxj",
        "wirebeam-20261103-00001.warc.gz",
    ]
    assert forget_days(tmp_path, keep, now) == 0


# ── purge ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_articles_pages_are_taken_out(tmp_path: Path) -> None:
    archive = opened(tmp_path, max_file_bytes=3_000)
    references = kept(archive, *pages(8))
    archive.close()
    before = {path: path.read_bytes() for path in files_of(tmp_path)}
    assert len(before) > 2
    erasure = dataclasses.replace(NOBODY, entry_ids=frozenset({"e0"}))
    keys = {address_key("http://www.outlet.example/1/")}
    assert erase_pages(tmp_path, erasure, keys, {references[7], "elsewhere#1"}).rows == 3
    assert [read_page(tmp_path, each) is None for each in references] == [True, True, *[False] * 5, True]
    untouched = [path for path, content in before.items() if path.exists() and path.read_bytes() == content]
    assert len(untouched) == len(before) - 2
    assert erase_pages(tmp_path, erasure, keys, {references[7]}) == Erased()


def test_a_purge_that_was_interrupted_is_done_by_doing_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = opened(tmp_path)
    references = kept(archive, *pages(3))
    archive.close()
    with monkeypatch.context() as patched, pytest.raises(OSError, match="away"):
        patched.setattr(raw_files, "write_index", gone_away)
        erase_pages(tmp_path, NOBODY, frozenset(), set(references[:2]))
    assert not index_of(files_of(tmp_path)[0]).exists()
    erase_pages(tmp_path, NOBODY, frozenset(), set(references[:2]))
    assert [read_page(tmp_path, each) is None for each in references] == [True, True, False]
    unfinished = tmp_path / "2026-11-23" / "wirebeam-20261123-00001.warc.gz.unfinished"
    unfinished.write_bytes(b"text")
    assert erase_pages(tmp_path, NOBODY, frozenset(), frozenset()) == Erased(files=1)
    assert not unfinished.exists()


def gone_away(*_: object) -> None:
    raise OSError(errno.EIO, "gone away")


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    archive = opened(tmp_path)
    kept(archive, *pages(1))
    killed(archive)
    assert files_in_use(tmp_path) == []
    with files_of(tmp_path)[0].open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert files_in_use(tmp_path) == files_of(tmp_path)
