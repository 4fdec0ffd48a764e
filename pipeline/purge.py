"""purge: an article's text out of everything that this data directory holds or has delivered, for good.

`plan` finds what is concerned and changes nothing; `purge` does it:

- state.db: what is remembered of its captures and texts, its entries in the queue, records put back, rows in the
  outbox; its id and its addresses are noted in table `suppressed`, so that identify never lets it in again. The file is
  then written anew, since deleted rows leave their bytes behind, and its write-ahead log is emptied.
- Iceberg warehouses and folders of the jsonl and the parquet sink that were delivered to: see `pipeline.sinks.erasure`.
- Raw archives that runs of this data directory have kept pages in: their files are written anew without its pages.

What was judged and decided of it stays, without text: revisions, links and outcomes go on saying that there was an
article, what it was a copy of, and that it was killed. Other sinks cannot be reached; they are named.

No run may be going on: a page that is just being extracted, or a batch that is just being delivered, would bring the
text back. A crash in the middle leaves the suppression and a part of the text; purging again finishes it.
"""

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import alias_store, raw_folders
from pipeline.data_directory import RunnerLock, warehouse_of
from pipeline.ledger import Ledger
from pipeline.named import find_named
from pipeline.raw_archive import erase_pages, files_in_use
from pipeline.sinks.base import SinkError
from pipeline.sinks.compact import is_warehouse
from pipeline.sinks.erasure import COLUMNS, GOES, Erased, Erasure, IcebergEraser, erase_files
from pipeline.sinks.files import local_folder
from pipeline.sinks.iceberg import place_of
from pipeline.sinks.jsonl import JsonlSink
from pipeline.sinks.parquet import ParquetSink
from pipeline.state import BUSY_TIMEOUT_S, FILE_NAME, State, StateError
from schemas import codec
from schemas.records import Article, Entry, Outcome
from schemas.tables import ROWS
from transforms.copies import copy_store
from transforms.identify import address_key
from transforms.text import urls

_PUT_ASIDE = "state-*.db"  # by rebuild-state
_FILES = frozenset({JsonlSink.kind, ParquetSink.kind})


class PurgeError(Exception):
    """It cannot be purged; the message says why, for a person. Nothing has been changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be purged.

    Args:
        title: as the article was called last.
        url: where it was seen last.
        observed: when each of its captures was.
        erasure: whose text is taken out.
        keys: what is never taken in again: its id, and the keys of its addresses.
        warehouses: Iceberg warehouses that hold it, or may.
        folders: of the jsonl and the parquet sink.
        raw_refs: what its rows call its raw pages by.
        archives: folders of raw archives.
        out_of_reach: what else may hold it, and is left to the person who asks.
    """

    title: str
    url: str
    observed: tuple[dt.datetime, ...]
    erasure: Erasure
    keys: frozenset[str]
    warehouses: tuple[Path, ...]
    folders: tuple[Path, ...]
    raw_refs: frozenset[str]
    archives: tuple[Path, ...]
    out_of_reach: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What was done: rows deleted or blanked, and files deleted, by place."""

    places: dict[str, Erased]


def plan(folder: Path, query: str, now: dt.datetime, *, raw: Path | None = None) -> Plan:
    """Find what `query` names, and where it is held.

    Args:
        folder: the data directory.
        query: any address of the article, its guid, or an id (its own, of a capture or an entry) or its first digits.
        now: the time.
        raw: a raw archive, beside those that runs have noted in the state.

    Raises:
        LedgerError: there is nothing to read.
        PurgeError: nothing is known by that name, or more than one article.
    """
    with Ledger(folder) as ledger:
        named = find_named(ledger, query, now)
        if named.matched_by not in {"id", "address", "guid"}:
            raise PurgeError(f"{query}: neither an address nor an id of anything that is known")
        if len(named.article_ids) > 1 or named.other_items:
            found = ", ".join(named.article_ids) or f"{named.other_items + 1} entries"
            raise PurgeError(f"{query}: names several; purge each by its id: {found}")
        found_articles, entries, outcomes = _rows(ledger, named.article_ids, named.entry_ids)
        warehouses, folders, out_of_reach = _places(folder, ledger)
        raw_refs = {row.raw_ref for row in found_articles if row.raw_ref}
        archives, lost = _archives(ledger, raw, is_needed=bool(raw_refs))
        pages = {*(row.url for row in found_articles), *(row.canonical_url for row in found_articles)}
        asked = {*(row.url for row in outcomes if row.url), *(entry.url for entry in entries if entry.url)}
        addresses = {url for url in pages | asked if not urls.is_home(url)}
        article_ids = frozenset(named.article_ids) | {row.article_id for row in outcomes if row.article_id}
        addresses -= _of_others(ledger, addresses, article_ids)
    entry_ids = {row.entry_id for row in outcomes} | {entry.entry_id for entry in entries}
    newest = found_articles[-1] if found_articles else None
    return Plan(
        title=newest.title if newest else named.title,
        url=newest.url if newest else next(iter(sorted(addresses)), ""),
        observed=tuple(row.observed_at for row in found_articles),
        erasure=Erasure(article_ids=article_ids, entry_ids=frozenset(entry_ids), addresses=frozenset(addresses)),
        keys=article_ids | {address_key(url) for url in addresses},
        warehouses=warehouses,
        folders=folders,
        raw_refs=frozenset(raw_refs),
        archives=archives,
        out_of_reach=out_of_reach + lost,
    )


def purge(folder: Path, planned: Plan, now: dt.datetime) -> Purged:
    """Do what was planned.

    Args:
        folder: the data directory.
        planned: what `plan` found.
        now: since when it is suppressed.

    Raises:
        DataDirectoryError: a run is going on. Nothing has been changed.
        SinkError: a maintenance is going on, a table has branches or tags, or pages are being kept: nothing has been
            changed. Or a file cannot be written: a part is done.
        StateError: state.db cannot be used.
    """
    lock = RunnerLock(folder)
    places = {}
    with ExitStack() as opened:
        opened.callback(lock.release)
        if in_use := [path for archive in planned.archives for path in files_in_use(archive)]:
            raise SinkError(f"{in_use[0]}: pages are just being kept there")
        erasers = [opened.enter_context(IcebergEraser(warehouse)) for warehouse in planned.warehouses]
        State(folder).close()  # makes the file if there is only a warehouse
        places[str(folder / FILE_NAME)] = _purge_state(folder / FILE_NAME, planned, now)
        try:
            for warehouse, eraser in zip(planned.warehouses, erasers, strict=True):
                places[f"iceberg:{warehouse}"] = eraser.erase(planned.erasure)
            for files in planned.folders:
                places[str(files)] = erase_files(files, planned.erasure)
            for archive in planned.archives:
                places[f"raw:{archive}"] = erase_pages(archive, planned.erasure, planned.keys, planned.raw_refs)
        except OSError as error:
            raise SinkError(f"{error}; a part of it is purged, purge again to finish it") from error
    return Purged(places=places)


# ── finding ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _rows(
    ledger: Ledger, article_ids: Sequence[str], entry_ids: Sequence[str]
) -> tuple[list[Article], list[Entry], list[Outcome]]:
    """The captures, the waiting entries and the outcomes of an article, or of entries that never became one."""
    values = {"articles": list(article_ids), "entries": list(entry_ids)}
    captures = [
        known.record
        for known in ledger.rows(
            Article,
            "list_contains($articles, article_id)",
            {"articles": values["articles"]},
            leave_out=("body", "entities", "captions"),
        )
    ]
    outcomes = [
        known.record
        for known in ledger.rows(
            Outcome,
            "list_contains($articles, article_id) OR (list_contains($entries, entry_id)"
            " AND (article_id IS NULL OR len($articles) = 0))",
            values,
        )
    ]
    pages = {urls.identity(url) for url in (*(row.url for row in captures), *(row.url for row in outcomes)) if url}
    known_ids = {row.entry_id for row in outcomes}
    waiting = [
        queued.entry
        for queued in ledger.queue()
        if queued.entry.entry_id in known_ids
        or queued.entry.article_id in article_ids
        or (queued.entry.article_id is None and urls.identity(queued.entry.url) in pages)
        or (not article_ids and queued.entry.entry_id in entry_ids)
    ]
    return captures, waiting, outcomes


def _of_others(ledger: Ledger, addresses: AbstractSet[str], article_ids: AbstractSet[str]) -> set[str]:
    """Those of the addresses that have led to other articles too: a section front, say."""
    rows = ledger.ask(
        """
        SELECT DISTINCT url FROM (
            SELECT url, article_id FROM all_articles
            UNION ALL SELECT canonical_url, article_id FROM all_articles
            UNION ALL SELECT url, article_id FROM all_outcomes)
        WHERE list_contains($addresses, url) AND NOT list_contains($articles, article_id)
        """,
        {"addresses": sorted(addresses), "articles": sorted(article_ids)},
    )
    return {row["url"] for row in rows}


def _places(folder: Path, ledger: Ledger) -> tuple[tuple[Path, ...], tuple[Path, ...], tuple[str, ...]]:
    """Warehouses and folders of files that were delivered to, and what cannot be reached."""
    warehouses = {path.resolve(): path for path in [warehouse_of(folder)] if is_warehouse(path)}
    folders: dict[Path, Path] = {}
    out_of_reach = [f"{path}: put aside by rebuild-state, to be deleted" for path in folder.glob(_PUT_ASIDE)]
    for uri in ledger.sinks():
        kind, _, where = uri.partition(":")
        path = _local(kind, where)
        if path is None:
            out_of_reach.append(uri)
        elif kind == "iceberg" and is_warehouse(path):
            warehouses[path.resolve()] = path
        elif kind in _FILES and path.is_dir():
            folders[path.resolve()] = path
        else:
            out_of_reach.append(f"{uri}: not found from here")
    return tuple(warehouses.values()), tuple(folders.values()), tuple(out_of_reach)


def _archives(ledger: Ledger, given: Path | None, *, is_needed: bool) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Raw archives, and those that are not where they were noted; if one is needed and none is known, that."""
    noted = {*(raw_folders.noted(ledger.state) if ledger.state else {}), *((given.resolve(),) if given else ())}
    found = tuple(sorted(path for path in noted if path.is_dir()))
    lost = tuple(f"raw:{path}: not found from here" for path in sorted(noted.difference(found)))
    if is_needed and not noted:
        lost = ("raw pages, in an archive that is not known here: name it by --raw",)
    return found, lost


def _local(kind: str, where: str) -> Path | None:
    """The folder of a sink of this kind; None if it is not in one."""
    if kind == "iceberg":
        place = place_of(where)
        return place if isinstance(place, Path) else None
    return local_folder(where) if kind in _FILES else None


# ── state.db ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _purge_state(path: Path, planned: Plan, now: dt.datetime) -> Erased:
    """Delete the rows in one transaction, then write the file anew: what was deleted before has left its bytes too."""
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as state:
            state.execute("PRAGMA secure_delete = ON")
            state.execute("BEGIN IMMEDIATE")
            read_at = {key for each in planned.erasure.article_ids for key in alias_store.own_keys(state, each)}
            alias_store.suppress(state, read_at.union(planned.keys), now)
            rows = sum(
                (
                    _forget_memories(state, planned.erasure),
                    _forget_entries(state, planned.erasure),
                    _forget_rows(state, "outbox", planned.erasure),
                    _forget_rows(state, "embargoed", planned.erasure),
                )
            )
            state.execute("COMMIT")
            state.execute("VACUUM")
            busy, _, _ = state.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise StateError(f"{path}: {error}") from error
    if busy:
        raise StateError(f"{path}: someone goes on reading it, so that old pages stay in its log; purge again")
    return Erased(rows=rows)


def _forget_memories(state: sqlite3.Connection, erasure: Erasure) -> int:
    """What revise knows of its captures, and link of its texts. The lineage stays: it names the copies' original."""
    rows = 0
    for article_id in erasure.article_ids:
        rows += state.execute("DELETE FROM captures WHERE article_id = ?", (article_id,)).rowcount
        rows += copy_store.forget_article(state, article_id)
    return rows


def _forget_entries(state: sqlite3.Connection, erasure: Erasure) -> int:
    waiting = (codec.decode(blob, Entry) for (blob,) in state.execute("SELECT entry FROM queue"))
    ours = [
        entry.entry_id
        for entry in waiting
        if entry.entry_id in erasure.entry_ids
        or entry.article_id in erasure.article_ids
        or (entry.article_id is None and entry.url in erasure.addresses)
    ]
    rows = state.executemany("DELETE FROM queue WHERE entry_id = ?", [(entry_id,) for entry_id in ours]).rowcount
    held = [(entry_id,) for entry_id in {*ours, *erasure.entry_ids}]
    return rows + state.executemany("DELETE FROM replays WHERE entry_id = ?", held).rowcount


def _forget_rows(state: sqlite3.Connection, waiting: str, erasure: Erasure) -> int:
    """The rows that wait in one of two tables: for a sink, or for the end of an embargo."""
    changed: list[tuple[bytes, int]] = []
    gone: list[tuple[int]] = []
    for seq, table, blob in state.execute(f"SELECT seq, tab, row FROM {waiting}"):  # noqa: S608  # ours
        if table not in COLUMNS:
            continue
        record = codec.decode(blob, ROWS[table].record)
        changes = erasure.changes(table, {name: getattr(record, name) for name in COLUMNS[table]})
        if changes is GOES:
            gone.append((seq,))
        elif changes:
            changed.append((codec.encode(replace(record, **changes)), seq))
    state.executemany(f"DELETE FROM {waiting} WHERE seq = ?", gone)  # noqa: S608  # as above
    state.executemany(f"UPDATE {waiting} SET row = ? WHERE seq = ?", changed)  # noqa: S608  # as above
    return len(gone) + len(changed)
