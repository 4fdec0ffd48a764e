"""The list of feeds kept by command: what is put in comes out, in any form, and credentials only when asked for."""

import datetime as dt
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline import feed_store
from pipeline.feed_store import Added, ListFormat
from pipeline.feedlist import FeedSetting, read_feed, read_feeds
from pipeline.state import State
from schemas.enums import BodyPolicy

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)


def setting(url: str, **settings: str) -> FeedSetting:
    found = read_feed({"url": url, **settings}, NOW)
    assert not found.problems, found.problems
    return found.feeds[0]


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(str.strip)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "outlet": NAMES,
        "rights": NAMES,
        "country": st.sampled_from(["eg", "DE"]),
        "language": st.sampled_from(["en", "pt-BR"]),
        "timezone": st.sampled_from(["Africa/Cairo", "UTC"]),
        "body_policy": st.sampled_from([str(policy) for policy in BodyPolicy]),
    },
)
# XML, and so OPML, has no place for the two noncharacters (XML 1.0, 2.2).
_IN_PATHS = st.characters(exclude_categories=["Cs", "Z", "Cc"], exclude_characters="#\ufffe\uffff")
PATHS = st.text(_IN_PATHS, max_size=30)
FEEDS = st.lists(
    st.builds(
        lambda host, path, secret, settings: setting(f"https://{secret}{host}.example/{path}", **settings),
        st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        PATHS,
        st.sampled_from(["", "user:pa%40ss@"]),
        SETTINGS,
    ),
    max_size=5,
    unique_by=lambda one: one.feed.feed_id,
)


def read_back(text: str) -> list[FeedSetting]:
    if not text.strip():
        return []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "list")
        path.write_text(text, encoding="utf-8")
        found = read_feeds([str(path)], NOW)
    assert not found.problems, found.problems
    return list(found.feeds)


@given(feeds=FEEDS)
def test_toml_gives_back_every_setting(feeds: list[FeedSetting]) -> None:
    assert read_back(feed_store.written(feeds, ListFormat.TOML, with_credentials=True)) == feeds
    without = [replace(one, request_url=one.feed.url) for one in feeds]
    assert read_back(feed_store.written(feeds, ListFormat.TOML)) == without


@given(feeds=FEEDS)
def test_text_gives_back_the_addresses(feeds: list[FeedSetting]) -> None:
    found = read_back(feed_store.written(feeds, ListFormat.TXT, with_credentials=True))
    assert [one.request_url for one in found] == [one.request_url for one in feeds]


@given(feeds=FEEDS.filter(bool))
def test_opml_gives_back_addresses_and_outlets(feeds: list[FeedSetting]) -> None:
    found = read_back(feed_store.written(feeds, ListFormat.OPML))
    assert [one.feed.url for one in found] == [one.feed.url for one in feeds]


def test_what_is_added_is_stored_in_order_with_its_credentials(tmp_path: Path) -> None:
    feeds = [setting("https://user:secret@b.example/rss", outlet="B"), setting("https://a.example/rss")]
    assert feed_store.add_feeds(tmp_path, feeds, NOW) == [Added.NEW, Added.NEW]
    stored = feed_store.stored_feeds(tmp_path, LATER)
    assert stored == [replace(one, feed=replace(one.feed, valid_from=LATER)) for one in feeds]
    assert feed_store.feed_list(tmp_path)[0].added_at == NOW
    assert "secret" not in repr(stored)
    assert "secret" not in feed_store.written(stored, ListFormat.TOML)


def test_the_version_rises_with_every_change_and_with_nothing_else(tmp_path: Path) -> None:
    assert feed_store.feeds_version(tmp_path) == 0
    assert feed_store.stored_feeds(tmp_path, NOW) == []
    State(tmp_path).close()
    assert feed_store.feeds_version(tmp_path) == 0
    one = setting("https://a.example/rss")
    versions = []
    for settings, said in ((one, Added.NEW), (one, Added.KNOWN), (setting(one.feed.url, outlet="A"), Added.CHANGED)):
        assert feed_store.add_feeds(tmp_path, [settings], NOW) == [said]
        versions.append(feed_store.feeds_version(tmp_path))
    assert feed_store.remove_feed(tmp_path, one.feed.url)
    versions.append(feed_store.feeds_version(tmp_path))
    assert versions == [1, 1, 2, 3]


def test_a_feed_is_removed_by_address_or_by_the_start_of_its_id(tmp_path: Path) -> None:
    feeds = [setting(f"https://{name}.example/rss") for name in "abc"]
    feed_store.add_feeds(tmp_path, feeds, NOW)
    assert feed_store.remove_feed(tmp_path, feeds[0].feed.url) == feeds[0].feed
    assert feed_store.remove_feed(tmp_path, feeds[1].feed.feed_id[:8]) == feeds[1].feed
    assert feed_store.remove_feed(tmp_path, feeds[2].feed.feed_id[:7]) is None
    assert feed_store.remove_feed(tmp_path, "https://d.example/rss") is None
    assert [one.feed.url for one in feed_store.stored_feeds(tmp_path, NOW)] == [feeds[2].feed.url]


def test_the_list_is_changed_beside_a_run(tmp_path: Path) -> None:
    state = State(tmp_path)
    one = setting("https://a.example/rss")
    feed_store.add_feeds(tmp_path, [one], NOW)
    state.set_feeds([(one.feed, one.request_url)])
    assert feed_store.remove_feed(tmp_path, one.feed.url)
    assert state.feeds_of([one.feed.feed_id])
    state.close()
