"""Where rows are written to: a sink is named by a URI."""

from collections.abc import Callable
from pathlib import Path

from pipeline.sinks.base import Sink, SinkError
from pipeline.sinks.iceberg import IcebergSink
from pipeline.sinks.jsonl import JsonlSink

_KINDS: dict[str, Callable[[Path], Sink]] = {"iceberg": IcebergSink, "jsonl": JsonlSink}


def open_sink(uri: str) -> Sink:
    """The sink that `uri` names: iceberg:DIR or jsonl:DIR.

    Raises:
        SinkError: no such kind of sink, or it cannot be opened.
    """
    kind, colon, rest = uri.partition(":")
    if not colon or kind not in _KINDS or not rest:
        known = ", ".join(f"{name}:DIR" for name in _KINDS)
        raise SinkError(f"{uri}: not a sink; known are {known}")
    return _KINDS[kind](Path(rest).expanduser())
