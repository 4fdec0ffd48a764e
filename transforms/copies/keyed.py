"""The copies' memory in Beam's keyed state: notes in bags by week, and the index that this process built of them.

A language may have a million texts within link's window, so an index of many is on disk.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from schemas import codec, ids
from schemas.memory import CopyNote, CopyVersion, Lineage, Sketch
from transforms.copies.copy_store import StoredIndex
from transforms.copies.index import CopyIndex
from transforms.indexes import Indexes

WEEK = dt.timedelta(days=7)
IN_MEMORY = 1_000  # sketches that an index in memory has at most: 3 MB
BUCKETS = 4  # weeks held: link's window of two, the week under way, and one for what comes late

Index = CopyIndex | StoredIndex


class KeyedCopies:
    """One key's state.

    To add is to write a note blindly and the version cell, so a capture costs the same whatever the state holds; when
    the bags are read says `transforms.indexes`. A week's notes are dropped when a later week needs their bag.

    Args:
        key: the key, for `indexes`.
        version: the version cell, of `CopyVersion`.
        buckets: `BUCKETS` bags of `CopyNote`.
        indexes: those of this process.
    """

    def __init__(self, key: str, version: Any, buckets: Sequence[Any], indexes: Indexes[Index]) -> None:
        self._key = key
        self._cell = version
        self._buckets = buckets
        self._indexes = indexes
        self._version: CopyVersion = version.read() or CopyVersion(weeks=(-1,) * BUCKETS)
        held = indexes.take(key, self._version.token)
        self.index: Index = held if held is not None else self._built()

    @property
    def expires_at(self) -> dt.datetime:
        """When all that is held has lost its use: by then its newest week would be dropped."""
        return ids.EPOCH + WEEK * (max(self._version.weeks) + 1 + BUCKETS)

    def add(self, sketch: Sketch | None, lineages: Iterable[Lineage]) -> None:
        """Remember what `link` found of a capture, less what is older than all that is held.

        A lineage lies in the week of its article's newest text, so that it is held as long as any of its texts.
        """
        notes = [(lineage.observed_at, CopyNote(lineage=lineage)) for lineage in lineages]
        if sketch is not None:
            notes.append((sketch.observed_at, CopyNote(sketch=sketch)))
        for observed_at, note in notes:
            week = (observed_at - ids.EPOCH) // WEEK
            if week >= self._version.weeks[week % BUCKETS]:
                self._remember(note, week)
        if notes:
            self._cell.write(self._version)
        self._indexes.put(self._key, self._version.token, self.index)

    def _remember(self, note: CopyNote, week: int) -> None:
        slot = week % BUCKETS
        if self._version.weeks[slot] not in (week, -1):
            self._buckets[slot].clear()
            self._version = CopyVersion(token=self._version.token, weeks=_with(self._version.weeks, slot, -1))
            self.index = self._built()
        self._buckets[slot].add(note)
        self.index = _with_note(self.index, note)
        token = ids.hash_id(self._version.token, codec.encode(note))
        self._version = CopyVersion(token=token, weeks=_with(self._version.weeks, slot, week))

    def _built(self) -> Index:
        index: Index = CopyIndex()
        for week, bucket in sorted(zip(self._version.weeks, self._buckets, strict=True), key=_week_of):
            if week >= 0:
                for note in bucket.read():
                    index = _with_note(index, note)
        return index


def _with_note(index: Index, note: CopyNote) -> Index:
    if note.sketch is not None:
        index.add(note.sketch)
    if note.lineage is not None:
        index.judge(note.lineage)
    return StoredIndex(index) if isinstance(index, CopyIndex) and len(index) > IN_MEMORY else index


def _with(weeks: tuple[int, ...], slot: int, week: int) -> tuple[int, ...]:
    return (*weeks[:slot], week, *weeks[slot + 1 :])


def _week_of(bucket: tuple[int, Any]) -> int:
    return bucket[0]
