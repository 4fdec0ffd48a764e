"""The tables as the design compares them: clocks, batch ids and polls are projected out, judgements folded."""

from pathlib import Path
from typing import Any

from pipeline import warehouse

# A capture's id holds its observed time, so a capture is named by its article and its content.
QUERIES = {
    "articles": """
        SELECT * EXCLUDE (capture_id, observed_at, ingested_at, batch_id) FROM articles ORDER BY ALL""",
    "revisions": """
        SELECT a.article_id, a.content_hash, p.content_hash AS before, r.change, r.change_note, r.pub_status,
               r.availability
        FROM revisions r JOIN articles a USING (capture_id) LEFT JOIN articles p ON p.capture_id = r.predecessor_id
        QUALIFY row_number() OVER (PARTITION BY r.capture_id ORDER BY r.judged_seq DESC) = 1 ORDER BY ALL""",
    "links": """
        SELECT copy_id, original_id, kind, similarity, containment, evidence, cluster_id FROM links
        QUALIFY row_number() OVER (PARTITION BY copy_id ORDER BY judged_seq DESC) = 1 ORDER BY ALL""",
    "outcomes": """
        SELECT * EXCLUDE (decided_at, capture_id, ingested_at, batch_id) FROM outcomes
        WHERE origin IN ('feed', 'backfill') ORDER BY ALL""",  # retries and revisits hang on the clock
    "feeds": "SELECT * EXCLUDE (valid_from, ingested_at, batch_id) FROM feeds ORDER BY ALL",
    "dead_letters": "SELECT * EXCLUDE (died_at, ingested_at, batch_id) FROM dead_letters ORDER BY ALL",
}


def tables(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the warehouse in `folder`, comparable between runs."""
    with warehouse.connect(folder) as connection:
        return {name: connection.sql(query).fetchall() for name, query in QUERIES.items()}


def assert_balanced(folder: Path) -> None:
    """Every entry that left poll has exactly one terminal outcome, and every row exactly one entry behind it."""
    with warehouse.connect(folder) as connection:

        def number(query: str) -> int:
            (found,) = connection.execute(query).fetchone() or (0,)
            return int(found)

        left_poll = number("SELECT coalesce(sum(entries_new + entries_changed), 0) FROM polls")
        terminal = number("SELECT count(*) FROM outcomes WHERE is_terminal")
        assert terminal == number("SELECT count(DISTINCT entry_id) FROM outcomes")
        assert number("SELECT count(*) FROM outcomes WHERE is_terminal AND origin = 'feed'") == left_poll
        assert number("SELECT count(*) FROM outcomes WHERE outcome IN ('published', 'revised')") == number(
            "SELECT count(*) FROM articles"
        )
        assert number("SELECT count(*) FROM articles") == number("SELECT count(DISTINCT capture_id) FROM articles")
        assert not number(
            "SELECT count(*) FROM polls"
            " WHERE entries_seen <> entries_new + entries_changed + entries_unchanged + entries_invalid"
        )
