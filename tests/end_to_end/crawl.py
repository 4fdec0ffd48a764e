"""The newsroom's pages as an archive keeps them: a crawl after each round, written as a WARC."""

import contextlib
import datetime as dt
import gzip
import http.client
import io
import uuid
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.newsroom import LAST_ROUND, Newsroom
from pipeline.newsroom.world import FIRST_ROUND_AT, ROUND_LASTS
from schemas import ids

AFTER_ROUND = dt.timedelta(hours=1)  # when the crawler comes; a run has seen the round by then
APART = dt.timedelta(seconds=2)  # between two pages


def crawl_all(newsroom: Newsroom, path: Path) -> int:
    """Every page of every round, each as a response record; gives how many there are.

    The newsroom ends in its last round.
    """
    written = 0
    with path.open("wb") as file:
        for past in range(LAST_ROUND):
            if past:
                newsroom.advance()
            at = FIRST_ROUND_AT + ROUND_LASTS * past + AFTER_ROUND
            articles = newsroom.truth().articles
            # As a crawler that knows an article's old address comes to its new one: by a redirect.
            for url in dict.fromkeys(url for each in articles for url in (*each.former_urls, each.url)):
                answer = ask(url, newsroom.port)
                if answer:
                    write(file, url, at, answer)
                    at += APART
                    written += 1
    return written


def ask(url: str, port: int) -> bytes | None:
    """The answer at an address of the newsroom, headers and body; None if there is none."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", parts.path, headers={"Host": parts.netloc, "User-Agent": "crawler"})
        answer = connection.getresponse()
        headers = "".join(f"{name}: {value}\r\n" for name, value in answer.getheaders())
        return f"HTTP/1.1 {answer.status} {answer.reason}\r\n{headers}\r\n".encode() + answer.read()
    return None


def write(file: io.BufferedWriter, url: str, at: dt.datetime, answer: bytes) -> None:
    """One response record as a gzip member of its own."""
    headers = {
        "WARC-Type": "response",
        "WARC-Record-ID": f"<urn:uuid:{uuid.UUID(ids.hash_id('crawl', url, at.isoformat()))}>",
        "WARC-Target-URI": url,
        "WARC-Date": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Content-Type": "application/http; msgtype=response",
        "Content-Length": str(len(answer)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    file.write(gzip.compress(f"WARC/1.1\r\n{head}\r\n".encode() + answer + b"\r\n\r\n"))
