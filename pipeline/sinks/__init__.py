"""Where rows are written to: a sink is named by a URI."""

from collections.abc import Callable
from pathlib import Path

from pipeline.sinks.base import Sink, SinkError
from pipeline.sinks.iceberg import IcebergSink
from pipeline.sinks.jsonl import JsonlSink
from transforms.web.urls import redact


def open_sink(uri: str) -> Sink:
    """The sink that `uri` names: iceberg:DIR, jsonl:DIR or postgresql://USER@HOST/DATABASE.

    Raises:
        SinkError: no such kind of sink, or it cannot be opened.
    """
    kind, _, rest = uri.partition(":")
    if kind not in _KINDS or not rest:
        raise SinkError(f"{uri}: not a sink; known are iceberg:DIR, jsonl:DIR, postgresql://...")
    return _KINDS[kind](uri)


def _iceberg(uri: str) -> Sink:
    return IcebergSink(_folder(uri))


def _jsonl(uri: str) -> Sink:
    return JsonlSink(_folder(uri))


def _postgres(uri: str) -> Sink:
    try:
        from pipeline.sinks.postgres import PostgresSink  # noqa: PLC0415  # its driver is an extra
    except ImportError as error:
        raise SinkError(f"{redact(uri)}: needs psycopg: pip install 'wirebeam[postgres]'") from error
    return PostgresSink(uri)


def _folder(uri: str) -> Path:
    return Path(uri.partition(":")[2]).expanduser()


_KINDS: dict[str, Callable[[str], Sink]] = {"iceberg": _iceberg, "jsonl": _jsonl, "postgresql": _postgres}
