"""The files that a backfill reads: those of this machine, and those behind a URI that Beam's file systems know.

s3://BUCKET/KEY needs apache-beam[aws], gs://BUCKET/NAME apache-beam[gcp]; credentials are found as these document it.
Every function raises `SourceError` for what it cannot reach; its message has no credentials of a URI.
"""

import datetime as dt
import glob
from pathlib import Path
from typing import BinaryIO, cast

from apache_beam.io.filesystem import BeamIOError, CompressionTypes, FileMetadata
from apache_beam.io.filesystems import FileSystems

from pipeline.sinks.files import local_folder as local_path
from pipeline.sources.base import SourceError
from schemas import ids
from transforms.web.urls import redact


def open_file(path: str) -> BinaryIO:
    """The bytes of a file as they are, compressed or not; it can be sought in."""
    try:
        if local := local_path(path):
            return local.open("rb")
        return cast("BinaryIO", FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED))
    except (OSError, ValueError) as error:
        raise _unreachable(path, error) from error


def size_of(path: str) -> int:
    """The length of a file, in bytes."""
    if local := local_path(path):
        try:
            return local.stat().st_size
        except OSError as error:
            raise _unreachable(path, error) from error
    return int(_remote(path).size_in_bytes)


def changed_at(path: str) -> dt.datetime:
    """When a file was last changed, in UTC."""
    if local := local_path(path):
        try:
            changed_s = local.stat().st_mtime
        except OSError as error:
            raise _unreachable(path, error) from error
    else:
        changed_s = _remote(path).last_updated_in_seconds
    return dt.datetime.fromtimestamp(changed_s, dt.UTC)


def identity_of(path: str) -> str:
    """An id that changes when the file does: of its path, its size and its time of change, or the store's checksum."""
    try:
        if local := local_path(path):
            facts = local.stat()
            return ids.hash_id("file", str(local.resolve()), str(facts.st_size), str(facts.st_mtime_ns))
        checksum = FileSystems.checksum(path)
    except (OSError, ValueError) as error:
        raise _unreachable(path, error) from error
    found = _remote(path)
    return ids.hash_id("file", path, str(found.size_in_bytes), str(found.last_updated_in_seconds), checksum)


def files_at(path: str) -> list[str]:
    """The files that a path stands for, in the order of their names.

    Args:
        path: a file; a folder (elsewhere: a prefix that ends with /), for all files in it and in its folders, but for
            hidden ones; or a pattern with `*`, `?` and `[...]`; `**` stands for any number of folders.

    Raises:
        SourceError: also if there is none.
    """
    if local := local_path(path):
        found = _files_in(local) if local.is_dir() else [str(local)]
        if not local.exists():
            names = glob.glob(str(local), recursive=True)  # noqa: PTH207  # Path.glob takes no absolute patterns
            found = [name for name in names if Path(name).is_file()]
    else:
        found = [one.path for one in _match(f"{path}**" if path.endswith("/") else path)]
    if not found:
        raise SourceError(f"{redact(path)}: no such file")
    return sorted(found)


def _files_in(folder: Path) -> list[str]:
    within = (path for path in folder.rglob("*") if path.is_file())
    return [str(path) for path in within if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def _remote(path: str) -> FileMetadata:
    found = _match(path)
    if not found:
        raise SourceError(f"{redact(path)}: no such file")
    return found[0]


def _match(pattern: str) -> list[FileMetadata]:
    try:
        return cast("list[FileMetadata]", FileSystems.match([pattern])[0].metadata_list)
    except (OSError, ValueError) as error:
        raise _unreachable(pattern, error) from error


def _unreachable(path: str, error: OSError | ValueError) -> SourceError:
    why = error
    if isinstance(error, BeamIOError) and error.exception_details:
        why = next(iter(error.exception_details.values()))  # its own message is the list of all of them
    return SourceError(f"{redact(path)}: {str(why).replace(path, redact(path))}")
