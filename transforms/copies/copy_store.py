"""What link remembers, as tables of SQLite.

In a data directory they are part of state.db: `State.commit` writes them, `StateMemory` reads, maintenance forgets. On
a cluster they are the index of a process (`StoredIndex`), in a file that nobody else sees.

They must hold weeks of texts, so a row is as small as it can be (benchmarks/copies.py): columns instead of msgpack with
its field names, ids as 16 bytes, no row for an article that stands alone (`transforms.copies.index.alone`), and one
number per posting for language and shingle.
"""

import datetime as dt
import sqlite3
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from schemas import ids
from schemas.enums import LinkKind
from schemas.memory import Lineage, Sketch
from transforms.copies.index import POSTINGS, CopyIndex, alone, asked, best, posted

# Times are microseconds since 1970, `stored_on` is the day of the newest write in days since 1970. A sketch's number
# counts up as sketches arrive.
SCHEMA = """
CREATE TABLE sketches (number INTEGER PRIMARY KEY, capture_id BLOB NOT NULL, article_id BLOB NOT NULL,
    language TEXT NOT NULL, order_at INTEGER NOT NULL, observed_at INTEGER NOT NULL, site TEXT NOT NULL,
    credits TEXT NOT NULL, word_count INTEGER NOT NULL, shingles BLOB NOT NULL, passages BLOB NOT NULL,
    title BLOB NOT NULL, names BLOB NOT NULL, figures BLOB NOT NULL, stored_on INTEGER NOT NULL DEFAULT 0);
CREATE INDEX sketches_of_article ON sketches (article_id);
CREATE TABLE lineages (article_id BLOB PRIMARY KEY, order_at INTEGER NOT NULL, observed_at INTEGER NOT NULL,
    original_id BLOB NOT NULL, cluster_id BLOB NOT NULL, judged_seq INTEGER NOT NULL, sketch_count INTEGER NOT NULL,
    kind TEXT NOT NULL, similarity REAL NOT NULL, containment REAL NOT NULL, evidence TEXT NOT NULL,
    stored_on INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX lineages_of_cluster ON lineages (cluster_id);
CREATE TABLE postings (hash INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (hash, number)) WITHOUT ROWID;
"""

AT_ONCE = 500  # articles asked for in one query: SQLite takes 32,766 values, and a cluster may have any size


def remember(
    database: sqlite3.Connection, sketches: Iterable[Sketch], lineages: Iterable[Lineage], now: dt.datetime
) -> None:
    """Store what link found, within the caller's transaction; what is known already changes nothing."""
    for sketch in sketches:
        article_id, capture_id = _stored(sketch.article_id), _stored(sketch.capture_id)
        known = "SELECT 1 FROM sketches WHERE article_id = ? AND capture_id = ?"
        if database.execute(known, (article_id, capture_id)).fetchone():
            continue
        stored = database.execute(
            "INSERT INTO sketches VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                capture_id,
                article_id,
                sketch.language,
                ids.micros(sketch.order_at),
                ids.micros(sketch.observed_at),
                sketch.site,
                "\n".join(sketch.credits),
                sketch.word_count,
                sketch.shingles,
                sketch.passages,
                sketch.title,
                sketch.names,
                sketch.figures,
                ids.day_number(now),
            ),
        )
        database.executemany(
            "INSERT INTO postings SELECT ?1, ?2 WHERE (SELECT count(*) FROM postings WHERE hash = ?1) < ?3",
            [(key, stored.lastrowid, POSTINGS) for key in _keys(sketch.language, posted(sketch))],
        )
    database.executemany(
        """
        INSERT INTO lineages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (article_id) DO UPDATE SET order_at = excluded.order_at, observed_at = excluded.observed_at,
            original_id = excluded.original_id, cluster_id = excluded.cluster_id, judged_seq = excluded.judged_seq,
            sketch_count = excluded.sketch_count, kind = excluded.kind, similarity = excluded.similarity,
            containment = excluded.containment, evidence = excluded.evidence, stored_on = excluded.stored_on
        WHERE (excluded.judged_seq, excluded.sketch_count) >= (judged_seq, sketch_count)
        """,
        [
            (
                _stored(lineage.article_id),
                ids.micros(lineage.order_at),
                ids.micros(lineage.observed_at),
                _stored(lineage.original_id),
                _stored(lineage.cluster_id),
                lineage.judged_seq,
                lineage.sketch_count,
                lineage.kind,
                lineage.similarity,
                lineage.containment,
                " ".join(lineage.evidence),
                ids.day_number(now),
            )
            for lineage in lineages
        ],
    )


def forget(database: sqlite3.Connection, numbers: Sequence[int]) -> int:
    """Forget these sketches and their postings, within the caller's transaction; gives how many there were."""
    rows = _select(database, "SELECT * FROM sketches WHERE number IN (?)", numbers)
    for row in rows:
        number, sketch = row[0], _sketch(row)
        database.executemany(
            "DELETE FROM postings WHERE hash = ? AND number = ?",
            [(key, number) for key in _keys(sketch.language, posted(sketch))],
        )
        database.execute("DELETE FROM sketches WHERE number = ?", (number,))
    return len(rows)


def forget_article(database: sqlite3.Connection, article_id: str) -> int:
    """Forget the sketches of an article and their postings, within the caller's transaction; gives how many."""
    rows = database.execute("SELECT number FROM sketches WHERE article_id = ?", (_stored(article_id),))
    return forget(database, [number for (number,) in rows])


def candidates(database: sqlite3.Connection, language: str, sketch: Sketch) -> list[Sketch]:
    """See `transforms.copies.index.CopyMemory`: two queries, whatever there is."""
    lists: dict[int, list[int]] = defaultdict(list)
    keys = _keys(language, asked(sketch))
    for key, number in _select(database, "SELECT hash, number FROM postings WHERE hash IN (?)", keys):
        lists[key].append(number)
    numbers = best(list(lists.values()))
    rows = _select(database, "SELECT * FROM sketches WHERE number IN (?)", numbers) if numbers else ()
    found = {row[0]: _sketch(row) for row in rows}
    # One may be forgotten between the two queries, and two languages' keys may be equal by chance.
    return [found[number] for number in numbers if number in found and found[number].language == language]


def sketches_of(database: sqlite3.Connection, article_id: str) -> list[Sketch]:
    """See `transforms.copies.index.CopyMemory`."""
    query = "SELECT * FROM sketches WHERE article_id = ? ORDER BY number"
    return [_sketch(row) for row in database.execute(query, (_stored(article_id),))]


def lineages_of(database: sqlite3.Connection, article_ids: Iterable[str]) -> list[Lineage]:
    """See `transforms.copies.index.CopyMemory`."""
    wanted = list(article_ids)
    found: list[Lineage] = []
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        rows = _select(database, "SELECT * FROM lineages WHERE article_id IN (?)", [_stored(each) for each in some])
        known = {lineage.article_id: lineage for lineage in map(_lineage, rows)}
        if missing := [_stored(each) for each in some if each not in known]:
            rows = _select(database, "SELECT * FROM sketches WHERE article_id IN (?) ORDER BY number", missing)
            for sketch in map(_sketch, rows):
                known.setdefault(sketch.article_id, alone(sketch))
        found += (known[each] for each in some if each in known)
    return found


def languages_of(database: sqlite3.Connection, article_ids: Iterable[str]) -> dict[str, str]:
    """The language of the newest text of each of these articles that has one, in lower case."""
    wanted = [_stored(each) for each in article_ids]
    query = "SELECT article_id, language FROM sketches WHERE article_id IN (?) ORDER BY number"
    parts = (_select(database, query, wanted[start : start + AT_ONCE]) for start in range(0, len(wanted), AT_ONCE))
    return {_id(article_id): language for part in parts for article_id, language in part}


def members_of(database: sqlite3.Connection, cluster_id: str) -> list[Lineage]:
    """See `transforms.copies.index.CopyMemory`."""
    query = "SELECT * FROM lineages WHERE cluster_id = ? ORDER BY article_id"
    return [_lineage(row) for row in database.execute(query, (_stored(cluster_id),))]


class StoredIndex:
    """What a `CopyIndex` holds, on disk: a text takes 1 KB there and no memory, against 3 KB of memory.

    The file is SQLite's own temporary one: it is gone with this object.

    Args:
        index: what it begins with.
    """

    def __init__(self, index: CopyIndex) -> None:
        # One thread after the other has it, and what a process that dies leaves unwritten is of no use to anyone.
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.executescript(SCHEMA)
        remember(self._db, index.all_sketches(), index.all_lineages(), ids.EPOCH)

    def __len__(self) -> int:
        """None: it holds no sketch in memory."""
        return 0

    def add(self, sketch: Sketch) -> None:
        """As of `CopyIndex`."""
        remember(self._db, [sketch], [], ids.EPOCH)

    def judge(self, lineage: Lineage) -> None:
        """As of `CopyIndex`."""
        remember(self._db, [], [lineage], ids.EPOCH)

    def candidates(self, language: str, sketch: Sketch) -> Sequence[Sketch]:
        """See `CopyMemory`."""
        return candidates(self._db, language, sketch)

    def sketches(self, article_id: str) -> Sequence[Sketch]:
        """See `CopyMemory`."""
        return sketches_of(self._db, article_id)

    def lineages(self, article_ids: Iterable[str]) -> Sequence[Lineage]:
        """See `CopyMemory`."""
        return lineages_of(self._db, article_ids)

    def members(self, cluster_id: str) -> Sequence[Lineage]:
        """See `CopyMemory`."""
        return members_of(self._db, cluster_id)


def _select(database: sqlite3.Connection, query: str, values: Sequence[object]) -> list[Any]:
    """All rows of a query with one `IN (?)`, whose question mark stands for all values."""
    return database.execute(query.replace("(?)", f"({', '.join('?' * len(values))})"), values).fetchall()


def _keys(language: str, hashes: Iterable[int]) -> list[int]:
    """What postings are found by: the hash, differently for each language, as a signed number of 4 bytes."""
    own = zlib.crc32(language.encode())
    return [(own ^ shingle) - 2**31 for shingle in hashes]


def _stored(id_: str) -> bytes | str:
    """An id in half its length, as all have it that `schemas.ids` makes; another name as it is."""
    try:
        raw = bytes.fromhex(id_)
    except ValueError:
        return id_
    return raw if raw.hex() == id_ else id_


def _id(stored: bytes | str) -> str:
    return stored if isinstance(stored, str) else stored.hex()


def _moment(micros: int) -> dt.datetime:
    return ids.EPOCH + dt.timedelta(microseconds=micros)


def _sketch(row: Sequence[Any]) -> Sketch:
    _, capture_id, article_id, language, order_at, observed_at, site, credited, word_count, *hashes = row
    shingles, passages, title, names, figures, _ = hashes
    return Sketch(
        capture_id=_id(capture_id),
        article_id=_id(article_id),
        language=language,
        order_at=_moment(order_at),
        observed_at=_moment(observed_at),
        site=site,
        credits=tuple(credited.split("\n")) if credited else (),
        word_count=word_count,
        shingles=shingles,
        passages=passages,
        title=title,
        names=names,
        figures=figures,
    )


def _lineage(row: Sequence[Any]) -> Lineage:
    article_id, order_at, observed_at, original_id, cluster_id, judged_seq, sketch_count, *seen = row
    kind, similarity, containment, evidence, _ = seen
    return Lineage(
        article_id=_id(article_id),
        order_at=_moment(order_at),
        observed_at=_moment(observed_at),
        original_id=_id(original_id),
        cluster_id=_id(cluster_id),
        judged_seq=judged_seq,
        sketch_count=sketch_count,
        kind=LinkKind(kind),
        similarity=similarity,
        containment=containment,
        evidence=tuple(evidence.split()),
    )
