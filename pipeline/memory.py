"""The memories of identify, revise and link over state.db: they read what was committed; only `State.commit` writes.

The stages ask from Beam's threads, while the driver's thread waits for the run to end.
"""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pipeline import alias_store
from pipeline.state import BUSY_TIMEOUT_S, FILE_NAME
from schemas import codec
from schemas.memory import KnownAlias, KnownCapture, Lineage, Sketch
from transforms.copies import copy_store
from transforms.revise import KNOWN_LIMIT

T = TypeVar("T")


class StateMemory:
    """`AliasMemory` of identify, `ArticleMemory` of revise and `CopyMemory` of link over a data directory's state.db.

    Args:
        folder: the data directory, as a str so that it can name a `Shared`; its state.db exists.
    """

    def __init__(self, folder: str) -> None:
        self._db = sqlite3.connect(Path(folder) / FILE_NAME, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
        self._db.execute("PRAGMA query_only = ON")
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def known(self, keys: Sequence[str]) -> Sequence[KnownAlias]:
        """What is known under these keys."""
        with self._lock:
            return alias_store.known(self._db, keys)

    def is_suppressed(self, keys: Sequence[str]) -> bool:
        """Whether one of these names or article ids was purged."""
        with self._lock:
            return alias_store.is_suppressed(self._db, keys)

    def neighbours(self, article_id: str) -> Sequence[KnownCapture]:
        """The newest known captures of an article, in observed order."""
        newest_first = (
            "SELECT known FROM captures WHERE article_id = ? ORDER BY observed_at DESC, capture_id DESC LIMIT ?"
        )
        return self._records(KnownCapture, newest_first, (article_id, KNOWN_LIMIT))[::-1]

    def candidates(self, language: str, sketch: Sketch) -> Sequence[Sketch]:
        """The sketches that share posted hashes with `sketch`."""
        with self._lock:
            return copy_store.candidates(self._db, language, sketch)

    def sketches(self, article_id: str) -> Sequence[Sketch]:
        """The sketches of an article's captures."""
        with self._lock:
            return copy_store.sketches_of(self._db, article_id)

    def lineages(self, article_ids: Iterable[str]) -> Sequence[Lineage]:
        """The lineages of these articles, where known."""
        with self._lock:
            return copy_store.lineages_of(self._db, article_ids)

    def members(self, cluster_id: str) -> Sequence[Lineage]:
        """The lineages of a cluster's articles."""
        with self._lock:
            return copy_store.members_of(self._db, cluster_id)

    def _records(self, kind: type[T], query: str, values: Sequence[Any]) -> list[T]:
        with self._lock:
            rows = self._db.execute(query, values).fetchall()
        return [codec.decode(row[0], kind) for row in rows]
