"""Every kind of feed list, and what is said of a broken one."""

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.feedlist import FeedList, FeedListError, read_feeds
from schemas import ids
from schemas.enums import BodyPolicy

NOW = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)


def read(folder: Path, text: str | bytes, name: str = "feeds") -> FeedList:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_feeds([str(path)], NOW)


def addresses(found: FeedList) -> list[str]:
    return [one.feed.url for one in found.feeds]


def problems(found: FeedList) -> list[str]:
    return [f"{problem.line}: {problem.words}" for problem in found.problems]


def test_a_text_file_has_an_address_a_line(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "\ufeff# ours\n\nhttps://one.example/rss#top\n  http://TWO.example/feed   # the second\nhttps://one.example/rss\n"
        "https://three.example\n",
    )
    assert addresses(found) == ["https://one.example/rss", "http://two.example/feed", "https://three.example/"]
    assert found.problems == ()
    assert found.feeds[0].feed.domain == "one.example"
    assert found.feeds[0].feed.feed_id == ids.feed_id("https://one.example/rss")
    assert found.feeds[0].feed.valid_from == NOW


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("one.example/rss", "no address of a feed: 'one.example/rss': http:// or https:// and a host were expected"),
        ("ftp://one.example/rss", "no address of a feed: 'ftp://one.example/rss': http:// or https:// and a host were"),
        ("https://", "no address of a feed: 'https://'"),
        ("https://me:pw@one.example:port/", "no address of a feed: 'https://one.example:port/'"),
        ("https://[::1/", "no address of a feed: 'https://[::1/'"),
        ("https://one.example/a b", "one address a line, but here are 2 words"),
    ],
)
def test_a_broken_line_is_told_and_the_rest_is_used(tmp_path: Path, line: str, words: str) -> None:
    found = read(tmp_path, f"https://first.example/\n{line}\nhttps://last.example/\n")
    assert addresses(found) == ["https://first.example/", "https://last.example/"]
    (problem,) = found.problems
    assert (problem.file, problem.line) == (str(tmp_path / "feeds"), 2)
    assert problem.words.startswith(words)
    assert str(problem).startswith(f"{tmp_path / 'feeds'}:2: ")
    assert "pw" not in problem.words


OPML = """<?xml version="1.0" encoding="{encoding}"?>
<opml version="2.0"><head><title>Mine</title></head><body>
<outline text="North">
  <outline type="rss" text="Müller &amp; Co" xmlUrl="https://one.example/rss?a=1&amp;b=2"/>
</outline>
{more}
</body></opml>
"""


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1"])
def test_opml(tmp_path: Path, encoding: str) -> None:
    found = read(tmp_path, OPML.format(encoding=encoding, more="").encode(encoding))
    (one,) = found.feeds
    assert (one.feed.url, one.feed.outlet) == ("https://one.example/rss?a=1&b=2", "Müller & Co")
    assert found.problems == ()


def test_opml_with_faults_names_their_lines(tmp_path: Path) -> None:
    more = (
        '<outline text="no feed" type="rss" xmlUrl="" htmlUrl="https://two.example/"/>\n'
        '<outline text="bad" type="rss" xmlUrl="feed.xml"/>\n'
        '<outline text="others" type="include" url="https://three.example/more.opml"/>\n'
        '<outline text="loose" type="rss" xmlUrl="https://four.example/?a=1&b=2"/>'
    )
    found = read(tmp_path, OPML.format(encoding="utf-8", more=more))
    assert addresses(found) == ["https://one.example/rss?a=1&b=2", "https://four.example/?a=1&b=2"]
    told = problems(found)
    assert told[0].startswith("9: no well-formed XML")
    assert "7: no address of a feed: 'feed.xml': http:// or https:// and a host were expected" in told
    assert "6: an outline with a page (htmlUrl), but no feed (xmlUrl)" in told
    assert "8: a list within the list is not followed: name it by itself" in told


def test_xml_that_is_no_opml(tmp_path: Path) -> None:
    found = read(tmp_path, "<rss version='2.0'><channel/></rss>")
    assert problems(found) == ["None: XML without a single feed: an OPML file was expected"]


def test_an_entity_bomb_in_an_opml_is_not_expanded(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE opml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    found = read(tmp_path, f'{bomb}<opml><body><outline text="&b;" xmlUrl="https://one.example/"/></body></opml>')
    assert addresses(found) == ["https://one.example/"]
    assert len(found.feeds[0].feed.outlet or "") < 10


TOML = """
# ours
[[feed]]
url = "https://one.example/rss"
outlet = "Harbour Post"
country = "eg"
language = "ar-EG"
timezone = "Africa/Cairo"
rights = "CC BY 4.0"
body_policy = "excerpt"

[[feed]]
url = "https://two.example/rss"
"""


def test_toml_has_settings_for_each_feed(tmp_path: Path) -> None:
    found = read(tmp_path, TOML)
    assert found.problems == ()
    one, two = (setting.feed for setting in found.feeds)
    assert (one.outlet, one.country, one.language, one.timezone) == ("Harbour Post", "EG", "ar-EG", "Africa/Cairo")
    assert (one.rights, one.body_policy) == ("CC BY 4.0", BodyPolicy.EXCERPT)
    assert (two.outlet, two.body_policy) == (None, BodyPolicy.FULL)


@pytest.mark.parametrize(
    ("line", "told", "is_used"),
    [
        ("outlett = 'x'", "unknown setting 'outlett': one of url, outlet, country", True),
        ("outlet = 3", "outlet is of type int, not a string", True),
        ("outlet = ''", "outlet is empty, not a string", True),
        ("country = 'Egypt'", "country is 'Egypt': ISO 3166's two letters, as in 'EG', was expected", True),
        ("language = 'Arabic, mostly'", "language is 'Arabic, mostly': a BCP 47 tag", True),
        ("timezone = 'Cairo'", "timezone is 'Cairo': a name of the IANA database", True),
        ("timezone = '../../etc/passwd'", "timezone is '../../etc/passwd': a name of the IANA database", True),
        ("body_policy = 'some'", "body_policy is 'some': one of full, excerpt, none was expected", False),
        ("rights = ", "no TOML: Invalid value", False),
    ],
)
def test_a_broken_setting_is_told_with_its_line(tmp_path: Path, line: str, told: str, *, is_used: bool) -> None:
    found = read(tmp_path, TOML + line + "\n[[feed]]\nurl = 'https://three.example/'\n")
    (problem,) = found.problems
    assert problem.line == TOML.count("\n") + 1
    assert problem.words.startswith(told)
    two = ["https://two.example/rss"] if is_used else []
    assert addresses(found) == ["https://one.example/rss", *two, "https://three.example/"]


def test_toml_without_an_address_or_outside_of_a_feed(tmp_path: Path) -> None:
    found = read(tmp_path, "interval = 5\n\n[[feed]]\noutlet = 'x'\n\n[[feed]]\nurl = 7\n[extra]\na = 1\n")
    assert found.feeds == ()
    assert problems(found) == [
        "1: 'interval' stands in no [[feed]]",
        "3: a feed without a url",
        "7: url is of type int, not a string",
        "8: 'extra' stands in no [[feed]]",
    ]


def test_addresses_are_arguments_too_and_the_first_of_two_equal_ones_counts(tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    path.write_text(TOML)
    found = read_feeds(["https://two.example/rss", str(path), "HTTPS://three.example/x y"], NOW)
    assert addresses(found) == ["https://two.example/rss", "https://one.example/rss"]
    assert found.problems[0].file == "command line"


def test_credentials_are_for_the_request_only() -> None:
    (one,) = read_feeds(["https://me:p%40ss@one.example:8443/rss"], NOW).feeds
    assert one.request_url == "https://me:p%40ss@one.example:8443/rss"
    assert one.feed.url == "https://one.example:8443/rss"
    assert one.feed.feed_id == ids.feed_id(one.feed.url)
    assert "p%40ss" not in repr(one)


def test_loopback_outlets_are_domains_of_their_own() -> None:
    found = read_feeds(["http://flash.localhost:8000/rss", "http://wire.localhost:8000/rss"], NOW)
    assert [one.feed.domain for one in found.feeds] == ["flash.localhost", "wire.localhost"]


def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(FeedListError, match=r"nowhere\.opml: no such file, and no http\(s\) address"):
        read_feeds([str(tmp_path / "nowhere.opml")], NOW)
    with pytest.raises(FeedListError, match="cannot be read: Is a directory"):
        read_feeds([str(tmp_path)], NOW)
    with pytest.raises(FeedListError, match="neither UTF-8 nor the encoding that it declares"):
        read(tmp_path, b"\xff\xfe\x00\xd8\x00")


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_no_text_breaks_a_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    for start in ("", "<opml>", "[[feed]]\nurl='http://a.example'\n"):
        read(folder, start + text)
