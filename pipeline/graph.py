"""The one graph. No logic: it joins the stages, and in a local cycle hands every record to the gatherer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from schemas.records import Capture, Entry, FeedDue, Page
from schemas.tables import TABLE_OF
from transforms import coders  # noqa: F401  # registers the records' coder
from transforms.copies.index import CopyMemory
from transforms.extract import ExtractPages
from transforms.fetch import FetchPages, PageArchive
from transforms.identify import AliasMemory, IdentifyCaptures
from transforms.link import LinkCopies
from transforms.names.tagger import Tagger
from transforms.outcomes import Clock, utc_now
from transforms.poll import PollFeeds
from transforms.pool import Pool
from transforms.revise import ArticleMemory, ReviseCaptures
from transforms.schedule import Limits
from transforms.shared import Shared
from transforms.tag import TAGGER, TagEntities
from transforms.visits import SINGLE_RUN, Policy
from transforms.wanted import KeepWanted, Wanted
from transforms.web.downloads import Downloads
from transforms.write import Gathered, GatherRecords, PublishCaptures


@dataclass
class Work:
    """What the next cycle takes: the driver fills it before each run of the graph."""

    feeds: Sequence[FeedDue] = ()
    entries: Sequence[Entry] = ()
    pages: Sequence[Page] = ()  # of a backfill, or put back by replay: to be extracted
    captures: Sequence[Capture] = ()  # as those: to be identified


@dataclass(frozen=True, kw_only=True)
class StageParts:
    """What the stages from fetch to publish are built with.

    Args:
        downloads: the process's HTTP client.
        pool: the process's workers.
        aliases: the memory of identify.
        articles: the memory of revise.
        copies: the memory of link.
        deadline_s: seconds that a bundle, which locally is a cycle, waits for polls, and again for pages.
        max_pages: pages that one bundle takes.
        policy: how often a page is asked for.
        archive: where fetched pages are kept; None for nowhere.
        tagger: what finds the entities.
        wanted: which of the captures go on; None for all.
        clock: wall clock of the outcomes.
    """

    downloads: Shared[Downloads]
    pool: Shared[Pool]
    aliases: Shared[AliasMemory]
    articles: Shared[ArticleMemory]
    copies: Shared[CopyMemory]
    deadline_s: float
    max_pages: int
    policy: Policy = SINGLE_RUN
    archive: Shared[PageArchive] | None = None
    tagger: Shared[Tagger] = TAGGER
    wanted: Wanted | None = None
    clock: Clock = utc_now


@dataclass(frozen=True, kw_only=True)
class Parts(StageParts):
    """What a cycle's graph is built with.

    Args:
        work: what a cycle takes.
        gathered: where everything that it produces ends.
        initial: how many of the newest entries to take of a feed seen for the first time; None for all.
        limits: between which intervals a feed is polled; None for a single run.
    """

    work: Shared[Work]
    gathered: Shared[Gathered]
    initial: int | None
    limits: Limits | None = None


@dataclass(frozen=True)
class Produced:
    """What the stages from fetch to publish produce, by name.

    Args:
        all: every output, rows and what memories are to store.
    """

    all: Mapping[str, Any]

    def rows(self) -> dict[str, Any]:
        """The outputs that are rows of tables."""
        return {name: records for name, records in self.all.items() if records.element_type in TABLE_OF}


def build(root: beam.Pipeline, parts: Parts, *, ends_after_poll: bool = False) -> None:
    """Join the stages under `root`: all of them, or poll alone. No side effects."""
    work = root | "TakeWork" >> TakeWork(parts.work)
    polled = work.feeds | "Poll" >> PollFeeds(
        downloads=parts.downloads,
        pool=parts.pool,
        deadline_s=parts.deadline_s,
        initial=parts.initial,
        limits=parts.limits,
        clock=parts.clock,
    )
    _gather(
        parts.gathered,
        ("GatherPolls", polled.polls),
        ("GatherPollStates", polled.states),
        ("GatherPollDeadLetters", polled.dead_letters),
        ("GatherEntries", polled.entries),
    )
    if ends_after_poll:
        return
    entries = (work.entries, polled.entries) | "FlattenEntries" >> beam.Flatten()
    produced = join(entries, parts, work.pages, work.captures)
    _gather(parts.gathered, *((f"Gather{name}", records) for name, records in produced.all.items()))


def join(entries: Any, parts: StageParts, pages: Any = None, captures: Any = None) -> Produced:
    """Join the stages from fetch to publish, as every way of running has them.

    Args:
        entries: PCollection[Entry], to be fetched.
        parts: what the stages are built with.
        pages: PCollection[Page], to be extracted with those that are fetched.
        captures: PCollection[Capture], to be identified with those that are extracted.
    """
    fetched = entries | "Fetch" >> FetchPages(
        downloads=parts.downloads,
        deadline_s=parts.deadline_s,
        max_pages=parts.max_pages,
        policy=parts.policy,
        archive=parts.archive,
        clock=parts.clock,
    )
    pages = (pages, fetched.pages) | "FlattenPages" >> beam.Flatten() if pages else fetched.pages
    extracted = pages | "Extract" >> ExtractPages(pool=parts.pool, policy=parts.policy, clock=parts.clock)
    captures = (captures, extracted.captures) | "FlattenCaptures" >> beam.Flatten() if captures else extracted.captures
    unwanted: dict[str, Any] = {}
    if parts.wanted:
        kept = captures | "Keep" >> KeepWanted(parts.wanted, clock=parts.clock)
        unwanted = {"UnwantedOutcomes": kept.outcomes}
        captures = kept.captures
    identified = captures | "Identify" >> IdentifyCaptures(memory=parts.aliases, clock=parts.clock)
    revised = (identified.captures, fetched.sights) | "Revise" >> ReviseCaptures(
        memory=parts.articles, clock=parts.clock
    )
    linked = revised.captures | "Link" >> LinkCopies(memory=parts.copies, clock=parts.clock)
    tagged = linked.captures | "Tag" >> TagEntities(pool=parts.pool, tagger=parts.tagger, clock=parts.clock)
    published = tagged.captures | "Publish" >> PublishCaptures(clock=parts.clock)
    return Produced(
        {
            **unwanted,
            "Validators": fetched.validators,
            "FetchOutcomes": fetched.outcomes,
            "FetchDeadLetters": fetched.dead_letters,
            "ExtractOutcomes": extracted.outcomes,
            "ExtractDeadLetters": extracted.dead_letters,
            "Aliases": identified.aliases,
            "IdentifyOutcomes": identified.outcomes,
            "IdentifyDeadLetters": identified.dead_letters,
            "Revisions": revised.revisions,
            "KnownCaptures": revised.known,
            "ReviseOutcomes": revised.outcomes,
            "ReviseDeadLetters": revised.dead_letters,
            "Links": linked.links,
            "Sketches": linked.sketches,
            "Lineages": linked.lineages,
            "LinkOutcomes": linked.outcomes,
            "LinkDeadLetters": linked.dead_letters,
            "TagOutcomes": tagged.outcomes,
            "TagDeadLetters": tagged.dead_letters,
            "Articles": published.articles,
            "PublishOutcomes": published.outcomes,
        }
    )


def _gather(into: Shared[Gathered], *outputs: tuple[str, Any]) -> None:
    for label, produced in outputs:
        produced | label >> GatherRecords(into)


@dataclass
class TakeWork(beam.PTransform):
    """Pipeline root -> main `feeds`: FeedDue; tags `entries`: Entry, `pages`: Page, `captures`: Capture.

    A cycle's graph is built once and run many times, and the data of a `Create` is part of a graph. So what it creates
    is one tick, and what is due is asked for when it runs.
    """

    work: Shared[Work]

    def expand(self, root: beam.Pipeline) -> Any:
        """Join."""
        return (
            root
            | "Tick" >> beam.Create(["tick"])
            | "TakeWork"
            >> beam.ParDo(_TakeWork(self.work))
            .with_output_types(FeedDue, entries=Entry, pages=Page, captures=Capture)
            .with_outputs("entries", "pages", "captures", main="feeds")
        )


class _TakeWork(beam.DoFn):
    def __init__(self, work: Shared[Work]) -> None:
        self._work = work

    def process(self, _tick: str) -> Iterator[Any]:
        work = self._work.get()
        yield from work.feeds
        for tag, records in (("entries", work.entries), ("pages", work.pages), ("captures", work.captures)):
            for record in records:
                yield beam.pvalue.TaggedOutput(tag, record)
