"""What the sinks that write files have in common: one folder per table and day, one file per batch.

WHERE/TABLE/day=YYYY-MM-DD/WRITER-FIRST-LAST.SUFFIX, where FIRST and LAST are sequence numbers of the batch. A file
appears whole or not at all, and its name says up to which number its folder is complete: that is how a batch that is
delivered again is refused, folder by folder. A cluster's batch has no such numbers: its file is named by its id, and is
not written again. WHERE/_schema_version says which version of the tables wrote there last.

WHERE is a local folder, or a URI that pyarrow knows: s3://BUCKET/PATH, gs://BUCKET/PATH, ...; credentials are found as
pyarrow.fs documents (environment, configuration files, the machine's role).
"""

import datetime as dt
import os
import threading
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar, Protocol, TypeAlias
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from pipeline.sinks.base import Batch, Refused, Row, SinkError, behind
from schemas.records import SCHEMA_VERSION, Delivery
from schemas.tables import time_of
from transforms.web.urls import redact

Content: TypeAlias = bytes | bytearray | pa.Buffer  # of a file

UNFINISHED = ".unfinished"  # the suffix of a file that is being written
VERSION_FILE = "_schema_version"  # readers of a folder of data files leave out names that begin so


class FilesSink:
    """Exactly once per writer. A kind of file is a subclass of this.

    Args:
        where: a folder, or a URI.
    """

    kind: ClassVar[str]
    """What names the sink in a URI."""

    suffix: ClassVar[str]
    """The end of its files' names."""

    takes_entries: bool

    def __init__(self, where: Path | str) -> None:
        place = local_folder(str(where))
        self.uri = f"{self.kind}:{place or redact(str(where))}"
        try:
            self._store: _Store = _Folder(place) if place else _Bucket(*fs.FileSystem.from_uri(where))
            self._check_version()
        except (OSError, pa.ArrowException, ValueError) as error:
            raise SinkError(f"{self.uri}: {_words(error)}") from error

    def write(self, batch: Batch) -> Sequence[Refused]:
        """Write the rows that are new here; see `Sink.write`."""
        name = f"{_stem(batch)}{self.suffix}"
        refused: list[Refused] = []
        try:
            for table, rows in batch.by_table():
                days: dict[dt.date, list[Row]] = defaultdict(list)
                for row in rows:
                    days[time_of(table, row.record).date()].append(row)
                for day, of_day in days.items():
                    folder = f"{table}/day={day}"
                    fresh = self._lacking(folder, name, of_day, batch.writer)
                    content, not_held = self.content(table, fresh, batch.delivery) if fresh else (None, ())
                    refused += not_held
                    if content:
                        self._store.write(f"{folder}/{name}", content)
        except (OSError, pa.ArrowException) as error:
            raise SinkError(f"{self.uri}: {_words(error)}") from error
        return refused

    def close(self) -> None:
        """Nothing is open between batches."""

    def content(self, table: str, rows: Sequence[Row], delivery: Delivery) -> tuple[Content | None, Sequence[Refused]]:
        """The content of a file of these rows, None if it would hold none; and the rows that it cannot hold."""
        raise NotImplementedError

    def _lacking(self, folder: str, name: str, rows: list[Row], writer: str | None) -> list[Row]:
        """The rows that `folder` lacks; the file of these will be `name`."""
        names = self._store.names(folder)
        if writer is None:
            return [] if name in names else rows
        stems = (each.removesuffix(self.suffix) for each in names if each.endswith(self.suffix))
        parts = (stem.rsplit("-", 2) for stem in stems if stem.count("-") > 1)
        # The last sequence number up to which the folder is complete.
        return behind(rows, max((int(last) for of, _, last in parts if of == writer), default=0))

    def _check_version(self) -> None:
        version = int(self._store.read(VERSION_FILE) or 0)
        if version > SCHEMA_VERSION:
            raise SinkError(f"{self.uri}: its files have schema version {version}, this program knows {SCHEMA_VERSION}")
        if version < SCHEMA_VERSION:
            self._store.write(VERSION_FILE, f"{SCHEMA_VERSION}\n".encode())


def _stem(batch: Batch) -> str:
    """A file's name without its suffix."""
    if batch.writer is None:
        return batch.delivery.batch_id
    return f"{batch.writer}-{batch.first_seq:012d}-{batch.last_seq:012d}"


def write_file(path: Path, content: Content) -> None:
    """Write a local file that appears, or takes the place of what has its name, whole or not at all."""
    # Two sinks that are opened at once both write the version's file.
    unfinished = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_native_id()}{UNFINISHED}")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename itself reaches the disk
    finally:
        os.close(folder)


def local_folder(where: str) -> Path | None:
    """The folder of this machine that a sink's files are in; None if they are elsewhere."""
    if where.startswith("file:"):
        return Path(unquote(urlsplit(where).path))
    return None if "://" in where else Path(where).expanduser()


# ── where files are ────────────────────────────────────────────────────────────────────────────────────────────────


class _Store(Protocol):
    """Files by their path under one place."""

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder; none if there is no such folder."""

    def read(self, path: str) -> bytes | None:
        """A file's content; None if there is none."""

    def write(self, path: str, content: Content) -> None:
        """A file that appears whole or not at all."""


class _Folder:
    """A local one."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def names(self, folder: str) -> list[str]:
        try:
            return [path.name for path in (self._root / folder).iterdir()]
        except FileNotFoundError:
            return []

    def read(self, path: str) -> bytes | None:
        try:
            return (self._root / path).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, path: str, content: Content) -> None:
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        write_file(target, content)


class _Bucket:
    """An object store, in which an object appears when its stream is closed."""

    def __init__(self, store: fs.FileSystem, root: str) -> None:
        self._store = store
        self._root = PurePosixPath(root)

    def names(self, folder: str) -> list[str]:
        selector = fs.FileSelector(str(self._root / folder), allow_not_found=True)
        return [info.base_name for info in self._store.get_file_info(selector)]

    def read(self, path: str) -> bytes | None:
        try:
            with self._store.open_input_stream(str(self._root / path)) as stream:
                content: bytes = stream.read()
                return content
        except FileNotFoundError:
            return None

    def write(self, path: str, content: Content) -> None:
        with self._store.open_output_stream(str(self._root / path)) as stream:
            stream.write(content)


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split())
