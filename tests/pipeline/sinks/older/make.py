"""Makes the data directory that a test keeps of a version of the tables: python -m tests.pipeline.sinks.older.make.

Run once when `SCHEMA_VERSION` is about to step, with the code of the version that ends; prints the archive's name,
vN.tar.xz. It holds a folder for each sink that keeps files, with two deliveries of a row of every table. The rows have
the columns of version 1 only, so that this file runs with any code; that of version 1 is commit 1613274.

The warehouse names its files by paths relative to the folder in which it is unpacked: whoever opens it works there.
"""

import datetime as dt
import os
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyiceberg.catalog.sql import SqlCatalog

from pipeline.sinks import iceberg, open_sink
from pipeline.sinks.base import Batch, Row
from schemas import enums
from schemas.records import (
    SCHEMA_VERSION,
    Article,
    Caption,
    DeadLetter,
    Delivery,
    Entity,
    Feed,
    Link,
    Mention,
    Outcome,
    Poll,
    Revision,
)
from schemas.tables import TABLE_OF

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
WRITER = "older"
KINDS = ("iceberg", "jsonl") if SCHEMA_VERSION == 1 else ("iceberg", "jsonl", "parquet")


def records(number: int) -> Sequence[Any]:
    """A row of every table: two articles, of which the second copies the first."""
    key, url = f"{number:04d}", f"https://outlet.example/{number}"
    moment = NOW + dt.timedelta(days=number)
    mention = Mention(field=enums.MentionField.TITLE, start=0, end=3, text="Ann")
    return (
        Article(
            capture_id=f"c{key}",
            article_id=f"a{key}",
            content_hash="h",
            observed_at=moment,
            url=url,
            canonical_url=url,
            title="Ann and the owls",
            body="The owls came back.\n\nAnn saw them.",
            captions=(Caption(text="An owl"),),
            entities=(Entity(key="person:ann", name="Ann", type=enums.EntityType.PERSON, mentions=(mention,)),),
        ),
        Revision(capture_id=f"c{key}", judged_seq=0, article_id=f"a{key}", observed_at=moment),
        Link(
            copy_id=f"a{key}",
            original_id="a0000",
            judged_seq=0,
            observed_at=moment,
            kind=enums.LinkKind.SYNDICATED,
            similarity=1.0,
            containment=1.0,
            evidence=("shingles",),
            cluster_id="a0000",
        ),
        Outcome(
            entry_id=f"e{key}",
            attempt=1,
            origin=enums.Origin.FEED,
            stage=enums.Stage.WRITE,
            outcome=enums.OutcomeKind.PUBLISHED,
            is_terminal=True,
            decided_at=moment,
            feed_id="f",
            url=url,
            article_id=f"a{key}",
            capture_id=f"c{key}",
        ),
        Poll(feed_id="f", polled_at=moment, url="https://outlet.example/feed", status=enums.PollStatus.OK),
        Feed(feed_id="f", valid_from=moment, url="https://outlet.example/feed"),
        DeadLetter(id=key, stage=enums.Stage.TAG, reason=enums.Reason.BUG, died_at=moment, raw=b"\x00\xff"),
    )


def batch(number: int) -> Batch:
    """The delivery of `records(number)`."""
    some = records(number)
    rows = tuple(
        Row(len(some) * number + place, TABLE_OF[type(record)], record) for place, record in enumerate(some, start=1)
    )
    moment = NOW + dt.timedelta(days=number)
    return Batch(WRITER, rows, Delivery(ingested_at=moment, batch_id=f"{WRITER}-{number}"))


def relative(folder: Path, **_: object) -> SqlCatalog:
    """Stands in for `open_catalog`: a catalog whose tables are named by relative paths."""
    return SqlCatalog("wirebeam", uri=f"sqlite:///{folder.name}/{iceberg.CATALOG_FILE}", warehouse=folder.name)


def main() -> None:
    """Make the archive beside the working folder's other files."""
    archive = Path(f"v{SCHEMA_VERSION}.tar.xz").absolute()
    iceberg.open_catalog = relative  # type: ignore[assignment]  # for this process only
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with tarfile.open(archive, "w:xz") as file:
            for kind in KINDS:
                sink = open_sink(f"{kind}:{kind}")
                for number in range(2):
                    sink.write(batch(number))
                sink.close()
                file.add(kind)
    print(archive)


if __name__ == "__main__":
    main()
