"""What a sink is given: rules take away, and never change what rows are told apart by."""

import dataclasses
import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sinks import rules
from pipeline.sinks.rules import EVERYTHING, UNDETERMINED, Rules, apply, article_of, left_out
from schemas import tables
from schemas.enums import BodyPolicy, MentionField, Origin, Tdm
from schemas.examples import EXAMPLES
from schemas.records import Article, Delivery, Entity, Entry, Mention
from schemas.tables import ENTRIES, TABLES
from transforms.extract import EXCERPT_WORDS

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
ENTRY = Entry(
    entry_id="e", feed_id="f", entry_key="k", fingerprint="", change_no=0, origin=Origin.FEED, observed_at=NOW,
    title="Ferry aground", content="<p>Nobody was hurt.</p>",
)  # fmt: skip
ROWS: dict[str, Any] = {**EXAMPLES, ENTRIES.name: ENTRY}
ARTICLE: Any = EXAMPLES["articles"]


def can_be_left_out(table: str, column: str) -> bool:
    try:
        left_out({table: [column]})
    except ValueError:
        return False
    return True


LEAVABLE = {
    table: [each.name for each in dataclasses.fields(TABLES[table].record) if can_be_left_out(table, each.name)]
    for table in TABLES
}
some_rules = st.builds(
    Rules,
    tables=st.none() | st.frozensets(st.sampled_from(list(ROWS))),
    leave_out=st.fixed_dictionaries({table: st.frozensets(st.sampled_from(LEAVABLE[table])) for table in TABLES}),
    languages=st.none() | st.frozensets(st.sampled_from(["en", "en-gb", "de", UNDETERMINED])),
    bodies=st.sampled_from(BodyPolicy),
    bodies_if_reserved=st.sampled_from(BodyPolicy),
)
some_articles = st.builds(
    replace,
    st.just(ARTICLE),
    body=st.text(max_size=400),
    language=st.sampled_from([None, "en", "en-GB", "pt-BR"]),
    tdm=st.sampled_from(Tdm),
)
some_rows = st.sampled_from(list(ROWS.items())) | st.tuples(st.just("articles"), some_articles)


@given(some_rows)
def test_without_rules_every_row_is_as_it_came(row: tuple[str, Any]) -> None:
    assert apply(EVERYTHING, *row) is row[1]


@given(some_rules, some_rows, st.none() | st.sampled_from(["en", "de"]))
def test_keys_times_and_articles_are_never_changed(given_rules: Rules, row: tuple[str, Any], language: str) -> None:
    table, record = row
    got = apply(given_rules, table, record, language)
    if got is None:
        return
    for column in (*tables.ROWS[table].key, tables.ROWS[table].time_column):
        assert getattr(got, column) == getattr(record, column)
    assert article_of(got) == article_of(record)
    if table in TABLES:  # it is still a row: what is not nullable is there
        tables.arrow_table(table, [got], Delivery(ingested_at=NOW, batch_id="b")).validate(full=True)


@given(some_rules, some_rows, st.none() | st.sampled_from(["en", "de"]))
def test_rules_applied_twice_are_rules_applied_once(given_rules: Rules, row: tuple[str, Any], language: str) -> None:
    got = apply(given_rules, *row, language)
    leaves_language = "language" not in given_rules.leave_out.get("articles", ())
    if got is not None and leaves_language:
        assert apply(given_rules, row[0], got, language) == got


@given(some_rules, some_articles)
def test_every_mention_that_is_left_stands_where_it_says(given_rules: Rules, article: Article) -> None:
    end = len(article.body)
    mentions = tuple(
        Mention(field=MentionField.BODY, start=at, end=at + 1, text=article.body[at]) for at in range(0, end, 7)
    )
    named = replace(article, entities=(Entity(key="k", name="n", type=tables_entity(), mentions=mentions),))
    got = apply(given_rules, "articles", named)
    if got is not None and got.entities:
        assert all(got.body[one.start : one.end] == one.text for one in got.entities[0].mentions)


def tables_entity() -> Any:
    return ARTICLE.entities[0].type


@pytest.mark.parametrize("column", LEAVABLE["articles"])
def test_a_column_left_out_is_empty_and_all_others_stay(column: str) -> None:
    got: Any = apply(Rules(leave_out=left_out({"articles": [column]})), "articles", ARTICLE)
    assert not getattr(got, column)
    changed = {each.name for each in dataclasses.fields(got) if getattr(got, each.name) != getattr(ARTICLE, each.name)}
    assert changed <= {column, "entities"}


@pytest.mark.parametrize("table", [each for each in TABLES if each != "articles"])
def test_rules_for_one_table_leave_the_others_alone(table: str) -> None:
    taken = Rules(leave_out=left_out({"articles": LEAVABLE["articles"]}))
    assert apply(taken, table, ROWS[table]) == ROWS[table]
    assert apply(Rules(tables=frozenset({"articles"})), table, ROWS[table]) is None


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"storys": ["title"]}, "no table 'storys'"),
        ({"entries": ["title"]}, "no table 'entries'"),
        ({"articles": ["headline"]}, "table articles has no column 'headline'"),
        ({"articles": ["ingested_at"]}, "table articles has no column 'ingested_at'"),
        ({"articles": ["capture_id"]}, "tells rows apart"),
        ({"articles": ["article_id"]}, "tells rows apart"),
        ({"articles": ["content_hash"]}, "tells rows apart"),
        ({"articles": ["observed_at"]}, "tells rows apart"),
        ({"revisions": ["judged_seq"]}, "tells rows apart"),
        ({"links": ["cluster_id"]}, "tells rows apart"),
        ({"outcomes": ["article_id"]}, "tells rows apart"),
        ({"outcomes": ["outcome"]}, "has no empty value"),
        ({"articles": ["word_count"]}, "has no empty value"),
    ],
)
def test_what_cannot_be_left_out_is_refused(named: dict[str, list[str]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        left_out(named)


@pytest.mark.parametrize(
    ("language", "wanted", "is_taken"),
    [
        ("en", "en", True),
        ("en-GB", "en", True),
        ("en", "en-gb", False),
        ("eng", "en", False),
        ("pt-BR", "pt-br", True),
        (None, "en", False),
        (None, UNDETERMINED, True),
    ],
)
def test_languages_are_ranges(language: str | None, wanted: str, *, is_taken: bool) -> None:
    article = replace(ARTICLE, language=language)
    assert (apply(Rules(languages=frozenset({wanted})), "articles", article) is not None) == is_taken


def test_what_belongs_to_an_article_goes_by_its_language_and_the_rest_is_taken() -> None:
    english = Rules(languages=rules.ranges(["EN"]))
    for table in ("revisions", "links", "outcomes"):
        assert article_of(ROWS[table])
        assert apply(english, table, ROWS[table], "de") is None
        assert apply(english, table, ROWS[table], "en-gb") == ROWS[table]
        assert apply(english, table, ROWS[table], None) == ROWS[table]
    assert apply(english, "polls", ROWS["polls"]) == ROWS["polls"]
    assert article_of(ROWS["polls"]) is None


@pytest.mark.parametrize(
    ("tdm", "bodies", "if_reserved", "kept"),
    [
        (Tdm.ALLOWED, BodyPolicy.FULL, BodyPolicy.NONE, "full"),
        (Tdm.UNKNOWN, BodyPolicy.FULL, BodyPolicy.NONE, "full"),
        (Tdm.RESERVED, BodyPolicy.FULL, BodyPolicy.NONE, "none"),
        (Tdm.RESERVED, BodyPolicy.FULL, BodyPolicy.EXCERPT, "excerpt"),
        (Tdm.RESERVED, BodyPolicy.NONE, BodyPolicy.EXCERPT, "none"),  # the stricter counts
        (Tdm.ALLOWED, BodyPolicy.EXCERPT, BodyPolicy.NONE, "excerpt"),
    ],
)
def test_bodies(tdm: Tdm, bodies: BodyPolicy, if_reserved: BodyPolicy, kept: str) -> None:
    body = "\n\n".join(f"One{number} two three." for number in range(40))
    got: Any = apply(
        Rules(bodies=bodies, bodies_if_reserved=if_reserved), "articles", replace(ARTICLE, body=body, tdm=tdm)
    )
    words = {"full": 120, "excerpt": EXCERPT_WORDS, "none": 0}[kept]
    assert len(got.body.split()) == words
    assert body.startswith(got.body)


def test_where_bodies_are_not_wanted_they_do_not_come_by_another_way() -> None:
    reserved = Rules(bodies_if_reserved=BodyPolicy.NONE)
    assert apply(reserved, "entries", ENTRY) == replace(ENTRY, content="")
    assert apply(reserved, "dead_letters", ROWS["dead_letters"]) == replace(ROWS["dead_letters"], raw=b"")
