import http.client
import socket

import pytest

from pipeline.newsroom.enemy import FEEDS, GOOD, PAGES, Enemy, stories


def asked(enemy: Enemy, name: str, target: str) -> http.client.HTTPResponse:
    port = int(enemy.feeds[name].rpartition(":")[2].partition("/")[0])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", target, headers={"Host": f"{name}.localhost:{port}"})
    return connection.getresponse()


def test_every_outlet_has_a_feed_on_a_host_of_its_own() -> None:
    enemy = Enemy()
    assert list(enemy.feeds) == [*GOOD, *PAGES, *FEEDS]
    assert len(set(enemy.feeds.values())) == len(enemy.feeds)


def test_a_story_is_always_the_same_and_no_two_are() -> None:
    told = [*stories("good", 3), *stories("better", 3)]
    assert told == [*stories("good", 3), *stories("better", 3)]
    assert len({story.paragraphs for story in told}) == 6


def test_outlets_without_trouble_tell_the_truth() -> None:
    with Enemy() as enemy:
        url, paragraphs = next(iter(enemy.truth.items()))
        page = asked(enemy, "good", "/" + url.partition("//")[2].partition("/")[2]).read().decode()
        assert all(f"<p>{paragraph}</p>" in page for paragraph in paragraphs)
        assert asked(enemy, "good", "/feed").read().count(b"<item>") == 6
        assert asked(enemy, "good", "/robots.txt").status == 404


def test_every_third_request_is_hung_up_on() -> None:
    with Enemy() as enemy:
        assert [asked(enemy, "hangs-up", "/news/1").status for _ in range(2)] == [200, 200]
        with pytest.raises(http.client.RemoteDisconnected):
            asked(enemy, "hangs-up", "/news/1")


def test_leaving_it_ends_what_would_never_end() -> None:
    with Enemy() as enemy:
        answer = asked(enemy, "slow-drip", "/news/1")
        assert answer.read(1) == b"<"
    with pytest.raises((OSError, http.client.HTTPException)):
        answer.read()


def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="cannot listen"):
            Enemy(port=taken.getsockname()[1]).__enter__()
