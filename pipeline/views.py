"""The views over the tables: what holds now, worked out from all that was ever written.

Facts and judgements are only appended, so the tables hold superseded judgements beside the valid ones, and a sink that
is delivered to twice holds a row twice. The views give each thing once, as it stands:

- `latest`: the newest content of each article that may be used, with its judgement and its place among the copies;
- `history`: what each article said, in order of time, content that did not change folded;
- `withdrawn`: the articles that may not be used now, killed or withheld, with the words of the notice;
- `copies`: each article that is a copy or has copies, with its original and its cluster;
- `kill_exposure`: the copies, usable still, of originals that were withdrawn;
- `entities`: each person, organisation and place that the newest content of an article names;
- `outcomes_latest`: how each entry stands, after its last attempt;
- `missing`: the entries that have no row, and why;
- `feeds_health`: each feed, with its last polls and what it brought in a week.

Of two judgements the one with the higher `judged_seq` is valid. Time within an article is event time: a capture that
arrives late takes its place in the past. Where a text was seen again after another that arrived late, the judgement
says until when (`seen_until`), and the text counts from then on once more.

The SQL keeps to window functions and joins, without what is one engine's alone; where engines differ (a list of structs
taken apart, an interval), `views` has the text of each.
"""

from dataclasses import dataclass

from pipeline.formats import Dialect
from schemas.tables import columns


def views(dialect: Dialect) -> dict[str, str]:
    """Each view's query, by its name; one may ask those before it."""
    words = _WORDS[dialect]
    return {
        "latest": _LATEST,
        "history": _HISTORY,
        "withdrawn": _WITHDRAWN,
        "copies": _COPIES,
        "kill_exposure": _KILL_EXPOSURE,
        "entities": _entities(words),
        "outcomes_latest": _OUTCOMES_LATEST,
        "missing": _MISSING,
        "feeds_health": _feeds_health(words),
    }


def statements(dialect: Dialect) -> str:
    """What makes the views in an engine that has the tables: one CREATE VIEW for each."""
    return "\n".join(f"CREATE OR REPLACE VIEW {name} AS{query.rstrip()};\n" for name, query in views(dialect).items())


@dataclass(frozen=True, slots=True)
class _Words:
    """What the engines say differently.

    Args:
        each_entity: behind `latest` in FROM: a row for each of its entities.
        entity: a text field of such an entity.
        salience: that field, a number.
        mentions: how many mentions there are.
        week: seven days.
    """

    each_entity: str = ""
    entity: str = "entity.{}"
    salience: str = "entity.salience"
    mentions: str = ""
    week: str = "INTERVAL '7' DAY"


_WORDS = {
    Dialect.DUCKDB: _Words(
        "CROSS JOIN UNNEST(latest.entities) AS each_entity (entity)", mentions="len(entity.mentions)"
    ),
    Dialect.POSTGRES: _Words(
        "CROSS JOIN LATERAL jsonb_array_elements(latest.entities) AS each_entity (entity)",
        entity="entity->>'{}'",
        salience="CAST(entity->>'salience' AS double precision)",
        mentions="jsonb_array_length(entity->'mentions')",
    ),
    Dialect.BIGQUERY: _Words(
        "CROSS JOIN UNNEST(latest.entities) AS entity",
        mentions="array_length(entity.mentions)",
        week="INTERVAL 7 DAY",
    ),
    Dialect.TRINO: _Words(
        "CROSS JOIN UNNEST(latest.entities) AS entity (key, name, type, id, salience, mentions)",
        mentions="cardinality(entity.mentions)",
    ),
    Dialect.SPARK: _Words(
        "LATERAL VIEW explode(latest.entities) each_entity AS entity", mentions="size(entity.mentions)"
    ),
}

_VALID = """
    SELECT capture_id, article_id, observed_at, predecessor_id, change, change_note, pub_status, availability,
           seen_until
    FROM (
        SELECT *, row_number() OVER (PARTITION BY capture_id ORDER BY judged_seq DESC, ingested_at DESC) AS place
        FROM revisions
    ) AS ranked
    WHERE place = 1"""

# The valid judgement of each capture, and whether it stands: it says something new, and no capture of the same moment
# was judged against it, which is what a newer extractor made of the same page. That one is the same change of the page.
# What was seen again stands from then on, and of all captures of that moment it was the newest extractor's.
_JUDGED = f"""
superseded AS (
    SELECT DISTINCT predecessor_id AS capture_id, observed_at FROM ({_VALID}
    ) AS newer WHERE change <> 'unchanged' AND predecessor_id IS NOT NULL
), judged AS (
    SELECT valid.capture_id, valid.article_id, valid.observed_at, valid.pub_status, valid.availability,
           valid.seen_until,
           CASE WHEN valid.change = 'extraction' THEN coalesce(min(
               CASE WHEN valid.change NOT IN ('extraction', 'unchanged') THEN valid.change END) OVER moment,
               valid.change) ELSE valid.change END AS change,
           CASE WHEN valid.change = 'extraction' THEN max(valid.change_note) OVER moment
                ELSE valid.change_note END AS change_note,
           valid.change <> 'unchanged' AND superseded.capture_id IS NULL AS stood_at_first,
           valid.change <> 'unchanged' AND (superseded.capture_id IS NULL OR valid.seen_until IS NOT NULL) AS stands
    FROM ({_VALID}
    ) AS valid LEFT JOIN superseded
        ON superseded.capture_id = valid.capture_id AND superseded.observed_at = valid.observed_at
    WINDOW moment AS (PARTITION BY valid.article_id, valid.observed_at)
)"""  # noqa: S608  # as below

# The judgement that holds for each article: that of the content seen last.
_STANDING = """
standing AS (
    SELECT * FROM (
        SELECT capture_id, article_id, observed_at, pub_status, availability,
               row_number() OVER (
                   PARTITION BY article_id
                   ORDER BY coalesce(seen_until, observed_at) DESC, CASE WHEN seen_until IS NULL THEN 1 ELSE 0 END,
                            observed_at DESC, capture_id DESC) AS place_in_time
        FROM judged WHERE stands
    ) AS ranked
    WHERE place_in_time = 1
)"""

# What each article was last judged to be a copy of. A row whose original is the article itself says that it is none.
_LINEAGE = """
lineage AS (
    SELECT * FROM (
        SELECT copy_id AS article_id, nullif(original_id, copy_id) AS original_id, kind, similarity, containment,
               evidence, cluster_id,
               row_number() OVER (PARTITION BY copy_id ORDER BY judged_seq DESC, ingested_at DESC) AS place
        FROM links
    ) AS ranked
    WHERE place = 1
)"""

# A name for each capture, bodies unread.
_NAMED = """
named AS (
    SELECT capture_id, max(title) AS title, max(url) AS url FROM articles GROUP BY capture_id
)"""

_ARTICLE_COLUMNS = [column.name for column in columns("articles")]
_CONTENT = ", ".join(_ARTICLE_COLUMNS)
_OF_ARTICLES = ", ".join(f"articles.{name}" for name in _ARTICLE_COLUMNS)

# The newest capture is found without its body. A row that was delivered twice is folded by its key; the columns beside
# the key change nothing there, and let a filter on them reach the files. Each part is asked once: DuckDB writes down
# what is asked twice, and then reads every column for a mere count.
_LATEST = f"""
WITH {_JUDGED}, {_LINEAGE}, newest AS (
    SELECT * FROM (
        SELECT articles.capture_id, judged.change, judged.change_note, judged.pub_status, judged.availability,
               judged.seen_until,
               row_number() OVER (
                   PARTITION BY articles.article_id
                   ORDER BY coalesce(judged.seen_until, articles.observed_at) DESC,
                            CASE WHEN judged.seen_until IS NULL THEN 1 ELSE 0 END, articles.observed_at DESC,
                            articles.capture_id DESC) AS place_in_time
        FROM articles LEFT JOIN judged ON judged.capture_id = articles.capture_id
        WHERE coalesce(judged.stands, TRUE)
    ) AS ranked
    WHERE place_in_time = 1 AND coalesce(pub_status, 'usable') = 'usable'
), content AS (
    SELECT * FROM (
        SELECT {_OF_ARTICLES}, newest.change, newest.change_note, newest.pub_status, newest.availability,
               newest.seen_until,
               row_number() OVER (
                   PARTITION BY articles.capture_id, articles.article_id, articles.observed_at
                   ORDER BY articles.ingested_at) AS place
        FROM articles JOIN newest ON newest.capture_id = articles.capture_id
    ) AS ranked
    WHERE place = 1
)
SELECT {", ".join(f"content.{name}" for name in _ARTICLE_COLUMNS)},
       content.change, content.change_note, content.pub_status, content.availability, content.seen_until,
       coalesce(lineage.cluster_id, content.article_id) AS cluster_id, lineage.original_id AS copy_of
FROM content LEFT JOIN lineage ON lineage.article_id = content.article_id
"""  # noqa: S608  # joined of constants, as are the next

# A text that was seen again after another stands there a second time, under the capture that brought it.
_HISTORY = f"""
WITH {_JUDGED}, hashes AS (
    SELECT capture_id, max(content_hash) AS content_hash FROM articles GROUP BY capture_id
), seen AS (
    SELECT judged.capture_id, judged.article_id, judged.observed_at, judged.change, judged.change_note,
           judged.pub_status, judged.availability, sights.is_return, hashes.content_hash,
           CASE WHEN sights.is_return THEN judged.seen_until ELSE judged.observed_at END AS seen_at
    FROM judged
    JOIN hashes ON hashes.capture_id = judged.capture_id
    CROSS JOIN (SELECT FALSE AS is_return UNION ALL SELECT TRUE) AS sights
    WHERE judged.stands AND CASE WHEN sights.is_return THEN judged.seen_until IS NOT NULL ELSE stood_at_first END
), told AS (
    SELECT * FROM (
        SELECT seen.*,
               max(CASE WHEN is_return THEN 1 ELSE 0 END) OVER (PARTITION BY article_id, seen_at) AS returns
        FROM seen
    ) AS counted
    WHERE is_return OR returns = 0
), ordered AS (
    SELECT told.*,
           lag(content_hash) OVER in_time AS hash_before,
           lag(pub_status) OVER in_time AS pub_status_before,
           lag(availability) OVER in_time AS availability_before
    FROM told WINDOW in_time AS (PARTITION BY article_id ORDER BY seen_at, observed_at, capture_id)
), numbered AS (
    SELECT ordered.*, row_number() OVER (PARTITION BY article_id ORDER BY seen_at, observed_at, capture_id) AS number
    FROM ordered
    WHERE hash_before IS NULL OR hash_before <> content_hash OR pub_status_before <> pub_status
       OR availability_before <> availability
), content AS (
    SELECT {_CONTENT} FROM (
        SELECT {_CONTENT}, row_number() OVER (PARTITION BY capture_id, article_id ORDER BY ingested_at) AS place
        FROM articles
    ) AS ranked
    WHERE place = 1
)
SELECT numbered.article_id, numbered.number, numbered.seen_at,
       CASE WHEN NOT numbered.is_return THEN numbered.change
            WHEN numbered.pub_status_before <> 'usable' AND numbered.pub_status = 'usable' THEN 'restored'
            ELSE 'update' END AS change,
       CASE WHEN NOT numbered.is_return THEN numbered.change_note END AS change_note,
       numbered.pub_status, numbered.availability, numbered.capture_id, numbered.content_hash,
       content.url, content.title, content.summary, content.body, content.word_count,
       content.extractor_name, content.extractor_version
FROM numbered
JOIN content ON content.capture_id = numbered.capture_id AND content.article_id = numbered.article_id
"""  # noqa: S608  # as above

_WITHDRAWN = f"""
WITH {_JUDGED}, {_STANDING}, {_NAMED}, usable AS (
    SELECT * FROM (
        SELECT article_id, capture_id, coalesce(seen_until, observed_at) AS seen_at,
               row_number() OVER (
                   PARTITION BY article_id
                   ORDER BY coalesce(seen_until, observed_at) DESC, CASE WHEN seen_until IS NULL THEN 1 ELSE 0 END,
                            observed_at DESC, capture_id DESC) AS place_in_time
        FROM judged WHERE stands AND pub_status = 'usable'
    ) AS ranked
    WHERE place_in_time = 1
), notices AS (
    -- of the captures since then: the newest words
    SELECT * FROM (
        SELECT judged.article_id, judged.change_note,
               min(CASE WHEN judged.observed_at < usable.seen_at THEN judged.seen_until ELSE judged.observed_at END)
                   OVER (PARTITION BY judged.article_id) AS withdrawn_at,
               row_number() OVER (
                   PARTITION BY judged.article_id
                   ORDER BY CASE WHEN judged.change_note IS NULL THEN 1 ELSE 0 END, judged.observed_at DESC,
                            judged.capture_id) AS place_of_note
        FROM judged LEFT JOIN usable ON usable.article_id = judged.article_id
        WHERE judged.stands AND judged.pub_status <> 'usable'
          AND (usable.article_id IS NULL OR coalesce(judged.seen_until, judged.observed_at) >= usable.seen_at)
    ) AS ranked
    WHERE place_of_note = 1
)
SELECT standing.article_id, standing.pub_status, notices.withdrawn_at, notices.change_note, standing.availability,
       coalesce(before.url, now.url) AS url, coalesce(before.title, now.title) AS title,
       standing.capture_id, usable.capture_id AS usable_capture_id
FROM standing
LEFT JOIN notices ON notices.article_id = standing.article_id
LEFT JOIN usable ON usable.article_id = standing.article_id
LEFT JOIN named AS before ON before.capture_id = usable.capture_id
LEFT JOIN named AS now ON now.capture_id = standing.capture_id
WHERE standing.pub_status <> 'usable'
"""  # noqa: S608  # as above

_COPIES = f"""
WITH {_JUDGED}, {_STANDING}, {_LINEAGE}, {_NAMED}, members AS (
    SELECT article_id, cluster_id FROM lineage
    UNION ALL
    -- the earliest of a cluster has no row of its own until its original or its cluster has changed
    SELECT DISTINCT cluster_id, cluster_id FROM lineage WHERE cluster_id NOT IN (SELECT article_id FROM lineage)
), sized AS (
    SELECT members.article_id, members.cluster_id, count(*) OVER (PARTITION BY members.cluster_id) AS cluster_size
    FROM members
)
SELECT sized.article_id, lineage.original_id, coalesce(lineage.kind, 'original') AS kind,
       CASE WHEN lineage.original_id IS NOT NULL THEN lineage.similarity END AS similarity,
       CASE WHEN lineage.original_id IS NOT NULL THEN lineage.containment END AS containment,
       CASE WHEN lineage.original_id IS NOT NULL THEN lineage.evidence END AS evidence,
       sized.cluster_id, sized.cluster_size, standing.observed_at, standing.pub_status, standing.availability,
       named.url, named.title, of_original.url AS original_url, of_original.title AS original_title
FROM sized
LEFT JOIN lineage ON lineage.article_id = sized.article_id
LEFT JOIN standing ON standing.article_id = sized.article_id
LEFT JOIN named ON named.capture_id = standing.capture_id
LEFT JOIN standing AS original ON original.article_id = lineage.original_id
LEFT JOIN named AS of_original ON of_original.capture_id = original.capture_id
WHERE sized.cluster_size > 1
"""  # noqa: S608  # as above

# The copies that a withdrawn article is the original of; and if it is a cluster's original, all copies in the cluster:
# a copy is linked to one original only, the earliest, and may have taken its text from any of them.
_KILL_EXPOSURE = """
SELECT latest.article_id, latest.url, latest.title, latest.observed_at, latest.availability, latest.feed_id,
       copies.kind, copies.similarity, copies.containment,
       CASE WHEN copies.original_id = withdrawn.article_id THEN 'copy' ELSE 'cluster' END AS via,
       withdrawn.article_id AS withdrawn_id, withdrawn.pub_status AS withdrawn_status, withdrawn.withdrawn_at,
       withdrawn.change_note AS withdrawn_note, withdrawn.url AS withdrawn_url, withdrawn.title AS withdrawn_title,
       copies.cluster_id
FROM withdrawn
JOIN copies AS original ON original.article_id = withdrawn.article_id
JOIN copies ON copies.cluster_id = original.cluster_id
JOIN latest ON latest.article_id = copies.article_id
WHERE copies.original_id = withdrawn.article_id
   OR (original.original_id IS NULL AND copies.original_id IS NOT NULL)
"""


def _entities(words: _Words) -> str:
    fields = ", ".join(f"{words.entity.format(name)} AS {name}" for name in ("key", "name", "type", "id"))
    return f"""
SELECT latest.article_id, latest.capture_id, {fields},
       {words.salience} AS salience, {words.mentions} AS mention_count,
       latest.published_at, latest.observed_at, latest.language, latest.url, latest.title, latest.copy_of
FROM latest {words.each_entity}
"""  # noqa: S608  # joined of constants


_OUTCOME_COLUMNS = ", ".join(column.name for column in columns("outcomes"))

# A replay is a further attempt of its entry, with the next number.
_OUTCOMES_LATEST = f"""
SELECT {_OUTCOME_COLUMNS} FROM (
    SELECT {_OUTCOME_COLUMNS},
           row_number() OVER (
               PARTITION BY entry_id ORDER BY attempt DESC, decided_at DESC, ingested_at DESC) AS place
    FROM outcomes
) AS ranked
WHERE place = 1
"""  # noqa: S608  # as above

# Revisits and retries are further looks at a page whose article has its row; each has an entry_id of its own.
_MISSING = """
WITH captured AS (
    SELECT DISTINCT capture_id FROM articles
), looked_again AS (
    SELECT DISTINCT entry_id FROM outcomes WHERE origin IN ('revisit', 'retry')
), known AS (
    SELECT DISTINCT outcomes.url FROM outcomes JOIN captured ON captured.capture_id = outcomes.capture_id
)
SELECT newest.entry_id, newest.feed_id, newest.url, newest.guid, newest.title, newest.outcome, newest.is_terminal,
       newest.stage, newest.reason,
       CASE WHEN newest.outcome IN ('published', 'revised', 'unchanged')
            THEN 'its row is not here: purged, refused (see dead_letters), or kept back by a rule'
            ELSE newest.detail END AS detail,
       newest.http_status, newest.decided_at, newest.retry_at, newest.attempt,
       CASE WHEN known.url IS NULL THEN FALSE ELSE TRUE END AS is_url_known
FROM outcomes_latest AS newest
LEFT JOIN captured ON captured.capture_id = newest.capture_id
LEFT JOIN looked_again ON looked_again.entry_id = newest.entry_id
LEFT JOIN known ON known.url = newest.url
WHERE captured.capture_id IS NULL AND looked_again.entry_id IS NULL
"""


def _feeds_health(words: _Words) -> str:
    """Quiet polls have no row and are counted in the next one: where they are, the failures in a row begin anew."""
    return f"""
WITH configured AS (
    SELECT * FROM (
        SELECT feed_id, url, outlet, row_number() OVER (PARTITION BY feed_id ORDER BY valid_from DESC) AS place
        FROM feeds
    ) AS ranked
    WHERE place = 1
), polled AS (
    SELECT DISTINCT feed_id, polled_at, url, status, reason, detail, http_status, entries_new, entries_changed, gap,
           quiet_polls
    FROM polls
), known AS (
    SELECT feed_id, max(url) AS url FROM (
        SELECT feed_id, url FROM configured UNION ALL SELECT feed_id, url FROM polled
    ) AS every_feed
    GROUP BY feed_id
), times AS (
    SELECT feed_id,
           max(polled_at) AS last_poll_at,
           max(CASE WHEN status <> 'failed' THEN polled_at END) AS last_ok_at,
           max(CASE WHEN quiet_polls > 0 THEN polled_at END) AS last_quiet_before,
           max(CASE WHEN entries_new > 0 THEN polled_at END) AS last_new_entry_at,
           max(CASE WHEN reason IS NOT NULL THEN polled_at END) AS last_reason_at
    FROM polled GROUP BY feed_id
), counted AS (
    SELECT polled.feed_id,
           count(CASE WHEN polled.status = 'failed'
                       AND (times.last_ok_at IS NULL OR polled.polled_at > times.last_ok_at)
                       AND (times.last_quiet_before IS NULL OR polled.polled_at >= times.last_quiet_before)
                      THEN 1 END) AS failures_in_a_row,
           CAST(sum(CASE WHEN polled.polled_at >= current_timestamp - {words.week}
                         THEN polled.entries_new + polled.entries_changed ELSE 0 END) AS bigint) AS entries_7d,
           count(CASE WHEN polled.gap AND polled.polled_at >= current_timestamp - {words.week} THEN 1 END) AS gaps_7d
    FROM polled JOIN times ON times.feed_id = polled.feed_id
    GROUP BY polled.feed_id
), brought AS (
    SELECT feed_id, count(DISTINCT article_id) AS articles_7d FROM articles
    WHERE observed_at >= current_timestamp - {words.week}
    GROUP BY feed_id
)
SELECT known.feed_id, coalesce(configured.url, known.url) AS url, configured.outlet,
       times.last_poll_at, times.last_ok_at, coalesce(counted.failures_in_a_row, 0) AS failures_in_a_row,
       times.last_new_entry_at,
       coalesce(counted.entries_7d, 0) AS entries_7d, coalesce(brought.articles_7d, 0) AS articles_7d,
       coalesce(counted.gaps_7d, 0) AS gaps_7d,
       times.last_reason_at, reasoned.reason AS last_reason, reasoned.detail AS last_detail,
       reasoned.http_status AS last_http_status
FROM known
LEFT JOIN configured ON configured.feed_id = known.feed_id
LEFT JOIN times ON times.feed_id = known.feed_id
LEFT JOIN counted ON counted.feed_id = known.feed_id
LEFT JOIN brought ON brought.feed_id = known.feed_id
LEFT JOIN polled AS reasoned ON reasoned.feed_id = known.feed_id AND reasoned.polled_at = times.last_reason_at
"""  # noqa: S608  # as above
