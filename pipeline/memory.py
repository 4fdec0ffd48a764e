"""The memories of revise and link over state.db: they read what was committed; only `State.commit` writes.

The stages ask from Beam's threads, while the driver's thread waits for the run to end.
"""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pipeline.state import BUSY_TIMEOUT_S, FILE_NAME
from schemas import codec
from schemas.memory import KnownCapture, Lineage, Sketch
from transforms.copies.index import CANDIDATES, LEAST_HITS, POSTED
from transforms.copies.sketch import shingles_of
from transforms.revise import KNOWN_LIMIT

T = TypeVar("T")


class StateMemory:
    """`transforms.revise.ArticleMemory` and `transforms.link.CopyMemory` over the state.db in a data directory.

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

    def neighbours(self, article_id: str) -> Sequence[KnownCapture]:
        """The newest known captures of an article, in observed order."""
        newest_first = (
            "SELECT known FROM captures WHERE article_id = ? ORDER BY observed_at DESC, capture_id DESC LIMIT ?"
        )
        return self._records(KnownCapture, newest_first, (article_id, KNOWN_LIMIT))[::-1]

    def candidates(self, language: str, sketch: Sketch) -> Sequence[Sketch]:
        """The sketches that share most posted hashes with `sketch`; see `transforms.copies.index`."""
        hashes = shingles_of(sketch)[:POSTED]
        places = ", ".join("?" * len(hashes))
        return self._records(
            Sketch,
            f"""
            SELECT sketch FROM sketches JOIN (
                SELECT number, count(*) AS hits FROM postings WHERE language = ? AND hash IN ({places})
                GROUP BY number HAVING hits >= ?
            ) USING (number) ORDER BY hits DESC, capture_id LIMIT ?
            """,  # noqa: S608  # only question marks are joined in
            (language, *map(int, hashes), LEAST_HITS, CANDIDATES),
        )

    def sketches(self, article_id: str) -> Sequence[Sketch]:
        """The sketches of an article's captures."""
        return self._records(Sketch, "SELECT sketch FROM sketches WHERE article_id = ? ORDER BY number", (article_id,))

    def lineages(self, article_ids: Iterable[str]) -> Sequence[Lineage]:
        """The lineages of these articles, where known."""
        wanted = list(article_ids)
        places = ", ".join("?" * len(wanted))
        return self._records(
            Lineage,
            f"SELECT lineage FROM lineages WHERE article_id IN ({places})",  # noqa: S608  # only question marks
            wanted,
        )

    def members(self, cluster_id: str) -> Sequence[Lineage]:
        """The lineages of a cluster's articles."""
        return self._records(
            Lineage, "SELECT lineage FROM lineages WHERE cluster_id = ? ORDER BY article_id", (cluster_id,)
        )

    def _records(self, kind: type[T], query: str, values: Sequence[Any]) -> list[T]:
        with self._lock:
            rows = self._db.execute(query, values).fetchall()
        return [codec.decode(row[0], kind) for row in rows]
