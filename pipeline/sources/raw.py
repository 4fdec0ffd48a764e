"""Our own raw archive as a source: the pages that runs have kept, each with the entry that it answered.

What enters is what extract had then, with the same reference, address and time: the same text gives the same row.
Whether a page is known is asked of the index; the pages themselves are read only when they enter.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipeline import raw_files
from pipeline.raw_archive import page_at, reference_of
from pipeline.raw_files import Kept, RawFileError
from pipeline.sources.base import Found, Gate, Refused, Source, SourceError, raw_key_of
from pipeline.sources.files import identity_of
from schemas import ids
from schemas.enums import Origin, Reason
from transforms.extract import EXTRACTOR_VERSION


def raw_sources(folder: Path, *, is_reextraction: bool) -> list[Source]:
    """A source for each file of the archive in `folder`, in the order in which they were begun.

    Args:
        folder: the archive.
        is_reextraction: whether pages enter again that are known by an earlier version of the extractor: once for each
            version.

    Raises:
        SourceError: it is no archive.
    """
    files = raw_files.files_of(folder)
    if not files:
        raise SourceError(f"{folder}: no raw archive")
    return [RawSource(path, is_reextraction=is_reextraction) for path in files]


class RawSource:
    """A file of a raw archive; see `Source`. Positions are its bytes.

    Args:
        path: the file.
        is_reextraction: see `raw_sources`.

    Raises:
        SourceError: it cannot be read.
    """

    def __init__(self, path: Path, *, is_reextraction: bool) -> None:
        self.name = str(path)
        self._path = path
        self._is_reextraction = is_reextraction
        version = EXTRACTOR_VERSION if is_reextraction else ""
        self.identity = ids.hash_id("raw", identity_of(self.name), version)
        self.size: int | None = self._bytes()

    def read(self, position: int, gate: Gate) -> Iterator[Found | Refused]:
        """See `Source.read`."""
        size = self._bytes()
        try:
            is_whole = not raw_files.is_in_use(self._path)
            pages = raw_files.read_index(self._path)
            for kept in pages:
                if kept.start >= position:
                    yield self._answer(kept, gate)
        except OSError as error:
            raise SourceError(f"{self.name}: {error.strerror or error}") from error
        end = max(position, pages[-1].end if pages else 0)
        if is_whole and end < size:
            place = f"{self.name} at byte {end}"
            yield Refused(reason=Reason.MALFORMED, position=size, place=place, detail="the file is cut short here")

    def _answer(self, kept: Kept, gate: Gate) -> Found | Refused:
        key = raw_key_of(reference_of(self._path, kept.record_id), kept.url, kept.observed_at)
        if self._is_reextraction:
            key = ids.hash_id("reextract", key, EXTRACTOR_VERSION)
        refusal = gate.refusal(key, kept.url, kept.observed_at)
        if refusal:
            return Refused(reason=refusal, position=kept.end)
        try:
            page = page_at(self._path, kept)
        except RawFileError as error:
            place = f"{self.name} at byte {kept.start}"
            return Refused(reason=Reason.MALFORMED, position=kept.end, place=place, detail=str(error))
        entry = replace(page.entry, entry_id=key, origin=Origin.BACKFILL, attempt=1, attempts_before=0)
        return Found(record=replace(page, entry=entry), position=kept.end)

    def _bytes(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError as error:
            raise SourceError(f"{self.name}: {error.strerror}") from error
