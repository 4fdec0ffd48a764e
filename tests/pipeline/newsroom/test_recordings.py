import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import feedparser
import pytest

from pipeline.newsroom import Recordings

Ask = Callable[..., Any]  # the fixture `ask` of conftest.py


def written(path: Path, *pages: dict[str, str]) -> Path:
    lines = "".join(f"{json.dumps(page)}\n" for page in pages).encode()
    path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    return path


def page(page_id: str, url: str) -> dict[str, str]:
    return {"id": page_id, "url": url, "html": f"<p>Page {page_id}: Füße, ναι</p>", "text": "not served"}


def test_pages_stand_at_their_own_addresses(tmp_path: Path, ask: Ask) -> None:
    file = written(
        tmp_path / "pages.jsonl.gz",
        page("a", "https://www.news.example/2020/01/one.html?id=3&x=a%20b#part"),
        page("b", "http://Other.Example:8080"),
        page("c", "https://news.example/größe?q=é"),
    )
    with Recordings([file]) as site:
        assert site.pages["a"] == f"http://www.news.example.localhost:{site.port}/2020/01/one.html?id=3&x=a%20b"
        assert site.pages["b"] == f"http://other.example.localhost:{site.port}/"
        for page_id, url in site.pages.items():
            reply = ask(url)
            assert reply.status == 200
            assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
            assert reply.body.decode() == f"<p>Page {page_id}: Füße, ναι</p>"
        assert site.requests == dict.fromkeys(site.pages.values(), 1)


def test_pages_that_share_an_address_or_have_none(tmp_path: Path, ask: Ask) -> None:
    file = written(
        tmp_path / "pages.jsonl",
        page("a", "https://news.example/one"),
        page("b", "http://news.example/one#two"),
        page("c/3", "file:///tmp/page.html"),
        page("d", "http://[::1]/"),
    )
    with Recordings([file]) as site:
        assert site.pages == {
            "a": f"http://news.example.localhost:{site.port}/-/pages/a",
            "b": f"http://news.example.localhost:{site.port}/-/pages/b",
            "c/3": f"http://recorded.localhost:{site.port}/-/pages/c%2F3",
            "d": f"http://recorded.localhost:{site.port}/-/pages/d",
        }
        for page_id, url in site.pages.items():
            assert f"Page {page_id}:" in ask(url).body.decode()


def test_feeds_over_pages_hold_links_and_ids_only(tmp_path: Path, ask: Ask) -> None:
    pages = [page(f"p{number}", f"https://news.example/{number}?a=1&b=2") for number in range(103)]
    files = [written(tmp_path / "one.jsonl", *pages[:60]), written(tmp_path / "two.jsonl", *pages[60:])]
    with Recordings(files) as site:
        assert [url.rsplit("/", 1)[1] for url in site.feeds] == ["pages-001.xml", "pages-002.xml"]
        parsed = [feedparser.parse(ask(url).body) for url in site.feeds]
        entries = [entry for feed in parsed for entry in feed.entries]
        assert [feed.bozo for feed in parsed] == [False, False]
        assert [len(feed.entries) for feed in parsed] == [100, 3]
        assert {entry.id: entry.link for entry in entries} == site.pages
        assert not any(entry.keys() & {"title", "summary", "published", "content"} for entry in entries)


def test_recorded_feeds_are_served_byte_for_byte(tmp_path: Path, ask: Ask) -> None:
    bodies = {
        "plain one.rss": '<?xml version="1.0" encoding="iso-8859-1"?><rss>é</rss>'.encode("latin-1"),
        "some.atom": b"<feed/>",
        "some.json": b"{}",
        "deep/odd.xml": b"\xff\xfe<",
    }
    (tmp_path / "deep").mkdir()
    for name, body in bodies.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(body))
    (tmp_path / "manifest.jsonl").write_text("{}")
    with Recordings(feeds=tmp_path) as site:
        base = f"http://recorded.localhost:{site.port}/feeds/"
        replies = {url.removeprefix(base): ask(url) for url in site.feeds}
        assert {name.replace("%20", " "): reply.body for name, reply in replies.items()} == bodies
        assert {name: reply.headers["Content-Type"] for name, reply in replies.items()} == {
            "plain%20one.rss": "application/rss+xml",
            "some.atom": "application/atom+xml",
            "some.json": "application/feed+json",
            "deep/odd.xml": "application/xml",
        }
        assert ask(f"http://127.0.0.1:{site.port}/feeds.txt").body.decode().split() == site.feeds
        assert ask(f"http://recorded.localhost:{site.port}/feeds/../manifest.jsonl").status == 404


def test_nothing_else_is_there(tmp_path: Path, ask: Ask) -> None:
    with Recordings([written(tmp_path / "pages.jsonl", page("a", "https://news.example/one"))]) as site:
        assert ask(f"http://news.example.localhost:{site.port}/robots.txt").status == 404
        assert ask(f"http://else.example.localhost:{site.port}/one").status == 404
        assert ask(site.pages["a"], "POST").status == 405


def test_a_line_that_is_no_page_is_named(tmp_path: Path) -> None:
    file = written(tmp_path / "pages.jsonl", page("a", "https://news.example/one"), {"id": "b", "url": "no html"})
    with pytest.raises(ValueError, match=r"pages\.jsonl, line 2: .*html"):
        Recordings([file])


def test_an_id_may_occur_once(tmp_path: Path) -> None:
    file = written(tmp_path / "pages.jsonl", page("a", "https://news.example/1"), page("a", "https://news.example/2"))
    with pytest.raises(ValueError, match="page id a occurs twice"):
        Recordings([file])


def test_a_folder_without_feeds(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no \*\.gz files"):
        Recordings(feeds=tmp_path)
