"""Where rows are written to: a sink is named by a URI."""

from collections.abc import Callable

from pipeline.sinks.base import Sink, SinkError
from pipeline.sinks.iceberg import IcebergSink, place_of
from pipeline.sinks.jsonl import JsonlSink
from pipeline.sinks.parquet import ParquetSink
from transforms.web.urls import redact


def open_sink(uri: str) -> Sink:
    """The sink that `uri` names.

    That is iceberg:DIR, iceberg:catalog=NAME, jsonl:DIR, parquet:DIR_OR_BUCKET, postgresql://USER@HOST/DATABASE,
    bigquery:PROJECT.DATASET or pubsub:projects/P/topics/T.

    Raises:
        SinkError: no such kind of sink, or it cannot be opened.
    """
    kind, _, rest = uri.partition(":")
    if kind not in _KINDS or not rest:
        raise SinkError(
            f"{redact(uri)}: not a sink; known are iceberg:DIR, parquet:DIR, jsonl:DIR, postgresql://..., "
            "bigquery:PROJECT.DATASET, pubsub:projects/P/topics/T"
        )
    return _KINDS[kind](uri)


def _iceberg(uri: str) -> Sink:
    return IcebergSink(place_of(_where(uri)))


def _jsonl(uri: str) -> Sink:
    return JsonlSink(_where(uri))


def _parquet(uri: str) -> Sink:
    return ParquetSink(_where(uri))


def _postgres(uri: str) -> Sink:
    try:
        from pipeline.sinks.postgres import PostgresSink  # noqa: PLC0415  # its driver is an extra
    except ImportError as error:
        raise SinkError(f"{redact(uri)}: needs psycopg: pip install 'wirebeam[postgres]'") from error
    return PostgresSink(uri)


def _bigquery(uri: str) -> Sink:
    try:
        from pipeline.sinks.bigquery import BigQuerySink  # noqa: PLC0415  # its library is an extra
    except ImportError as error:
        raise _without_google(uri) from error
    return BigQuerySink(_where(uri))


def _pubsub(uri: str) -> Sink:
    try:
        from pipeline.sinks.pubsub import PubSubSink  # noqa: PLC0415  # its library is an extra
    except ImportError as error:
        raise _without_google(uri) from error
    return PubSubSink(_where(uri))


def _without_google(uri: str) -> SinkError:
    return SinkError(f"{uri}: needs Google's libraries: pip install 'wirebeam[gcp]'")


def _where(uri: str) -> str:
    return uri.partition(":")[2]


_KINDS: dict[str, Callable[[str], Sink]] = {
    "iceberg": _iceberg,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "postgresql": _postgres,
    "bigquery": _bigquery,
    "pubsub": _pubsub,
}
