"""Feeds saved over time."""

import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources import snapshots as module
from pipeline.sources.snapshots import first_look, look, own_address
from schemas import ids
from schemas.enums import Origin, Reason
from tests.pipeline.sources.reading import NOW, AskedGate, InlinePool, entries, opened, put, read, read_all, refused
from transforms.feeds.reading import FeedReading
from transforms.poll import poll
from transforms.text.feeds import parse_feed
from transforms.web.messages import Response

SELF = '<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="self" href="https://a.example/rss?a=1&amp;b=2"/>'


def rss(titles: dict[str, str], head: str = SELF) -> str:
    shown = "".join(
        f"<item><guid>{guid}</guid><link>https://a.example/{guid}</link><title>{title}</title></item>"
        for guid, title in titles.items()
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>A</title>{head}{shown}</channel></rss>'


def test_an_entry_comes_once_until_it_changes(tmp_path: Path) -> None:
    put(tmp_path, "2026-03-01_12-00.xml", rss({"1": "one", "2": "two"}))
    put(tmp_path, "2026-03-01_13-00.xml.gz", rss({"3": "three", "1": "one", "2": "zwei"}))
    put(tmp_path, "2026-03-01_14-00.xml", rss({"3": "three", "1": "one", "2": "zwei"}))
    put(tmp_path, "2026-03-01_15-00.xml", rss({"3": "three", "1": "one", "2": "two"}))
    found = entries(read_all(tmp_path))
    assert [(entry.observed_at.hour, entry.title, entry.change_no) for entry in found] == [
        (12, "two", 0),
        (12, "one", 0),
        (13, "zwei", 1),
        (13, "three", 0),
        (15, "two", 2),
    ]
    assert {entry.origin for entry in found} == {Origin.BACKFILL}
    assert {entry.feed_id for entry in found} == {ids.feed_id("https://a.example/rss?a=1&b=2")}
    assert len({entry.entry_id for entry in found}) == 5


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"), max_size=3), max_size=6))
def test_it_is_what_polls_at_those_times_would_have_brought(bodies: list[dict[str, str]]) -> None:
    due = polled = first_look("https://a.example/rss", NOW)
    for hour, titles in enumerate(bodies):
        at, body = NOW + dt.timedelta(hours=hour), rss(titles).encode()
        looked = look(due, body, at, InlinePool())
        feed = parse_feed(body, None, due.request_url)
        answer = Response(
            request_url=due.request_url, url=due.request_url, status=200, headers={}, body=body, observed_at=at
        )
        expected = poll(polled, answer, FeedReading(feed, feed.entries))
        assert looked.entries == expected.entries
        due = type(due)(feed=due.feed, request_url=due.request_url, state=looked.state)
        polled = type(due)(feed=due.feed, request_url=due.request_url, state=expected.state)


def test_several_feeds_are_told_apart_by_folder_and_by_name(tmp_path: Path) -> None:
    for name in ("one/20260301.xml", "two/20260301.xml", "b_20260301.rss", "c_20260301.rss"):
        put(tmp_path, name, rss({"1": "x"}, head=""))
        put(tmp_path, name.replace("0301", "0302"), rss({"1": "x", "2": "y"}, head=""))
    found = entries(read_all(tmp_path))
    assert len(found) == 8
    assert {entry.feed_id for entry in found} == {
        ids.feed_id(name) for name in ("one/.xml", "two/.xml", "b_.rss", "c_.rss")
    }


def test_snapshots_named_one_by_one_are_one_source(tmp_path: Path) -> None:
    files = [
        put(tmp_path, "2026-03-02.xml", rss({"1": "x", "2": "y"})),
        put(tmp_path, "2026-03-01.xml", rss({"1": "x"})),
    ]
    [source] = opened(*files)
    assert [entry.title for entry in entries(read(source))] == ["x", "y"]
    assert [entry.title for entry in entries(read_all(tmp_path / "2026-*.xml"))] == ["x", "y"]


def test_a_sidecar_tells_address_and_time(tmp_path: Path) -> None:
    put(tmp_path, "feed.xml", rss({"1": "x"}))
    put(tmp_path, "feed.json", '{"url": "https://a.example/other", "observed_at": "2024-01-02T00:00:00Z"}')
    [entry] = entries(read_all(tmp_path / "feed.xml"))
    assert entry.feed_id == ids.feed_id("https://a.example/other")
    assert entry.observed_at == dt.datetime(2024, 1, 2, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<feed xmlns="http://www.w3.org/2005/Atom"><link href="https://a.example/atom" rel="self"/>', "https://a.example/atom"),
        ('<feed><link href="https://a.example/"/><entry><link rel="alternate" href="https://a.example/1"/>', None),
        ('{"version": "https://jsonfeed.org/version/1.1", "feed_url": "https:\\/\\/a.example\\/feed.json"}', "https://a.example/feed.json"),
        ('<link rel="self" href="feed.xml"/>', None),
        ('<link rel="self" href="https://u:p@a.example/"/>', "https://a.example/"),
        ('"feed_url": "' + "\\" * 100_000, None),
    ],
)  # fmt: skip
def test_a_feed_tells_its_own_address(body: str, expected: str | None) -> None:
    assert own_address(body.encode()) == expected


def test_a_json_feed_is_one(tmp_path: Path) -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "items": [{"id": "1", "url": "https://a.example/1", "title": "x"}],
    }
    [entry] = entries(read_all(put(tmp_path, "20260301.json", json.dumps(feed, indent=1))))
    assert (entry.title, entry.url) == ("x", "https://a.example/1")


def test_what_cannot_be_read_is_told_and_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FEED_LIMIT_BYTES", 5_000)
    put(tmp_path, "20260301.rss", "<html><body>Sorry")
    put(tmp_path, "20260302.rss", rss({"1": "x"}))
    (tmp_path / "20260303.rss.gz").write_bytes(b"\x1f\x8b\x08\x00 broken")
    put(tmp_path, "20260304.rss", rss({"1": "x" * 6_000}))
    put(tmp_path, "20260305.rss", rss({"2": "y"})[:-16])
    put(
        tmp_path,
        "20260306.rss",
        rss({"2": "y", "3": "z"}).replace("<guid>3</guid><link>https://a.example/3</link><title>z</title>", ""),
    )
    found = read_all(tmp_path)
    assert [entry.title for entry in entries(found)] == ["x", "y"]
    assert {(place, reason) for reason, place, _ in refused(found)} == {
        ("20260301.rss", Reason.NOT_A_FEED),
        ("20260303.rss.gz", Reason.BAD_ENCODING),
        ("20260304.rss", Reason.TOO_LARGE),
        ("20260305.rss", Reason.MALFORMED),
        ("20260306.rss", Reason.NO_LINK),
    }


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    secret = put(tmp_path, "secret", "do not tell")
    declared = f'<!DOCTYPE rss [<!ENTITY x SYSTEM "{secret.as_uri()}"><!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    hostile = declared + rss({"1": "&x;&b;"})
    found = read_all(put(tmp_path / "feeds", "20260301.xml", hostile))
    assert "do not tell" not in repr(found)
    assert "aaaaaaaa" not in repr(found)


def test_it_is_read_anew_whatever_the_position_and_the_gate_refuses_what_is_known(tmp_path: Path) -> None:
    put(tmp_path, "20260301.xml", rss({"1": "x", "2": "y"}))
    [source] = opened(tmp_path)
    whole = read(source)
    assert {each.position for each in whole} == {0}
    assert read(source, position=1) == whole
    gate = AskedGate({"https://a.example/1": Reason.KNOWN})
    assert refused(read(source, gate)) == [(Reason.KNOWN, "", "")]
    assert [(key, at) for key, _, at in gate.asked] == [(entry.entry_id, None) for entry in entries(whole)]
