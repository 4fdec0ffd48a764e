"""Where a backfill has its records from: files and addresses as they are given on the command line."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from pipeline.sinks.files import local_folder as local_path
from pipeline.sources import rows
from pipeline.sources.addresses import AddressSource
from pipeline.sources.base import Found, Gate, Refused, Source, SourceError
from pipeline.sources.files import files_at
from pipeline.sources.pages import PagesSource, is_host
from pipeline.sources.rows import RowSource
from pipeline.sources.saved import SavedFile
from pipeline.sources.sitemaps import SitemapSource
from pipeline.sources.snapshots import FeedsSource
from pipeline.sources.sniffing import HEAD_BYTES, Kind, kind_of_content, kind_of_name
from pipeline.sources.streams import DamagedError, head_of
from pipeline.sources.warc import WarcSource
from pipeline.sources.web import Fetch
from schemas import ids
from schemas.enums import Reason
from transforms.outcomes import Clock, utc_now
from transforms.pool import Pool
from transforms.shared import Shared
from transforms.web.urls import redact

NAMES_TOLD = 5  # of the files that are passed over in a folder


@dataclass(frozen=True, slots=True)
class Means:
    """What sources are read with.

    Args:
        fetch: how documents at addresses are had.
        pool: where feeds are parsed.
        clock: when a list of addresses was opened.
    """

    fetch: Fetch
    pool: Shared[Pool]
    clock: Clock = utc_now


@dataclass(frozen=True, slots=True)
class _Reader:
    """How files of a kind are read.

    Args:
        open: makes the source of a name and its files.
        is_joint: whether those of one folder are one source; else each is its own.
    """

    open: Callable[[str, Sequence[SavedFile], Means], Source]
    is_joint: bool = False


READERS = {
    Kind.WARC: _Reader(lambda name, _, __: WarcSource(name)),
    Kind.ADDRESSES: _Reader(lambda name, _, means: RowSource(name, rows.addresses, means.clock)),
    Kind.TABLE: _Reader(lambda name, _, means: RowSource(name, rows.table, means.clock)),
    Kind.JSON_LINES: _Reader(lambda name, _, means: RowSource(name, rows.objects, means.clock)),
    Kind.PAGE: _Reader(lambda name, files, _: PagesSource(name, files), is_joint=True),
    Kind.FEED: _Reader(lambda name, files, means: FeedsSource(name, files, means.pool), is_joint=True),
    Kind.SITEMAP: _Reader(lambda name, _, means: SitemapSource(name, means.fetch, means.clock)),
}


def open_sources(given: Sequence[str], means: Means) -> list[Source]:
    """The sources that arguments stand for, in their order; a file that is named twice is read once.

    Args:
        given: files, folders (with all that is in them but hidden files), patterns, http(s) addresses; files may be
            behind s3: and gs:. What a file is, its name says, else its first bytes.
        means: what they are read with.

    Raises:
        SourceError: one of them cannot be reached, or is nothing that can be read.
    """
    # What becomes one source has one key; the order is that of the first sight.
    groups: dict[tuple[Kind | None, str], list[SavedFile]] = defaultdict(list)
    seen: set[str] = set()
    for argument in given:
        if argument.lower().startswith(_WEB):
            groups[None, argument] = []
            continue
        folder, paths = _listed(argument)
        listed = set(paths) if folder else None
        sidecars = {path: beside for path in paths if (beside := _sidecar(path, listed))}
        passed = set(sidecars.values())
        for path in paths:
            if _identical(path) in seen or path in passed:
                continue
            seen.add(_identical(path))
            kind = _kind(path, is_named=folder is None)
            file = SavedFile(path, _within(path, folder), sidecars.get(path))
            is_joint = kind is None or READERS[kind].is_joint
            groups[kind, (folder or _parent(path)) if is_joint else path].append(file)
    return [_source(kind, name, files, means) for (kind, name), files in groups.items()]


class PassedOver:
    """The files of a folder that are nothing a backfill reads: it tells them, once.

    Args:
        name: where they are.
        files: they.
    """

    def __init__(self, name: str, files: Sequence[SavedFile]) -> None:
        self.name = redact(name)
        self.identity = ids.hash_id("passed over", *(file.path for file in files))
        self.size: int | None = 1
        names = ", ".join(file.within for file in files[:NAMES_TOLD])
        more = ", ..." if len(files) > NAMES_TOLD else ""
        self._detail = f"{len(files)} files of no known kind: {names}{more}"

    def read(self, position: int, gate: Gate) -> Iterator[Found | Refused]:  # noqa: ARG002  # there is nothing to ask
        """See `Source.read`."""
        if not position:
            yield Refused(reason=Reason.NOT_HTML, position=1, place=self.name, detail=self._detail)


_WEB = ("http://", "https://")
_PATTERN = re.compile(r"[*?\[]")


def _source(kind: Kind | None, name: str, files: Sequence[SavedFile], means: Means) -> Source:
    if not files:
        return AddressSource(name, means.fetch, means.pool)
    if kind is None:
        return PassedOver(f"{name}: other files", files)
    # A folder with several kinds of files is several sources.
    return READERS[kind].open(files[0].path if len(files) == 1 else f"{name}: {kind}s", files, means)


def _listed(argument: str) -> tuple[str | None, list[str]]:
    """The folder that an argument names, or that its pattern begins with, and the files; no folder for one file."""
    local = local_path(argument)
    if local.is_dir() if local else argument.endswith("/"):
        return argument, files_at(argument)
    if _PATTERN.search(argument) and not (local and local.exists()):
        return _parent(_PATTERN.split(argument)[0]), files_at(argument)
    return None, files_at(argument)


def _kind(path: str, *, is_named: bool) -> Kind | None:
    """What a file is. One that is named must be of a known kind, one that is found in a folder may be anything."""
    try:
        kind = kind_of_name(path) or kind_of_content(head_of(path, HEAD_BYTES))
    except DamagedError as error:
        if is_named:
            raise SourceError(f"{redact(path)}: {error.detail}") from error
        return None
    if kind is None and is_named:
        if path.lower().endswith(".opml"):
            raise SourceError(f"{redact(path)}: a list of feeds, which a run reads and a backfill does not")
        raise SourceError(f"{redact(path)}: neither its name nor its content is that of a {', '.join(Kind)}")
    return kind


def _sidecar(path: str, listed: Collection[str] | None) -> str | None:
    """The JSON file of the same stem, if it is one of those listed, or for a single file if it is there."""
    beside = f"{path.removesuffix('.gz').rpartition('.')[0]}.json"
    if beside == path or (kind_of_name(path) or Kind.FEED) not in {Kind.PAGE, Kind.FEED}:
        return None
    if listed is not None:
        return beside if beside in listed else None
    local = local_path(beside)
    return beside if local and local.is_file() else None


def _within(path: str, folder: str | None) -> str:
    """A file's path from the folder on that was given; from a host's folder on, if it is that or a file's parent."""
    parts = PurePath(path).parts
    start = len(PurePath(folder).parts) if folder else len(parts) - 1
    hosts = [at for at in range(start - 1 if folder else 0, start) if is_host(parts[at])]
    return "/".join(parts[hosts[-1] if hosts else start :])


def _identical(path: str) -> str:
    local = local_path(path)
    return str(local.resolve()) if local else path


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "."
