"""Beam coders: every record that crosses a Beam edge is msgpack, never a pickle."""

from typing import Any

from apache_beam import coders
from apache_beam.coders.typecoders import registry

from schemas import codec, memory, records

RECORD_BYTES = 1_000  # of a record without its body: what most come to


class RecordCoder(coders.Coder):
    """msgpack of one record type. Equal records have equal bytes."""

    def __init__(self, kind: type[Any]) -> None:
        self.kind = kind

    def encode(self, value: object) -> bytes:
        """The record as msgpack."""
        return codec.encode(value)

    def decode(self, encoded: bytes) -> object:
        """The record in `encoded`."""
        return codec.decode(encoded, self.kind)

    def estimate_size(self, value: object) -> int:
        """Bytes, roughly: runners ask at every edge, for their size metrics, and would encode a page for that."""
        return RECORD_BYTES + len(getattr(value, "body", ""))

    def is_deterministic(self) -> bool:
        """Fields are written in the order of the class, so yes."""
        return True

    def to_type_hint(self) -> type[Any]:
        """The record type."""
        return self.kind

    @classmethod
    def from_type_hint(cls, typehint: type[Any], registry: object) -> "RecordCoder":  # noqa: ARG003  # Beam's own signature
        """Called by Beam's registry for a registered type."""
        return cls(typehint)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordCoder) and self.kind is other.kind

    def __hash__(self) -> int:
        return hash((RecordCoder, self.kind))


RECORDS: tuple[type[Any], ...] = (
    records.Article,
    records.Revision,
    records.Link,
    records.Outcome,
    records.Poll,
    records.Feed,
    records.DeadLetter,
    records.Entry,
    records.Page,
    records.Validators,
    records.Sight,
    records.Capture,
    records.Observation,
    records.Message,
    records.Visit,
    records.EncodedRow,
    records.PollState,
    records.FeedDue,
    memory.KnownAlias,
    memory.AliasVersion,
    memory.Turn,
    memory.Received,
    memory.Bundles,
    memory.KnownCapture,
    memory.KnownCaptures,
    memory.Sketch,
    memory.Lineage,
    memory.CopyNote,
    memory.CopyVersion,
)

for _kind in RECORDS:
    registry.register_coder(_kind, RecordCoder)
