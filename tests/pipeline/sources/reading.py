"""What the tests of sources share: gates, a pool without processes, and what a source gives."""

import datetime as dt
import gzip
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.sources import Means, open_sources
from pipeline.sources.base import Found, Refused, Source
from schemas.enums import Reason
from schemas.records import Entry, Page
from transforms.pool import Pool, TaskFailed
from transforms.shared import Shared
from transforms.web.messages import Failure, Response

NOW = dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC)


class AskedGate:
    """Lets everything in but what it is told, and remembers what it was asked."""

    def __init__(self, refused: Mapping[str, Reason] | None = None) -> None:
        self.refused = refused or {}
        self.asked: list[tuple[str, str, dt.datetime | None]] = []

    def refusal(self, key: str, url: str, observed_at: dt.datetime | None) -> Reason | None:
        self.asked.append((key, url, observed_at))
        return self.refused.get(url)


class Done:
    """A task that was run at once."""

    def __init__(self, result: object) -> None:
        self._result = result

    def result(self) -> Any:
        return self._result


class InlinePool(Pool):
    """Runs tasks where they are submitted."""

    def __init__(self) -> None:
        self.workers = 1

    def submit(self, function: Callable[..., Any], *args: Any, timeout_s: float) -> Any:  # noqa: ARG002  # the pool's own signature
        try:
            return Done(function(*args))
        except Exception as error:  # noqa: BLE001  # as the pool says it
            return Done(TaskFailed(Reason.BUG, str(error)))

    def close(self) -> None:
        """There is nothing to end."""


class Web:
    """Documents at addresses; what is not among them cannot be had."""

    def __init__(self, documents: Mapping[str, bytes]) -> None:
        self.documents = documents
        self.asked: list[str] = []

    def __call__(self, url: str) -> Response | Failure:
        self.asked.append(url)
        if url not in self.documents:
            return Failure(request_url=url, reason=Reason.NOT_FOUND, detail="HTTP status 404", observed_at=NOW)
        return Response(request_url=url, url=url, status=200, headers={}, body=self.documents[url], observed_at=NOW)


def clock() -> dt.datetime:
    return NOW


def means(web: Web | None = None) -> Means:
    return Means(fetch=web or Web({}), pool=Shared(InlinePool), clock=clock)


def put(folder: Path, name: str, content: str | bytes) -> Path:
    """Write a file; one whose name ends with .gz is packed."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def opened(*given: Path | str, web: Web | None = None) -> list[Source]:
    return open_sources([str(each) for each in given], means(web))


def read(source: Source, gate: AskedGate | None = None, position: int = 0) -> list[Found | Refused]:
    return list(source.read(position, gate or AskedGate()))


def read_all(*given: Path | str, web: Web | None = None, gate: AskedGate | None = None) -> list[Found | Refused]:
    return [each for source in opened(*given, web=web) for each in read(source, gate)]


def entries(found: Iterable[Found | Refused]) -> list[Entry]:
    return [each.record for each in found if isinstance(each, Found) and isinstance(each.record, Entry)]


def pages(found: Iterable[Found | Refused]) -> list[Page]:
    return [each.record for each in found if isinstance(each, Found) and isinstance(each.record, Page)]


def refused(found: Iterable[Found | Refused]) -> list[tuple[Reason, str, str]]:
    """Reason, the place's file name and line, and detail."""
    return [(each.reason, each.place.rpartition("/")[2], each.detail) for each in found if isinstance(each, Refused)]
