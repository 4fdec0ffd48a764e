"""The raw archive as a source: each page enters as it was extracted, once, or once for each extractor version."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.raw_archive import RawArchive, read_page
from pipeline.raw_files import files_of, read_index
from pipeline.sources import raw
from pipeline.sources.base import Found, Refused, SourceError, raw_key_of
from pipeline.sources.raw import RawSource, raw_sources
from schemas.enums import Origin, Reason
from schemas.records import Page
from tests.pipeline.sources.reading import AskedGate
from tests.pipeline.test_raw_files import AT, pages


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with pages in several files, and the references of the pages."""
    folder = tmp_path_factory.mktemp("raw")
    kept = RawArchive(folder, clock=lambda: AT, max_file_bytes=3_000)
    references = [kept.keep(entry, response) or "" for entry, response in pages(6)]
    kept.close()
    assert len(files_of(folder)) > 1
    return folder, references


def read(folder: Path, gate: AskedGate, *, is_reextraction: bool = False) -> list[Found | Refused]:
    sources = raw_sources(folder, is_reextraction=is_reextraction)
    return [each for source in sources for each in source.read(0, gate)]


def key_of(found: Found | Refused) -> str:
    assert isinstance(found, Found)
    assert isinstance(found.record, Page)
    return found.record.entry.entry_id


def test_each_page_enters_as_it_was_kept(archive: tuple[Path, list[str]]) -> None:
    folder, references = archive
    for found, reference in zip(read(folder, AskedGate()), references, strict=True):
        assert isinstance(found, Found)
        page = read_page(folder, reference)
        assert page
        key = raw_key_of(reference, page.url, page.observed_at)
        entry = dataclasses.replace(page.entry, entry_id=key, origin=Origin.BACKFILL)
        assert found.record == dataclasses.replace(page, entry=entry)


def test_a_page_is_known_by_what_its_row_says(archive: tuple[Path, list[str]]) -> None:
    folder, references = archive
    gate = AskedGate()
    rows = [page for each in references if (page := read_page(folder, each))]
    read(folder, gate)
    assert gate.asked == [
        (raw_key_of(row.raw_ref or "", row.url, row.observed_at), row.url, row.observed_at) for row in rows
    ]


def test_what_is_refused_is_not_read(archive: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = archive
    urls = [response.url for _, response in pages(6)]
    monkeypatch.setattr(raw, "page_at", None)
    gate = AskedGate(dict.fromkeys(urls, Reason.KNOWN))
    found = read(folder, gate)
    assert [each.reason for each in found if isinstance(each, Refused)] == [Reason.KNOWN] * 6


def test_a_page_is_extracted_again_once_for_each_version(
    archive: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = archive
    keys, identities = [], []
    for version in ("1", "1", "2"):
        monkeypatch.setattr(raw, "EXTRACTOR_VERSION", version)
        keys.append([key_of(each) for each in read(folder, AskedGate(), is_reextraction=True)])
        identities.append([each.identity for each in raw_sources(folder, is_reextraction=True)])
    assert keys[0] == keys[1]
    assert identities[0] == identities[1]
    plain = [key_of(each) for each in read(folder, AskedGate())]
    assert len({*keys[0], *keys[2], *plain}) == 18
    assert not set(identities[0]) & set(identities[2])


@given(st.integers(0, 5))
def test_reading_goes_on_where_it_was(archive: tuple[Path, list[str]], number: int) -> None:
    folder, _ = archive
    for source in raw_sources(folder, is_reextraction=False):
        whole = list(source.read(0, AskedGate()))
        if number < len(whole):
            assert list(source.read(whole[number].position, AskedGate())) == whole[number + 1 :]
        assert whole[-1].position == source.size


def copy_of(folder: Path, to: Path, cut: int) -> Path:
    """The first file of the archive without its last bytes and without its index."""
    path = to / "2026-11-23" / files_of(folder)[0].name
    path.parent.mkdir()
    content = files_of(folder)[0].read_bytes()
    path.write_bytes(content[: len(content) - cut])
    return path


def test_a_file_that_was_cut_short_is_said_to_be(archive: tuple[Path, list[str]], tmp_path: Path) -> None:
    path = copy_of(archive[0], tmp_path, cut=5)
    source = RawSource(path, is_reextraction=False)
    *found, last = source.read(0, AskedGate())
    assert len(found) == len(read_index(path))
    assert isinstance(last, Refused)
    assert (last.reason, last.position) == (Reason.MALFORMED, source.size)
    assert last.place == f"{path} at byte {found[-1].position if found else 0}"
    assert list(source.read(last.position, AskedGate())) == []


def test_a_damaged_page_is_said_to_be(archive: tuple[Path, list[str]], tmp_path: Path) -> None:
    path = copy_of(archive[0], tmp_path, cut=0)
    kept = read_index(path)
    RawArchive(tmp_path).close()  # makes the index
    content = bytearray(path.read_bytes())
    content[(kept[0].offset + kept[0].end) // 2] ^= 0xFF
    path.write_bytes(content)
    damaged, *found = RawSource(path, is_reextraction=False).read(0, AskedGate())
    assert isinstance(damaged, Refused)
    assert (damaged.reason, damaged.position, damaged.place) == (
        Reason.MALFORMED,
        kept[0].end,
        f"{path} at byte {kept[0].start}",
    )
    assert len(found) == len(kept) - 1


def test_a_page_that_is_being_kept_is_no_damage(tmp_path: Path) -> None:
    kept = RawArchive(tmp_path, clock=lambda: AT)
    for entry, response in pages(2):
        kept.keep(entry, response)
    (path,) = files_of(tmp_path)
    with path.open("ab") as file:
        file.write(b"\x1f\x8b half a")
    assert [type(each) for each in read(tmp_path, AskedGate())] == [Found, Found]


def test_a_folder_without_pages_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no raw archive"):
        raw_sources(tmp_path, is_reextraction=False)


def test_a_file_that_is_gone_is_named(archive: tuple[Path, list[str]], tmp_path: Path) -> None:
    path = copy_of(archive[0], tmp_path, cut=0)
    source = RawSource(path, is_reextraction=False)
    path.unlink()
    with pytest.raises(SourceError, match=path.name):
        list(source.read(0, AskedGate()))
