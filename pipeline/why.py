"""why: the story of one item, told from what the tables and the state know of it.

In: a `Ledger`, and what a person asks for: an address, a guid, an id (or its first 8 digits), or words of a title.
Out: an `Answer`. Nothing here writes or asks the network.

An item is what a reader would call one article: all entries and captures that share an article id or an address, in
whatever feeds they were seen. A question that fits several items tells the newest and lists the others.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from pipeline.ledger import EMBARGOED, Known, Ledger, Queued
from pipeline.words import poll_words, reason_words, status_words
from schemas import codec
from schemas.enums import LinkKind, Origin, Reason, Source
from schemas.records import Article, DeadLetter, Feed, Link, Outcome, Poll, PollState, Revision
from transforms.identify import address_key
from transforms.text import urls

ID_DIGITS = 8  # of an id, from which on it is looked for
MATCHES_LIMIT = 20  # items listed
HOPS = 4  # from entry to address to article to entry: enough for an item seen in several feeds
POLLS_TOLD = 10  # of a feed
COPIES_TOLD = 5  # of an article
FEEDS_TOLD = 5  # of a site of which nothing else is known

_HEAVY = ("body", "entities", "captions")


class StepKind(StrEnum):
    """What a step of a story is."""

    FEED = "feed"  # the settings of a feed
    POLL = "poll"
    SEEN = "seen"  # in a feed, in a poll
    ATTEMPT = "attempt"  # and its outcome
    ROW = "row"  # of table articles
    NAMES = "names"  # the addresses under which it is known
    JUDGED = "judged"  # by revise
    COPY = "copy"  # of another article, or another of it
    DEAD_LETTER = "dead_letter"
    WAITING = "waiting"  # for its next attempt
    DELIVERED = "delivered"  # or still to be
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened."""

    at: dt.datetime | None
    kind: StepKind
    words: str
    ids: Mapping[str, str] = field(default_factory=dict)  # entry_id, capture_id, ...: what to ask the tables for


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An item, in short."""

    id: str  # to ask for it alone
    title: str
    url: str
    newest_at: dt.datetime | None
    status: str  # its newest outcome in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """An item, in full: its steps in order of time."""

    item: Match
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is known."""

    query: str
    matched_by: str = ""  # id, guid, address, title, feed; "" if nothing was found
    story: Story | None = None
    others: tuple[Match, ...] = ()  # newest first
    hints: tuple[str, ...] = ()  # when nothing was found: what is known of the site


def why(ledger: Ledger, query: str, now: dt.datetime) -> Answer:
    """Tell the story of what `query` names.

    Args:
        ledger: what the data directory knows.
        query: the address of an entry, of an article or of a feed; a guid; the id of an entry, an article, a capture
            or a feed, or at least its first `ID_DIGITS` digits; else words that all stand in a title.
        now: tells what is due from what is to come.

    Returns:
        The newest item that fits, in full, and the others in short. Without any: `story` is None, and `hints` say what
        is known of the address's site.
    """
    query = query.strip()
    feeds = {known.record.feed_id: known.record for known in ledger.rows(Feed)}
    if query:
        for matched_by, find in _FINDERS:
            items = _items(ledger, find(ledger, query))
            if items:
                story = _story(ledger, items[0], feeds, now)
                others = tuple(_match(item, now) for item in items[1:MATCHES_LIMIT])
                return Answer(query=query, matched_by=matched_by, story=story, others=others)
        asked_feeds = [feed for feed in feeds.values() if _is_feed(feed, query)]
        if asked_feeds:
            return Answer(query=query, matched_by="feed", story=_feed_story(ledger, asked_feeds[0]))
    return Answer(query=query, hints=tuple(_hints(ledger, query, feeds.values())))


# ── finding ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Keys:
    """What items are found by."""

    entry_ids: set[str] = field(default_factory=set)
    article_ids: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)

    def size(self) -> int:
        return len(self.entry_ids) + len(self.article_ids) + len(self.addresses)


def _by_id(ledger: Ledger, query: str) -> _Keys:
    found = _Keys()
    digits = query.lower()
    if not re.fullmatch(rf"[0-9a-f]{{{ID_DIGITS},32}}", digits):
        return found
    for row in ledger.ask(
        "SELECT entry_id, article_id FROM all_outcomes WHERE starts_with(entry_id, ?) OR starts_with(article_id, ?)"
        " OR starts_with(capture_id, ?)",
        [digits] * 3,
    ):
        found.entry_ids.add(row["entry_id"])
    for row in ledger.ask(
        "SELECT article_id FROM all_articles WHERE starts_with(article_id, ?) OR starts_with(capture_id, ?)",
        [digits] * 2,
    ):
        found.article_ids.add(row["article_id"])
    found.entry_ids |= {one.entry.entry_id for one in ledger.queue() if one.entry.entry_id.startswith(digits)}
    return found


def _by_guid(ledger: Ledger, query: str) -> _Keys:
    found = _Keys()
    _add_newest(ledger, found, "guid = $query", {"query": query})
    found.entry_ids |= {one.entry.entry_id for one in ledger.queue() if one.entry.guid == query}
    return found


def _by_address(ledger: Ledger, query: str) -> _Keys:
    """Entries and articles at this address, without regard to what does not identify a page."""
    found = _Keys()
    address = query if "://" in query else f"https://{query}"
    host = urlsplit(urls.identity(address)).hostname if _is_address(address) else None
    if not host:
        return found
    wanted = urls.identity(address)
    found.article_ids |= {alias.article_id for alias in ledger.aliases([address_key(address)])}
    # DuckDB narrows the rows down by what no spelling of the address lacks: its host and its longest plain word.
    plain = re.findall(r"[A-Za-z0-9_-]+", re.sub(r"%[0-9A-F]{2}", "/", wanted.partition(host)[2]))
    parts = {"host": host, "word": max(plain, key=len, default="")}
    for row in ledger.ask(
        """
        SELECT * FROM (
            SELECT entry_id, NULL AS article_id, url FROM all_outcomes
            UNION ALL SELECT NULL, article_id, url FROM all_articles
            UNION ALL SELECT NULL, article_id, canonical_url FROM all_articles)
        WHERE contains(lower(url), $host) AND contains(url, $word)
        """,
        parts,
    ):
        if urls.identity(row["url"]) == wanted:
            found.entry_ids |= {row["entry_id"]} - {None}
            found.article_ids |= {row["article_id"]} - {None}
    found.entry_ids |= {one.entry.entry_id for one in ledger.queue() if urls.identity(one.entry.url) == wanted}
    return found


def _by_title(ledger: Ledger, query: str) -> _Keys:
    found = _Keys()
    words = query.lower().split()
    named = {f"word{number}": word for number, word in enumerate(words)}
    holds = " AND ".join(f"contains(lower(title), ${name})" for name in named)
    _add_newest(ledger, found, holds, named)
    found.entry_ids |= {
        one.entry.entry_id for one in ledger.queue() if all(word in one.entry.title.lower() for word in words)
    }
    return found


def _add_newest(ledger: Ledger, found: _Keys, where: str, parameters: Mapping[str, str]) -> None:
    """The newest that fit: an item has several rows, so more are taken than are listed."""
    for row in ledger.ask(
        f"""
        SELECT * FROM (
            SELECT entry_id, NULL AS article_id, guid, title, decided_at AS seen_at FROM all_outcomes
            UNION ALL SELECT NULL, article_id, guid, title, observed_at FROM all_articles)
        WHERE {where} ORDER BY seen_at DESC LIMIT {10 * MATCHES_LIMIT}
        """,  # noqa: S608  # the condition is ours, its values are parameters
        parameters,
    ):
        found.entry_ids |= {row["entry_id"]} - {None}
        found.article_ids |= {row["article_id"]} - {None}


_FINDERS = (("id", _by_id), ("address", _by_address), ("guid", _by_guid), ("title", _by_title))


def _is_address(text: str) -> bool:
    return " " not in text and bool(re.match(r"https?://[^/]*[.:]|https?://localhost\b", text, re.IGNORECASE))


def _is_feed(feed: Feed, query: str) -> bool:
    is_id = len(query) >= ID_DIGITS and feed.feed_id.startswith(query.lower())
    return is_id or urls.identity(feed.url) == urls.identity(query)


# ── items ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Item:
    """All rows of one item, by time."""

    outcomes: list[Known[Outcome]] = field(default_factory=list)
    articles: list[Known[Article]] = field(default_factory=list)
    queued: list[Queued] = field(default_factory=list)

    @property
    def entry_ids(self) -> list[str]:
        seen = [one.record.entry_id for one in self.outcomes] + [one.entry.entry_id for one in self.queued]
        return list(dict.fromkeys(seen))

    @property
    def article_ids(self) -> list[str]:
        named = [one.record.article_id for one in self.outcomes] + [one.record.article_id for one in self.articles]
        return list(dict.fromkeys(article_id for article_id in named if article_id))

    @property
    def newest_at(self) -> dt.datetime:
        moments = [one.record.decided_at for one in self.outcomes]
        moments += [one.record.observed_at for one in self.articles]
        return max(moments + [one.entry.observed_at for one in self.queued])


_EARLIEST = dt.datetime.min.replace(tzinfo=dt.UTC)


def _items(ledger: Ledger, keys: _Keys) -> list[_Item]:
    """The items that `keys` belong to, with all their rows, newest first."""
    item = _Item()
    for _ in range(HOPS):
        size = keys.size()
        if not size:
            return []
        item = _Item(
            outcomes=ledger.rows(
                Outcome,
                f"{_among('entry_id', keys.entry_ids)} OR {_among('article_id', keys.article_ids)}"
                f" OR {_among('url', keys.addresses)}",
                [*keys.entry_ids, *keys.article_ids, *keys.addresses],
            ),
            articles=ledger.rows(
                Article,
                f"{_among('article_id', keys.article_ids)} OR {_among('url', keys.addresses)}",
                [*keys.article_ids, *keys.addresses],
                leave_out=_HEAVY,
            ),
            queued=list(ledger.queue(sorted(keys.entry_ids))),
        )
        keys.entry_ids |= set(item.entry_ids)
        keys.article_ids |= set(item.article_ids)
        keys.addresses |= {one.record.url for one in item.outcomes if one.record.url}
        keys.addresses |= {one.record.url for one in item.articles if one.record.url}
        keys.addresses |= {one.entry.url for one in item.queued if one.entry.url}
        if keys.size() == size:
            break
    return sorted(_parted(item), key=lambda one: one.newest_at, reverse=True)


def _among(column: str, values: Iterable[str]) -> str:
    marks = ", ".join("?" for _ in values)
    return f"{column} IN ({marks})" if marks else "false"


def _parted(everything: _Item) -> list[_Item]:
    """Rows that share an entry, an article or an address are one item."""
    parts: dict[str, _Item] = {}

    def part_of(*names: str | None) -> _Item:
        keys = [name for name in names if name]
        together = _Item()
        for part in {id(parts[key]): parts[key] for key in keys if key in parts}.values():
            together.outcomes += part.outcomes
            together.articles += part.articles
            together.queued += part.queued
            for key, of_key in parts.items():
                if of_key is part:
                    parts[key] = together
        parts.update(dict.fromkeys(keys, together))
        return together

    for outcome in everything.outcomes:
        row = outcome.record
        part_of(row.entry_id, row.article_id, row.url).outcomes.append(outcome)
    for article in everything.articles:
        part_of(article.record.article_id, article.record.url).articles.append(article)
    for queued in everything.queued:
        part_of(queued.entry.entry_id, queued.entry.url).queued.append(queued)
    return list({id(part): part for part in parts.values()}.values())


def _match(item: _Item, now: dt.datetime) -> Match:
    newest_article = item.articles[-1].record if item.articles else None
    newest = max((one.record for one in item.outcomes), key=_moment, default=None)
    status = [status_words(newest)] if newest else []
    queued = item.queued[0].entry if item.queued else None
    named = [one for one in (newest_article, newest, queued) if one]
    return Match(
        id=newest_article.article_id if newest_article else item.entry_ids[0],
        title=next((one.title for one in named if one.title), ""),
        url=next((one.url for one in named if one.url), ""),
        newest_at=item.newest_at,
        status=" ".join(status + [_due(one, now) for one in item.queued]),
    )


def _moment(outcome: Outcome) -> tuple[dt.datetime, int]:
    return (outcome.decided_at, outcome.attempt)


def _due(queued: Queued, now: dt.datetime) -> str:
    when = "now" if queued.due_at <= now else f"at {_time(queued.due_at)}"
    entry = queued.entry
    if entry.origin is Origin.REVISIT:
        return f"(revisit {entry.revisit_no} is due {when})"
    words = "replay" if entry.origin is Origin.REPLAY else "attempt"
    return f"({words} {entry.attempt} is due {when})"


def _time(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


# ── telling ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _story(ledger: Ledger, item: _Item, feeds: Mapping[str, Feed], now: dt.datetime) -> Story:
    steps = [
        *_seen(ledger, item, feeds),
        *_attempts(item),
        *_rows(ledger, item),
        *_copies(ledger, item),
        *_dead_letters(ledger, item),
    ]
    steps.sort(key=lambda step: step.at or _EARLIEST)
    steps += _names(item)
    steps += _delivered(ledger, item)
    for queued in item.queued:
        steps.append(
            Step(
                at=queued.due_at,
                kind=StepKind.WAITING,
                words=_due(queued, now).strip("()"),
                ids={"entry_id": queued.entry.entry_id},
            )
        )
    return Story(item=_match(item, now), steps=tuple(steps))


def _seen(ledger: Ledger, item: _Item, feeds: Mapping[str, Feed]) -> Iterable[Step]:
    """In which feed and poll each entry was seen; of an entry that was settled the newest poll before is the one."""
    first: dict[str, tuple[dt.datetime, str, Origin]] = {}
    for outcome in (one.record for one in item.outcomes):
        first.setdefault(outcome.entry_id, (outcome.decided_at, outcome.feed_id or "", outcome.origin))
    for entry in (one.entry for one in item.queued):
        first.setdefault(entry.entry_id, (entry.observed_at, entry.feed_id or "", entry.origin))
    # A revisit or a retry is a further look at a page, and no sight of it in a feed.
    first = {entry_id: seen for entry_id, seen in first.items() if seen[2] not in {Origin.REVISIT, Origin.RETRY}}
    told: set[str] = set()
    for entry_id, (until, feed_id, origin) in sorted(first.items(), key=lambda one: one[1][0]):
        polls = ledger.rows(
            Poll,
            "feed_id = $feed AND polled_at = (SELECT max(polled_at) FROM all_polls WHERE feed_id = $feed"
            " AND polled_at <= $until AND entries_new + entries_changed > 0)",
            {"feed": feed_id, "until": until},
        )
        again = "again, changed, " if feed_id in told else ""
        told.add(feed_id)
        where = _feed_words(feeds.get(feed_id), feed_id)
        if not polls:
            words = f"came in by {origin}" if origin is not Origin.FEED else f"seen {again}in {where}"
            yield Step(at=until, kind=StepKind.SEEN, words=words, ids={"entry_id": entry_id, "feed_id": feed_id})
            continue
        poll = polls[-1].record
        counts = f"{poll.entries_seen} entries, {poll.entries_new} new, {poll.entries_changed} changed"
        yield Step(
            at=min(poll.polled_at, until),
            kind=StepKind.SEEN,
            words=f"seen {again}in {where}, polled {_time(poll.polled_at)}: {counts}",
            ids={"entry_id": entry_id, "feed_id": feed_id},
        )


def _feed_words(feed: Feed | None, feed_id: str) -> str:
    if feed is None:
        return f"feed {feed_id[:ID_DIGITS]}" if feed_id else "no feed"
    return f"the feed of {feed.outlet} ({feed.url})" if feed.outlet else f"feed {feed.url}"


def _attempts(item: _Item) -> Iterable[Step]:
    for outcome in (one.record for one in item.outcomes):
        words = f"attempt {outcome.attempt}, {outcome.stage}: {status_words(outcome)}"
        if outcome.detail:
            words += f" - {outcome.detail}"
        if outcome.retry_at:
            words += f"; next attempt at {_time(outcome.retry_at)}"
        ids = {"entry_id": outcome.entry_id, "capture_id": outcome.capture_id or ""}
        yield Step(at=outcome.decided_at, kind=StepKind.ATTEMPT, words=words, ids=_given(ids))


def _rows(ledger: Ledger, item: _Item) -> Iterable[Step]:
    decided = {one.record.capture_id: one.record.decided_at for one in reversed(item.outcomes)}
    captures = [one.record.capture_id for one in item.articles]
    revisions = [one.record for one in ledger.rows(Revision, _among("capture_id", captures), captures)]
    judged = {revision.capture_id: revision for revision in sorted(revisions, key=_judged_seq)}
    for article in (one.record for one in item.articles):
        at = decided.get(article.capture_id, article.observed_at)
        source = "the feed's own text" if article.source is Source.FEED else f"source {article.source}"
        extractor = f"{article.extractor_name} {article.extractor_version}".strip() or "nothing that left its name"
        words = f"row in articles: {article.word_count} words, {source}, extracted by {extractor}: {article.title!r}"
        ids = {"capture_id": article.capture_id, "article_id": article.article_id}
        yield Step(at=at, kind=StepKind.ROW, words=words, ids=ids)
        judgement = judged.get(article.capture_id)
        if judgement:
            words = f"judged {judgement.change}"
            words += f" of capture {judgement.predecessor_id[:ID_DIGITS]}" if judgement.predecessor_id else ""
            words += f" ({judgement.change_note})" if judgement.change_note else ""
            words += f"; {judgement.pub_status}, {judgement.availability}"
            yield Step(at=at, kind=StepKind.JUDGED, words=words, ids=ids)


def _names(item: _Item) -> Iterable[Step]:
    """Under which addresses its articles are known, where they are several."""
    for article_id in item.article_ids:
        articles = [one.record for one in item.articles if one.record.article_id == article_id]
        named = [one.record.url or "" for one in item.outcomes if one.record.article_id == article_id]
        named += [url for article in articles for url in (article.canonical_url, article.url)]
        addresses = {urls.identity(url): url for url in reversed(named) if url}
        if len(addresses) > 1:
            words = f"known as {', '.join(sorted(addresses.values()))}"
            yield Step(at=None, kind=StepKind.NAMES, words=words, ids={"article_id": article_id})


def _copies(ledger: Ledger, item: _Item) -> Iterable[Step]:
    own = item.article_ids
    rows = ledger.rows(Link, f"{_among('copy_id', own)} OR {_among('original_id', own)}", [*own, *own])
    newest = {link.copy_id: link for link in sorted((one.record for one in rows), key=_judged_seq)}
    links = [link for link in newest.values() if link.kind is not LinkKind.ORIGINAL]
    others = [link.copy_id if link.original_id in own else link.original_id for link in links]
    names = {
        one.record.article_id: f"{one.record.title!r} ({one.record.url})"
        for one in ledger.rows(Article, _among("article_id", others), others, leave_out=_HEAVY)
    }
    decided = {one.record.article_id: one.record.decided_at for one in reversed(item.outcomes)}
    copied = 0
    for link in links:
        likeness = f"{link.kind}, similarity {link.similarity:.2f}, containment {link.containment:.2f}"
        ids = {"copy_id": link.copy_id, "original_id": link.original_id}
        if link.copy_id in own:
            words = f"copy of {names.get(link.original_id, link.original_id)}: {likeness}"
            at = decided.get(link.copy_id, link.observed_at)
            yield Step(at=at, kind=StepKind.COPY, words=words, ids=ids)
            continue
        copied += 1
        if copied <= COPIES_TOLD:
            words = f"copied by {names.get(link.copy_id, link.copy_id)}: {likeness}"
            yield Step(at=link.observed_at, kind=StepKind.COPY, words=words, ids=ids)
    if copied > COPIES_TOLD:
        yield Step(at=None, kind=StepKind.COPY, words=f"copied {copied} times in all")


def _judged_seq(judgement: Revision | Link) -> int:
    return judgement.judged_seq


def _dead_letters(ledger: Ledger, item: _Item) -> Iterable[Step]:
    entry_ids = item.entry_ids
    for letter in (one.record for one in ledger.rows(DeadLetter, _among("entry_id", entry_ids), entry_ids)):
        words = (
            f"dead letter of {letter.stage} after {letter.tries} tries: {reason_words(letter.reason)} - {letter.error};"
            f" {len(letter.raw)} bytes are kept, see wirebeam replay"
        )
        ids = {"id": letter.id, "entry_id": letter.entry_id or ""}
        yield Step(at=letter.died_at, kind=StepKind.DEAD_LETTER, words=words, ids=_given(ids))


def _delivered(ledger: Ledger, item: _Item) -> Iterable[Step]:
    """Which sinks have the rows of table articles; of an item without, those of its outcomes."""
    sinks = ledger.sinks()
    rows: Sequence[Known[Article] | Known[Outcome]] = item.articles or item.outcomes
    for known in rows:
        row = known.record
        name = f"capture {row.capture_id[:ID_DIGITS]}" if isinstance(row, Article) else f"outcome {row.attempt}"
        ids = {"capture_id": row.capture_id or ""}
        if known.ingested_at:
            words = f"{name}: in the warehouse since {_time(known.ingested_at)}, batch {known.batch_id}"
            yield Step(at=known.ingested_at, kind=StepKind.DELIVERED, words=words, ids=_given(ids))
        if known.seq is None:
            continue
        if known.seq == EMBARGOED:
            until = row.embargoed_until if isinstance(row, Article) else None
            words = f"{name}: held back from every sink by an embargo" + (f" until {_time(until)}" if until else "")
            yield Step(at=None, kind=StepKind.DELIVERED, words=words, ids=_given(ids))
            continue
        having = [sink for sink, seq in sinks.items() if seq >= known.seq]
        lacking = [sink for sink, seq in sinks.items() if seq < known.seq]
        words = f"{name}: number {known.seq} of the outbox"
        words += f", delivered to {', '.join(having)}" if having else ""
        words += f", waits for {', '.join(lacking) or 'its first delivery'}" if lacking or not having else ""
        yield Step(at=None, kind=StepKind.DELIVERED, words=words, ids=_given(ids))


def _given(ids: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in ids.items() if value}


# ── feeds, and what is not known ───────────────────────────────────────────────────────────────────────────────────


def _feed_story(ledger: Ledger, feed: Feed) -> Story:
    polls = [known.record for known in ledger.rows(Poll, "feed_id = ?", [feed.feed_id])]
    steps = [
        Step(
            at=feed.valid_from,
            kind=StepKind.FEED,
            words=f"configured as {feed.outlet or 'an outlet without a name'}; body policy {feed.body_policy}",
            ids={"feed_id": feed.feed_id},
        ),
        *(Step(at=poll.polled_at, kind=StepKind.POLL, words=poll_words(poll)) for poll in polls[-POLLS_TOLD:]),
    ]
    counts = _counts(ledger, "feed_id = ?", [feed.feed_id])
    if counts:
        steps.append(Step(at=None, kind=StepKind.SUMMARY, words=f"of its entries: {counts}"))
    newest_at = polls[-1].polled_at if polls else None
    status = poll_words(polls[-1]) if polls else "not polled yet"
    match = Match(id=feed.feed_id, title=feed.outlet or "", url=feed.url, newest_at=newest_at, status=status)
    return Story(item=match, steps=tuple(steps))


def _counts(ledger: Ledger, where: str, parameters: Sequence[object]) -> str:
    """How the entries for which `where` holds ended, in words; "" if there are none."""
    counts: Counter[str] = Counter()
    for row in ledger.ask(
        "SELECT outcome, reason, count(DISTINCT entry_id) AS entries FROM all_outcomes"  # noqa: S608  # ours
        f" WHERE is_terminal AND {where} GROUP BY ALL",
        parameters,
    ):
        reason = f" ({row['reason'].replace('_', ' ')})" if row["reason"] else ""
        counts[f"{row['outcome']}{reason}"] += row["entries"]
    return ", ".join(f"{number} {words}" for words, number in counts.most_common())


def _hints(ledger: Ledger, query: str, feeds: Collection[Feed]) -> Iterable[str]:
    """What is known that may explain why nothing else is."""
    yield from _remembered(ledger, query, {feed.feed_id: feed for feed in feeds})
    address = query if "://" in query else f"https://{query}"
    site = urls.site(address) if _is_address(address) else ""
    if not site:
        return
    own = [feed for feed in feeds if site in {feed.domain, urls.site(feed.url)}]
    if not own:
        yield f"no feed of {site} was ever polled: wirebeam feeds discover {address} finds the feeds of a page"
        return
    for feed in own[:FEEDS_TOLD]:
        polls = ledger.rows(
            Poll,
            "feed_id = $feed AND polled_at = (SELECT max(polled_at) FROM all_polls WHERE feed_id = $feed)",
            {"feed": feed.feed_id},
        )
        said = f"polled {_time(polls[-1].record.polled_at)}: {poll_words(polls[-1].record)}" if polls else "not polled"
        yield f"{_feed_words(feed, feed.feed_id)}: {said}"
    if len(own) > FEEDS_TOLD:
        yield f"and {len(own) - FEEDS_TOLD} more feeds of {site}"
    ids = [feed.feed_id for feed in own]
    counts = _counts(ledger, _among("feed_id", ids), ids)
    yield f"of their entries: {counts}" if counts else "none of their entries has an outcome yet"


def _remembered(ledger: Ledger, query: str, feeds: Mapping[str, Feed]) -> Iterable[str]:
    """Entries that poll has seen and that never left it."""
    if ledger.state is None:
        return
    wanted = {query, urls.identity(query)}
    for feed_id, state in ledger.state.execute("SELECT feed_id, state FROM feeds"):
        if any(seen.entry_key in wanted for seen in codec.decode(state, PollState).fingerprints):
            where = _feed_words(feeds.get(feed_id), feed_id)
            yield f"{where} has shown it, but it was not taken: {reason_words(Reason.NOT_INITIAL)}"
