"""What an answer can be printed or written as. Without imports of weight, so that the commands' help is quick."""

from enum import StrEnum


class TextFormat(StrEnum):
    """How an answer in sentences is printed."""

    TEXT = "text"
    JSON = "json"


class TableFormat(StrEnum):
    """How a report is printed."""

    TABLE = "table"
    JSON = "json"


class RowsFormat(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class FileFormat(StrEnum):
    """As what kind of file rows are written; each is also the ending of a file's name."""

    PARQUET = "parquet"  # compressed with zstd
    CSV = "csv"  # with a header; what is nested as JSON
    JSONL = "jsonl"
    ARROW = "arrow"  # the IPC file format


class SchemaFormat(StrEnum):
    """In what language a table is defined."""

    JSON = "json"  # JSON Schema of a row as the jsonl sink writes it
    ARROW = "arrow"
    ICEBERG = "iceberg"
    BIGQUERY = "bigquery"
    POSTGRES = "postgres"
    AVRO = "avro"
    MARKDOWN = "markdown"  # the data dictionary


class Dialect(StrEnum):
    """Whose SQL it is."""

    DUCKDB = "duckdb"
    POSTGRES = "postgres"
    BIGQUERY = "bigquery"
    TRINO = "trino"
    SPARK = "spark"


class TimeMeant(StrEnum):
    """Which time of a record is meant."""

    CAPTURED = "captured"
    PUBLISHED = "published"
