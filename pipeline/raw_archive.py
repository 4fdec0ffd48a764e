"""The raw archive: each fetched page kept as it came, so that better extraction can be had from it later.

A folder per day, in it the files that each process began on that day; `pipeline.raw_files` says what is in them. A
process never writes on in a file of another one. Whoever writes a file holds a lock on it.

Pages are kept as far as their feed's rights allow: only those of feeds with body policy `full`.
"""

import datetime as dt
import fcntl
import importlib.metadata
import os
import threading
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import structlog

from pipeline import raw_files
from pipeline.raw_files import INDEX_SUFFIX, OPEN_SUFFIX, SUFFIX, Kept, RawFileError
from pipeline.sinks.erasure import Erased, Erasure
from pipeline.sinks.files import UNFINISHED
from schemas.enums import BodyPolicy
from schemas.records import Entry, Page
from transforms.fetch import page_of
from transforms.identify import address_key
from transforms.outcomes import Clock, utc_now
from transforms.web.messages import Response

MAX_FILE_BYTES = 1_000_000_000  # then the next is begun: what ISO 28500 recommends in its annex on file size

log = structlog.get_logger()


class RawArchiveError(Exception):
    """The archive cannot be used; the message says why, for a person."""


class RawArchive:
    """Keeps pages in `folder`; it may be called from any thread.

    Args:
        folder: it is made if it does not exist.
        clock: tells the day of a file.
        max_file_bytes: beyond it the next file is begun.

    Raises:
        RawArchiveError: the folder cannot be made or read.
    """

    def __init__(self, folder: Path, *, clock: Clock = utc_now, max_file_bytes: int = MAX_FILE_BYTES) -> None:
        self._folder = folder
        self._clock = clock
        self._max_file_bytes = max_file_bytes
        self._lock = threading.Lock()
        self._file: _OpenFile | None = None
        self._is_failing = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _finish_indexes(folder)
        except OSError as error:
            raise RawArchiveError(f"{folder}: {error.strerror or error}") from error

    def keep(self, entry: Entry, response: Response) -> str | None:
        """Keep a page; it has been handed to the operating system when this returns.

        Returns:
            The reference for `Article.raw_ref`: the file's name and the record's id. None if its feed's rights forbid
            to keep it, or if it cannot be written: the first time that is logged.
        """
        if entry.body_policy is not BodyPolicy.FULL:
            return None
        with self._lock:
            try:
                reference = self._file_of_today().keep(entry, response)
            except OSError as error:
                if not self._is_failing:
                    log.warning("raw_pages_not_kept", folder=str(self._folder), error=str(error))
                self._is_failing = True
                return None
            if self._is_failing:
                log.warning("raw_pages_kept_again", folder=str(self._folder))
                self._is_failing = False
            return reference

    def sync(self) -> None:
        """Return when what was kept has reached the disk, or cannot."""
        with self._lock:
            if self._file:
                with suppress(OSError):  # the pages are handed over; only a power cut could lose them
                    self._file.sync()

    def close(self) -> None:
        """Finish the file."""
        with self._lock:
            self._finish()

    def _file_of_today(self) -> "_OpenFile":
        day = self._clock().date()
        if self._file and (self._file.day != day or self._file.size >= self._max_file_bytes):
            self._finish()
        self._file = self._file or _OpenFile(self._folder, day, self._clock())
        return self._file

    def _finish(self) -> None:
        if self._file:
            try:
                self._file.finish()
            except OSError as error:  # the next one to open the archive does it
                log.warning("raw_index_not_sorted", file=str(self._file.path), error=str(error))
            self._file = None


def read_page(folder: Path, raw_ref: str) -> Page | None:
    """The page that a row's `raw_ref` leads to, as extract had it; None if it is not, or no longer, in the archive.

    Raises:
        RawFileError: it is damaged.
        OSError: the archive cannot be read.
    """
    name, _, record_id = raw_ref.partition("#")
    path = raw_files.path_of(folder, name)
    if path is None or not path.is_file():
        return None
    kept = next((kept for kept in raw_files.read_index(path) if kept.record_id == record_id), None)
    return page_at(path, kept) if kept else None


def page_at(path: Path, kept: Kept) -> Page:
    """The page at a place of a file, as extract had it.

    Raises:
        RawFileError: it is damaged.
        OSError: the file cannot be read.
    """
    entry, response = raw_files.read_page(path, kept)
    page = page_of(entry, response)
    if not isinstance(page, Page):
        raise RawFileError("it is no page")
    return replace(page, raw_ref=reference_of(path, kept.record_id))


def reference_of(path: Path, record_id: str) -> str:
    """What a row calls a page by. It names no place in the file, which purge may write anew."""
    return f"{path.name}#{record_id}"


def forget_days(folder: Path, keep: dt.timedelta, now: dt.datetime, *, is_dry_run: bool = False) -> int:
    """Delete the files of the days that ended longer than `keep` ago, or only say what that would free, in bytes.

    Raises:
        OSError: one cannot be deleted.
    """
    last = (now - keep).date()
    freed = 0
    for path in raw_files.files_of(folder):
        if dt.date.fromisoformat(path.parent.name) >= last or raw_files.is_in_use(path):
            continue
        indexes = (raw_files.index_of(path, suffix) for suffix in (INDEX_SUFFIX, OPEN_SUFFIX))
        of_file = [each for each in (path, *indexes) if each.exists()]
        freed += sum(each.stat().st_size for each in of_file)
        if not is_dry_run:
            for each in of_file:
                each.unlink()
            with suppress(OSError):  # not empty yet, or someone put something there
                path.parent.rmdir()
    return freed


def files_in_use(folder: Path) -> list[Path]:
    """The files of the archive that are being written."""
    return [path for path in raw_files.files_of(folder) if raw_files.is_in_use(path)]


def erase_pages(folder: Path, erasure: Erasure, keys: AbstractSet[str], references: AbstractSet[str]) -> Erased:
    """Take an article's pages out of the archive; nobody may be writing it.

    Args:
        folder: the archive.
        erasure: whose pages go: those that answered its entries.
        keys: of addresses (`address_key`): pages that answered at one go as well.
        references: `raw_ref` of rows: their pages go as well.

    Raises:
        OSError: a file cannot be written; done again, it is finished.
    """
    done = Erased()
    for path in folder.glob(f"*/*{UNFINISHED}"):  # left by a crash
        path.unlink()
        done += Erased(files=1)
    for path in raw_files.files_of(folder):
        gone = {
            kept.record_id
            for kept in raw_files.read_index(path)
            if kept.entry_id in erasure.entry_ids
            or reference_of(path, kept.record_id) in references
            or address_key(kept.url) in keys
        }
        if gone:
            is_left = raw_files.without(path, gone)
            done += Erased(rows=len(gone), files=0 if is_left else 1)
    return done


# ── inside ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _finish_indexes(folder: Path) -> None:
    """Sort the indexes that processes left when they were killed."""
    for path in raw_files.files_of(folder):
        if not raw_files.index_of(path).exists() and not raw_files.is_in_use(path):
            raw_files.write_index(path, raw_files.read_index(path))


class _OpenFile:
    """A file that is being written, with its index. A page is in both, or in neither."""

    def __init__(self, folder: Path, day: dt.date, now: dt.datetime) -> None:
        self.day = day
        self.size = 0
        self._index_size = 0
        self._references: dict[str, str] = {}  # by record id: the same answer to two entries is kept once
        self._file = _begun(folder, day)
        self.path = Path(self._file.name)
        self._index = raw_files.index_of(self.path, OPEN_SUFFIX).open("xb", buffering=0)
        software = f"wirebeam/{importlib.metadata.version('wirebeam')}"
        try:
            self._append(raw_files.warcinfo(self.path.name, software, now), b"")
        except OSError:
            self._close()
            self.path.unlink()
            Path(self._index.name).unlink()
            raise

    def keep(self, entry: Entry, response: Response) -> str:
        members, kept = raw_files.page_members(entry, response, self.size)
        if kept.record_id not in self._references:
            self._append(members, raw_files.line_of(kept, self.path.name))
            self._references[kept.record_id] = reference_of(self.path, kept.record_id)
        return self._references[kept.record_id]

    def sync(self) -> None:
        os.fsync(self._file.fileno())

    def finish(self) -> None:
        try:
            self.sync()
            raw_files.write_index(self.path, raw_files.read_index(self.path))
        finally:
            self._close()

    def _append(self, members: bytes, line: bytes) -> None:
        try:
            _write_all(self._file, members)
            _write_all(self._index, line)
        except OSError:
            for file, size in ((self._file, self.size), (self._index, self._index_size)):
                file.seek(size)
                with suppress(OSError):
                    file.truncate(size)
            raise
        self.size += len(members)
        self._index_size += len(line)

    def _close(self) -> None:
        self._file.close()
        self._index.close()


def _begun(folder: Path, day: dt.date) -> BinaryIO:
    """The next file of a day, made and locked."""
    number = 1
    while True:
        path = raw_files.path_of(folder, f"wirebeam-{day:%Y%m%d}-{number:05}{SUFFIX}")
        assert path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("xb", buffering=0)
        except FileExistsError:
            number += 1
            continue
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file


def _write_all(file: BinaryIO, content: bytes) -> None:
    """Hand all of it to the operating system: nothing waits in this process."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]
