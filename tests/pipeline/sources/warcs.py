"""Records of WARC files, written by hand: so they can be as wrong as a test needs them."""

import gzip
import io
import re
from collections.abc import Sequence

from pipeline.sources.warc_records import BrokenError, Bytes, Records, records_from

PAGE = b"<html><body>A page of its own.</body></html>"
HTML = "Content-Type: text/html; charset=utf-8"


def http(body: bytes = PAGE, *headers: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    """An answer's bytes."""
    return "\r\n".join([status, *(headers or [HTML]), "", ""]).encode() + body


def record(number: int, block: bytes | None = None, *, kind: str = "response", **fields: str | None) -> bytes:
    """One record; a field that is None is left out."""
    block = http() if block is None else block
    standard: dict[str, str | None] = {
        "WARC-Type": kind,
        "WARC-Record-ID": f"<urn:uuid:{number}>",
        "WARC-Date": "2024-05-01T10:00:00Z",
        "WARC-Target-URI": f"https://example.com/{number}",
        "Content-Type": "application/http; msgtype=response",
        "Content-Length": str(len(block)),
    }
    standard |= {name.replace("_", "-"): value for name, value in fields.items()}
    lines = [f"{name}: {value}" for name, value in standard.items() if value is not None]
    return "\r\n".join(["WARC/1.1", *lines, "", ""]).encode() + block + b"\r\n\r\n"


def members(*records: bytes) -> bytes:
    """Each record in a gzip member of its own."""
    return b"".join(gzip.compress(each, mtime=0) for each in records)


def numbers(data: bytes, start: int = 0) -> tuple[list[int], list[int], list[int]]:
    """What `Records` reads: the numbers of its records, the bytes of damage, and all positions."""
    records = records_from(Bytes(io.BytesIO(data), "name"), start)
    found: list[int] = []
    damage: list[int] = []
    positions: list[int] = []
    while (number := _next(records, damage)) is not None:
        found += number
        positions.append(records.position)
    return found, damage, positions


def _next(records: Records, damage: list[int]) -> Sequence[int] | None:
    try:
        one = records.next()
        if one is None:
            return None
        records.finish()
        number = re.fullmatch("<urn:uuid:([0-9]+)>", one.id)
        return [int(number[1]) if number else -1]
    except BrokenError as error:
        damage.append(error.at)
        records.recover(error)
        return []
