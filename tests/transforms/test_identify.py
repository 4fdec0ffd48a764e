"""identify: one article has one id whatever it is called, and two articles never have the same."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

from schemas import ids
from schemas.enums import Origin, Precision
from schemas.memory import KnownAlias
from schemas.records import Article, Capture, DeadLetter, Outcome
from transforms import identify as identify_module
from transforms.identify import (
    REFRESHED,
    IdentifyCaptures,
    NoAliases,
    SiteAliases,
    address_key,
    identify,
    key_in_feed,
    names_of,
)
from transforms.indexes import Indexes
from transforms.shared import Shared
from transforms.text import canonical, urls

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
MORNING = dt.datetime(2026, 3, 1, 8, 15, 27, tzinfo=dt.UTC)
SITE = "https://paper.example"
TITLE = "Council votes to close the old harbour"
OTHER_TITLE = "Minister resigns after report on ferries"


def capture(
    url: str,
    title: str = TITLE,
    *,
    claim: str = "",
    asked: str = "",
    guid: str = "",
    minute: int = 0,
    published_at: dt.datetime | None = MORNING,
    feed_id: str = "feed",
) -> Capture:
    """As extract makes it; addresses are paths on one site."""
    url, claim, asked = (each if "://" in each or not each else SITE + each for each in (url, claim, asked or url))
    address = canonical.chosen(url, (claim or None,), title)
    article_id = key_in_feed(feed_id, guid, title) if urls.is_home(address) else address_key(address)
    observed_at = NOON + dt.timedelta(minutes=minute)
    article = Article(
        capture_id=ids.capture_id(article_id, observed_at, "content"),
        article_id=article_id,
        content_hash="content",
        observed_at=observed_at,
        url=url,
        canonical_url=address,
        feed_id=feed_id,
        guid=guid or None,
        title=title,
        published_at=published_at,
        published_precision=Precision.SECOND if published_at else None,
    )
    return Capture(
        article=article, entry_id=f"entry {minute}", attempt=1, origin=Origin.FEED, entry_url=asked, entry_key=guid
    )


class Memory:
    """A memory that lives as long as a test."""

    def __init__(self, suppressed: Sequence[str] = ()) -> None:
        self.aliases: dict[str, KnownAlias] = {}
        self.suppressed = set(suppressed)

    def known(self, keys: Sequence[str]) -> Sequence[KnownAlias]:
        return [self.aliases[key] for key in keys if key in self.aliases]

    def is_suppressed(self, keys: Sequence[str]) -> bool:
        return not self.suppressed.isdisjoint(keys)

    def take(self, *captures: Capture) -> list[str]:
        """The articles that they are found to be of."""
        found = []
        for each in captures:
            identified = identify(each, self.known([name.key for name in names_of(each)]))
            self.aliases.update({alias.key: alias for alias in identified.aliases})
            found.append(identified.capture.article.article_id)
        return found


def test_an_article_that_nobody_knows_keeps_the_id_of_its_canonical_address() -> None:
    one = capture("/a-long-slug?ref=x", claim="/a-long-slug")
    assert identify(one, ()).capture is one
    assert one.article.article_id == address_key(f"{SITE}/a-long-slug")


ONE_ARTICLE = {
    "a guid that changes": (capture("/slug", guid="tag:1"), capture("/slug", OTHER_TITLE, guid="tag:2")),
    "https and www": (capture("http://paper.example/slug"), capture("https://www.paper.example/slug/")),
    "AMP": (capture("/amp/slug"), capture("/slug?amp=1"), capture("https://amp.paper.example/slug")),
    "canonical": (capture("/a/987", claim="/close-the-old-harbour"), capture("/close-the-old-harbour")),
    "a redirect": (capture("/old-slug"), capture("/new-slug", "Harbour to close", asked="/old-slug")),
    "a redirect, undated": (
        capture("/old-slug", published_at=None),
        capture("/new-slug", asked="/old-slug", published_at=None),
    ),
    "the same guid at another address": (capture("/old-slug", guid="tag:1"), capture("/new-slug", guid="tag:1")),
    "a guid whose article got a new headline and address": (
        capture("/old-slug", guid="tag:1"),
        capture("/new-slug", "Council: harbour at its end", guid="tag:1"),
    ),
    "a slug that changes beside its number": (
        capture("/news/harbour-vote-1234567"),
        capture("/politics/1234567-harbour-to-close", "Harbour to close after vote in council"),
    ),
    "a headline at its own address": (capture("/slug"), capture("/slug", OTHER_TITLE, published_at=None)),
    "a live blog's fragments": (capture("/live/slug#entry-1"), capture("/live/slug#entry-2", OTHER_TITLE)),
    "an entry without an address": (capture("", guid="tag:1"), capture("", OTHER_TITLE, guid="tag:1")),
}

TWO_ARTICLES = {
    "the id in the parameter": (capture("/article.php?id=5"), capture("/article.php?id=6")),
    "two numbers": (capture("/slug-1234567"), capture("/slug-1234568")),
    "a guid by position": (capture("/one", guid="1"), capture("/two", guid="1")),
    "a guid given anew": (capture("/one", guid="12345"), capture("/two", OTHER_TITLE, guid="12345", minute=9)),
    "a column of one title": (
        capture("/one", guid="12345"),
        capture("/two", guid="12345", published_at=MORNING + dt.timedelta(days=1)),
    ),
    "an hourly bulletin": (
        capture("/one", guid="latest"),
        capture("/two", guid="latest", published_at=MORNING + dt.timedelta(hours=1)),
    ),
    "a short title, undated": (
        capture("/one", "Weather report", guid="latest", published_at=None),
        capture("/two", "Weather report", guid="latest", published_at=None),
    ),
    "a day without a time": (
        capture("/one", guid="latest", published_at=NOON.replace(hour=0)),
        capture("/two", OTHER_TITLE, guid="latest", published_at=NOON.replace(hour=0)),
    ),
    "a redirect to another article": (
        capture("/one"),
        capture("/two", OTHER_TITLE, asked="/one", published_at=NOON),
    ),
    "a redirect to another article of the same second": (capture("/one"), capture("/two", OTHER_TITLE, asked="/one")),
    "a number of the section": (
        capture("/123456/one"),
        capture("/123456/two", OTHER_TITLE, published_at=NOON),
    ),
    "another publisher's article behind an aggregator's entry": (
        capture("https://one.example/slug", guid="tag:1"),
        capture("https://two.example/slug", guid="tag:1"),
    ),
    "the canonical address of a partner": (capture("/slug"), capture("https://two.example/slug", claim=f"{SITE}/slug")),
    "an AMP cache": (capture("/slug"), capture("https://paper-example.cdn.example/c/slug", claim=f"{SITE}/slug")),
    "the canonical address of another article": (
        capture("/x/b"),
        capture("/x/a", OTHER_TITLE, claim="/x/b", published_at=NOON),
    ),
    "the same, before that article": (
        capture("/x/a", OTHER_TITLE, claim="/x/b", published_at=NOON),
        capture("/x/b"),
    ),
    "one canonical address for all": (
        capture("/x/a", OTHER_TITLE, claim="/x/c", published_at=NOON),
        capture("/x/b", claim="/x/c"),
    ),
    "a front page as the canonical address": (capture("/one", claim="/"), capture("/two", OTHER_TITLE, claim="/")),
    "entries that link to a front page": (capture(f"{SITE}/", guid="tag:1"), capture(f"{SITE}/", guid="tag:2")),
    "entries without an address": (capture("", guid="tag:1"), capture("", guid="tag:2")),
    "entries without an address, by position": (
        capture("", guid="1"),
        capture("", OTHER_TITLE, guid="1", minute=1, published_at=NOON),
    ),
    "pages of an article": (capture("/slug"), capture("/slug?page=2")),
}


@pytest.mark.parametrize("name", ONE_ARTICLE)
def test_one_article(name: str) -> None:
    assert len(set(Memory().take(*ONE_ARTICLE[name]))) == 1
    assert len(set(Memory().take(*reversed(ONE_ARTICLE[name])))) == 1


def test_a_headline_that_drifts_is_followed() -> None:
    captures = [
        capture("/slug", published_at=None),
        capture("/slug", OTHER_TITLE, minute=1, published_at=None),
        capture("/new", OTHER_TITLE, asked="/slug", minute=2, published_at=None),
    ]
    assert len(set(Memory().take(*captures))) == 1


@pytest.mark.parametrize("name", TWO_ARTICLES)
def test_two_articles(name: str) -> None:
    assert len(set(Memory().take(*TWO_ARTICLES[name]))) == 2
    assert len(set(Memory().take(*reversed(TWO_ARTICLES[name])))) == 2


def test_a_place_in_the_feed_is_given_anew_again_and_again() -> None:
    entries = [
        capture("", f"{word} of quite another thing", guid="1", minute=minute, published_at=NOON.replace(hour=minute))
        for minute, word in enumerate(("Rise", "Fall", "End", "Start"), start=1)
    ]
    memory = Memory()
    found = memory.take(*entries)
    assert len(set(found)) == len(entries)
    assert memory.take(replace(entries[-1], attempt=2)) == found[-1:]


def test_an_address_claimed_by_a_wrong_page_goes_to_the_article_that_is_read_there() -> None:
    wrong = capture("/x/a", OTHER_TITLE, claim="/x/b", published_at=NOON)
    right = capture("/x/b", minute=1)
    memory = Memory()
    first, second = memory.take(wrong, right)
    again = memory.take(replace(wrong), replace(right), capture("/x/b?amp=1", minute=2))
    assert again == [first, second, second]


def test_a_claim_that_is_another_articles_is_no_canonical_address() -> None:
    memory = Memory()
    memory.take(capture("/x/b"))
    one = capture("/x/a", OTHER_TITLE, claim="/x/b", published_at=NOON)
    found = identify(one, memory.known([name.key for name in names_of(one)])).capture.article
    assert found.canonical_url == f"{SITE}/x/a"
    assert found.capture_id == ids.capture_id(found.article_id, found.observed_at, found.content_hash)


def test_of_two_ids_of_one_article_each_stays() -> None:
    memory = Memory()
    first, second = memory.take(capture("/one", published_at=None), capture("/two", OTHER_TITLE, published_at=None))
    assert memory.take(capture("/two", asked="/one", minute=1, published_at=None)) == [second]
    assert memory.take(capture("/one", minute=2, published_at=None)) == [first]


def test_what_is_known_is_stored_again_only_for_its_time_limit() -> None:
    one = capture("/slug", guid="tag:1")
    stored = identify(one, ()).aliases
    assert [alias.is_own for alias in stored] == [True, False]
    assert identify(replace(one, attempt=2), stored).aliases == ()
    article = replace(one.article, observed_at=NOON + REFRESHED)
    assert len(identify(replace(one, article=article), stored).aliases) == len(stored)
    assert identify(replace(one, article=replace(article, observed_at=NOON - REFRESHED)), stored).aliases == ()


PATHS = st.sampled_from(["/a", "/b", "/a/amp", "/news/slug-1234567", "/sport/other-1234567", "/article.php?id=7", "/"])
CAPTURES = st.builds(
    capture,
    PATHS,
    st.sampled_from([TITLE, OTHER_TITLE, "Weather"]),
    claim=PATHS,
    asked=PATHS,
    guid=st.sampled_from(["", "1", "tag:1", "tag:2"]),
    minute=st.integers(0, 5),
    published_at=st.sampled_from([None, MORNING, NOON]),
)


@given(st.lists(CAPTURES, max_size=8))
def test_an_id_never_changes_and_telling_it_again_tells_the_same(captures: list[Capture]) -> None:
    memory = Memory()
    own: dict[str, str] = {}
    for each in captures:
        known = memory.known([name.key for name in names_of(each)])
        found = identify(each, known)
        memory.aliases.update({alias.key: alias for alias in found.aliases})
        if each.article.url != f"{SITE}/":
            key = address_key(each.article.url)
            assert found.capture.article.article_id == own.setdefault(key, found.capture.article.article_id)
        again = identify(found.capture, memory.known([name.key for name in names_of(found.capture)]))
        assert again.capture == found.capture
        assert again.aliases == ()


def test_captures_of_one_run_see_each_other_and_a_memory_sees_all() -> None:
    old, new, other = capture("/old-slug"), capture("/new-slug", asked="/old-slug", minute=1), capture("/other")
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        found = pipeline | beam.Create([old, new, other]) | IdentifyCaptures()
        article_ids = found.captures | beam.Map(_article_id)
        keys = found.aliases | beam.Map(_key)
        assert_that(article_ids, equal_to([old.article.article_id] * 2 + [other.article.article_id]), "ids")
        paths = ("/old-slug", "/new-slug", "/other")
        assert_that(keys, equal_to([address_key(SITE + path) for path in paths]), "keys")


def _article_id(one: Capture) -> str:
    return one.article.article_id


def _key(alias: KnownAlias) -> str:
    return alias.key


def _purged() -> Memory:
    memory = Memory(suppressed=[address_key(f"{SITE}/old-slug")])
    memory.take(capture("/old-slug"))
    return memory


def test_what_was_purged_is_dropped_under_its_later_names_too() -> None:
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        captures = [capture("/new-slug", asked="/old-slug"), capture("/other")]
        found = pipeline | beam.Create(captures) | IdentifyCaptures(memory=Shared(_purged))
        assert_that(found.captures | beam.Map(_article_id), equal_to([address_key(f"{SITE}/other")]), "captures")
        assert_that(found.outcomes | beam.Map(_end), equal_to([("identify", "dropped", "suppressed")]), "outcomes")
        names = [(address_key(f"{SITE}/new-slug"), address_key(f"{SITE}/old-slug"))]
        names += [(address_key(f"{SITE}/other"), address_key(f"{SITE}/other"))]
        assert_that(found.aliases | beam.Map(_names), equal_to(names), "aliases")


def _end(outcome: Outcome) -> tuple[str, str, str | None]:
    return outcome.stage, outcome.outcome, outcome.reason


def _names(alias: KnownAlias) -> tuple[str, str]:
    return alias.key, alias.article_id


class _Broken(NoAliases):
    def known(self, keys: Sequence[str]) -> Sequence[KnownAlias]:
        raise ZeroDivisionError(keys)


def test_a_bug_costs_its_capture() -> None:
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        found = pipeline | beam.Create([capture("/slug")]) | IdentifyCaptures(memory=Shared(_Broken))
        assert_that(found.captures, equal_to([]), "captures")
        assert_that(found.outcomes | beam.Map(_end), equal_to([("identify", "dead", "bug")]), "outcomes")
        assert_that(found.dead_letters | beam.Map(_stage), equal_to(["identify"]), "letters")


def _stage(letter: DeadLetter) -> str:
    return letter.stage


def test_a_sites_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identify_module, "SITE_LIMIT", 2)
    captures = [capture(f"/slug-{number}", minute=number) for number in range(8)]
    captures.append(capture("/new-slug", asked="/slug-0", minute=9))  # forgotten
    captures.append(capture("/newer-slug", asked="/new-slug", minute=10))  # known
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        found = pipeline | beam.Create(captures) | IdentifyCaptures()
        expected = [address_key(f"{SITE}/slug-{number}") for number in range(8)]
        expected += [address_key(f"{SITE}/new-slug")] * 2
        assert_that(found.captures | beam.Map(_article_id), equal_to(expected))


class Site:
    """A site's keyed state: a value cell and a bag of Beam."""

    def __init__(self) -> None:
        self.version: Any = None
        self.bag: list[KnownAlias] = []
        self.reads = 0

    def read(self) -> Any:
        return self.version

    def write(self, version: Any) -> None:
        self.version = version

    def opened(self, indexes: Indexes[dict[str, KnownAlias]]) -> SiteAliases:
        return SiteAliases("site", self, _Bag(self), indexes)


class _Bag:
    def __init__(self, site: Site) -> None:
        self._site = site

    def read(self) -> list[KnownAlias]:
        self._site.reads += 1
        return list(self._site.bag)

    def add(self, alias: KnownAlias) -> None:
        self._site.bag.append(alias)

    def clear(self) -> None:
        self._site.bag.clear()


def alias(key: str, minute: int = 0) -> KnownAlias:
    return KnownAlias(key=key, article_id=f"{key}{minute}", observed_at=NOON + dt.timedelta(minutes=minute))


def test_a_process_that_keeps_a_site_never_reads_its_bag() -> None:
    site, indexes = Site(), Indexes[dict[str, KnownAlias]]()
    for minute, key in enumerate("aba"):
        site.opened(indexes).add([alias(key, minute)])
    known = site.opened(indexes)
    assert known.under(["a", "b", "c"]) == [alias("a", 2), alias("b", 1)]
    assert known.newest_at == NOON + dt.timedelta(minutes=2)
    assert site.reads == 0


def test_another_process_reads_the_bag_once() -> None:
    site, indexes = Site(), Indexes[dict[str, KnownAlias]]()
    for minute, key in enumerate("aba"):
        site.opened(Indexes()).add([alias(key, minute)])
    site.reads = 0
    for _ in range(2):
        known = site.opened(indexes)
        assert known.under(["b", "a"]) == [alias("b", 1), alias("a", 2)]
        known.add([])
    assert site.reads == 1


def test_what_is_ahead_of_a_checkpoint_is_not_used() -> None:
    site, indexes = Site(), Indexes[dict[str, KnownAlias]]()
    site.opened(indexes).add([alias("a")])
    checkpoint = site.version, list(site.bag)
    site.opened(indexes).add([alias("b")])
    site.version, site.bag = checkpoint
    assert site.opened(indexes).under(["a", "b"]) == [alias("a")]
    site.opened(indexes).add([alias("c")])
    assert site.opened(Indexes()).under(["a", "b", "c"]) == [alias("a"), alias("c")]


def test_a_full_site_keeps_the_newest_in_its_bag_and_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identify_module, "SITE_LIMIT", 2)
    site, indexes = Site(), Indexes[dict[str, KnownAlias]]()
    for minute, key in enumerate("abcde"):
        site.opened(indexes).add([alias(key, minute)])
    assert [known.key for known in site.bag] == ["d", "e"]
    for held in (indexes, Indexes[dict[str, KnownAlias]]()):
        assert [known.key for known in site.opened(held).under(list("abcde"))] == ["d", "e"]
