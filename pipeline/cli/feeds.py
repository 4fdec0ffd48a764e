"""`wirebeam feeds`: the feeds that a run polls besides those it was called with, and what is wrong with a feed."""

import datetime as dt
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from pipeline.cli.terminal import FAULT, USAGE, console, fail, say_error
from pipeline.formats import TableFormat

if TYPE_CHECKING:
    from pipeline.feed_check import Check, Reader
    from pipeline.feedlist import FeedList, FeedSetting
    from transforms.pool import TaskFailed
    from transforms.text.feeds import ParsedFeed
    from transforms.web.downloads import Downloads
    from transforms.web.messages import HttpConfig

ENTRIES_SHOWN = 30  # of a checked feed, for a person
PARSE_TIMEOUT_S = 20.0

feeds_app = typer.Typer(
    name="feeds",
    help="Manage and diagnose feeds. A live run takes up changes with its next cycle.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Data = Annotated[Path, typer.Option(help="The data directory.")]
DATA = Path("wirebeam-data")
AllowNet = Annotated[list[str] | None, typer.Option(help="A network (CIDR) that may be reached though it is private.")]
Contact = Annotated[str | None, typer.Option(help="Mail or URL by which a site can reach you; part of the User-Agent.")]


Form = Annotated[TableFormat, typer.Option("--format", help="For a person, or for a script.")]


# ── the list ───────────────────────────────────────────────────────────────────────────────────────────────────────


@feeds_app.command("list")
def list_feeds(data: Data = DATA, form: Form = TableFormat.TABLE) -> None:
    """List the feeds: those added by command, and those that a run was called with."""
    from pipeline.ledger import LedgerError

    try:
        rows = _feed_rows(data)
    except LedgerError as error:
        fail(str(error), USAGE)
    if form is TableFormat.JSON:
        _print_json(rows)
        return
    _print_feeds(rows)


@feeds_app.command("add")
def add(
    url: Annotated[str, typer.Argument(help="The feed's address; user and password in it are kept secret.")],
    outlet: Annotated[str | None, typer.Option(help="The outlet's name.")] = None,
    country: Annotated[str | None, typer.Option(help="ISO 3166, two letters.")] = None,
    language: Annotated[str | None, typer.Option(help="BCP 47, if the feed does not say it.")] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA name, for dates without a zone.")] = None,
    rights: Annotated[str | None, typer.Option(help="Licence or contract.")] = None,
    body_policy: Annotated[
        str | None, typer.Option(help="How much of a body may be stored: full, excerpt or none.")
    ] = None,
    data: Data = DATA,
) -> None:
    """Add a feed, or give one that is there other settings."""
    from pipeline.feedlist import read_feed
    from transforms.outcomes import utc_now

    settings = {
        "url": url,
        "outlet": outlet,
        "country": country,
        "language": language,
        "timezone": timezone,
        "rights": rights,
        "body_policy": body_policy,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    found = read_feed(given, valid_from=utc_now())
    if found.problems:
        fail("; ".join(problem.words for problem in found.problems), USAGE)
    _add(data, found)


@feeds_app.command("import")
def import_feeds(
    files: Annotated[list[str], typer.Argument(help="OPML, TOML or text files of feeds, or feed URLs.")],
    data: Data = DATA,
) -> None:
    """Add the feeds of a list; what is wrong in it is said, and the rest is added."""
    from pipeline.feedlist import FeedListError, read_feeds
    from transforms.outcomes import utc_now

    try:
        found = read_feeds(files, valid_from=utc_now())
    except FeedListError as error:
        fail(str(error), USAGE)
    for problem in found.problems:
        say_error(str(problem))
    if not found.feeds:
        fail("no feed to add", USAGE)
    _add(data, found)


@feeds_app.command("remove")
def remove(
    feed: Annotated[str, typer.Argument(metavar="URL|ID", help="The feed's address or id.")], data: Data = DATA
) -> None:
    """Stop polling a feed that was added. Its rows stay, and so does its memory, should it be added again."""
    from pipeline.feed_store import remove_feed
    from pipeline.state import StateError

    try:
        removed = remove_feed(data, feed)
    except StateError as error:
        fail(str(error), FAULT)
    if removed is None:
        from transforms.web.urls import redact

        fail(f"{redact(feed)}: not one feed of the list; a feed that a run was called with is not on it", USAGE)
    console().print(f"removed {removed.url}", soft_wrap=True, markup=False)


@feeds_app.command("export")
def export(
    form: Annotated[
        Literal["opml", "toml", "txt"], typer.Option("--format", help="The form; toml holds every setting.")
    ] = "opml",
    with_credentials: Annotated[
        bool, typer.Option("--with-credentials", help="Write user and password into the addresses.")
    ] = False,
    data: Data = DATA,
) -> None:
    """Print the list of feeds that were added, to be imported elsewhere."""
    from pipeline import feed_store
    from transforms.outcomes import utc_now

    settings = feed_store.stored_feeds(data, utc_now())
    sys.stdout.write(feed_store.written(settings, feed_store.ListFormat(form), with_credentials=with_credentials))
    secret = sum(feed_store.has_credentials(setting) for setting in settings)
    if secret and not with_credentials:
        say_error(f"the credentials of {secret} feeds are left out: --with-credentials writes them")


def _add(data: Path, found: "FeedList") -> None:
    from pipeline.feed_store import Added, add_feeds
    from pipeline.state import StateError
    from transforms.outcomes import utc_now

    try:
        said = add_feeds(data, found.feeds, utc_now())
    except (StateError, OSError) as error:
        fail(str(error), FAULT)
    words = {Added.NEW: "added", Added.CHANGED: "changed", Added.KNOWN: "there already"}
    for setting, added in zip(found.feeds, said, strict=True):
        console().print(f"{words[added]}: {setting.feed.url}", soft_wrap=True, markup=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _FeedRow:
    """A feed in the list, as a script reads it."""

    feed_id: str
    url: str
    outlet: str | None
    is_added: bool  # by command; else a run was called with it
    added_at: dt.datetime | None
    is_polled: bool  # by the newest run
    last_polled_at: dt.datetime | None
    state: str
    due_at: dt.datetime | None


def _feed_rows(data: Path) -> list[_FeedRow]:
    from pipeline.feed_store import feed_list
    from pipeline.ledger import Ledger, open_state
    from schemas import codec, ids
    from schemas.records import Feed, Poll
    from transforms.outcomes import utc_now

    added = {stored.setting.feed.feed_id: stored for stored in feed_list(data)}
    known: dict[str, tuple[Feed, bool, int]] = {}
    polls: dict[str, Poll] = {}
    state = open_state(data)
    if state:
        for feed_id, feed, is_active, due_at in state.execute("SELECT feed_id, feed, is_active, due_at FROM feeds"):
            known[feed_id] = (codec.decode(feed, Feed), bool(is_active), due_at)
        state.close()
        with Ledger(data) as ledger:
            newest = "(feed_id, polled_at) IN (SELECT feed_id, max(polled_at) FROM all_polls GROUP BY feed_id)"
            polls = {one.record.feed_id: one.record for one in ledger.rows(Poll, newest)}
    now = utc_now()
    rows = []
    for feed_id in dict.fromkeys([*added, *known]):
        stored = added.get(feed_id)
        recorded, is_active, due_at = known.get(feed_id, (None, False, 0))
        feed = stored.setting.feed if stored else recorded
        assert feed
        rows.append(
            _FeedRow(
                feed_id=feed_id,
                url=feed.url,
                outlet=feed.outlet,
                is_added=stored is not None,
                added_at=stored.added_at if stored else None,
                is_polled=is_active,
                last_polled_at=polls[feed_id].polled_at if feed_id in polls else None,
                state=_state_words(polls.get(feed_id), is_active=is_active, is_added=stored is not None),
                due_at=max(ids.EPOCH + due_at * ids.MICROSECOND, now) if is_active and due_at else None,
            )
        )
    return rows


def _state_words(poll: Any, *, is_active: bool, is_added: bool) -> str:
    from pipeline.words import poll_words

    if not is_active and not is_added:
        return "no longer polled"
    return poll_words(poll) if poll else "not polled yet"


def _print_feeds(rows: "Sequence[_FeedRow]") -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    table.add_column("feed", overflow="fold")
    for name in ("outlet", "added", "last poll (UTC)", "state", "next due (UTC)"):
        table.add_column(name)
    for row in rows:
        table.add_row(
            escape(row.url),
            escape(row.outlet or ""),
            "by command" if row.is_added else "by a run",
            _moment(row.last_polled_at),
            escape(row.state),
            _moment(row.due_at),
        )
    console().print(table)
    console().print(f"{len(rows)} feeds")


def _moment(moment: dt.datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""


# ── check and discover ─────────────────────────────────────────────────────────────────────────────────────────────


@feeds_app.command("check")
def check(
    url: Annotated[str, typer.Argument(help="The feed's address.")],
    data: Data = DATA,
    allow_net: AllowNet = None,
    contact: Contact = None,
    form: Form = TableFormat.TABLE,
) -> None:
    """Poll a feed once and explain every decision. Nothing is changed.

    Exit status 1 if nothing could be taken from it.
    """
    from pipeline.feed_check import check as ask
    from pipeline.feedlist import read_feed
    from pipeline.ledger import LedgerError
    from transforms.outcomes import utc_now

    found = read_feed({"url": url}, valid_from=utc_now())
    if not found.feeds:
        fail("; ".join(problem.words for problem in found.problems), USAGE)
    try:
        due = _due(data, found.feeds[0])
    except LedgerError as error:
        fail(str(error), USAGE)
    with _web(allow_net, contact) as (config, downloads, read):
        checked = ask(due, downloads, config, read=read, lookup=_lookup)
    if form is TableFormat.JSON:
        _print_json(checked)
    else:
        _print_check(checked)
    if not checked.is_usable:
        raise typer.Exit(FAULT)


@feeds_app.command("discover")
def discover(
    url: Annotated[str, typer.Argument(help="The address of a page.")],
    allow_net: AllowNet = None,
    contact: Contact = None,
    form: Form = TableFormat.TABLE,
) -> None:
    """Find the feeds of a page: those that it names, else where feeds commonly are.

    Exit status 1 if there are none.
    """
    from pipeline.feed_check import discover as ask

    with _web(allow_net, contact) as (_, downloads, read):
        found = ask(url if "://" in url else f"https://{url}", downloads, read=read)
    if form is TableFormat.JSON:
        _print_json(found)
    else:
        from rich.markup import escape
        from rich.table import Table

        table = Table()
        table.add_column("address", overflow="fold")
        for name in ("found by", "feed", "newest entry (UTC)", "what it is"):
            table.add_column(name)
        for one in found:
            is_feed = "[green]yes[/green]" if one.is_feed else "no"
            table.add_row(escape(one.url), one.found_by, is_feed, _moment(one.newest_at), escape(one.words))
        console().print(table)
    if not any(one.is_feed for one in found):
        raise typer.Exit(FAULT)


def _due(data: Path, asked: "FeedSetting") -> Any:
    """The feed as a run would poll it: with the settings, the credentials and the memory that are known of it."""
    from pipeline.feed_store import feed_list
    from pipeline.ledger import open_state
    from schemas import codec
    from schemas.records import Feed, FeedDue, PollState

    feed_id = asked.feed.feed_id
    feed, request_url, memory = asked.feed, asked.request_url, PollState(feed_id=feed_id)
    state = open_state(data)
    if state:
        row = state.execute("SELECT feed, request_url, state FROM feeds WHERE feed_id = ?", (feed_id,)).fetchone()
        state.close()
        if row:
            feed, memory = codec.decode(row[0], Feed), codec.decode(row[2], PollState)
            request_url = row[1] if request_url == asked.feed.url else request_url
    stored = next((one.setting for one in feed_list(data) if one.setting.feed.feed_id == feed_id), None)
    if stored:
        feed = stored.feed
        request_url = stored.request_url if request_url == asked.feed.url else request_url
    return FeedDue(feed=feed, request_url=request_url, state=memory)


@contextmanager
def _web(allow_net: list[str] | None, contact: str | None) -> "Iterator[tuple[HttpConfig, Downloads, Reader]]":
    """The client and the reader of a command's own."""
    from transforms.pool import Pool
    from transforms.text.feeds import parse_feed
    from transforms.web.downloads import Downloads
    from transforms.web.messages import HttpConfig

    try:
        config = HttpConfig(contact=contact, allow_net=tuple(allow_net or ()), host_delay_s=0.5)
    except ValueError as error:
        fail(f"--allow-net: {error}", USAGE)
    downloads = Downloads(config)
    pool = Pool(1)

    def read(body: bytes, content_type: str | None, url: str) -> "ParsedFeed | TaskFailed":
        return pool.submit(parse_feed, body, content_type, url, timeout_s=PARSE_TIMEOUT_S).result()

    try:
        yield config, downloads, read
    finally:
        downloads.close()
        pool.close()


def _lookup(host: str) -> list[str]:
    if host.rstrip(".").lower().rpartition(".")[2] == "localhost":  # as `transforms.web.resolver` has it
        return ["127.0.0.1"]
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except UnicodeError:
        return []


def _print_check(checked: "Check") -> None:
    from rich.markup import escape
    from rich.table import Table

    out = console()
    out.print(f"[bold]{escape(checked.url)}[/bold]", soft_wrap=True)
    verdicts = Table(box=None, show_header=False, pad_edge=False)
    verdicts.add_column()
    verdicts.add_column(style="bold")
    verdicts.add_column(overflow="fold")
    for verdict in checked.verdicts:
        verdicts.add_row(
            "[green]ok[/green]" if verdict.is_good else "[red]no[/red]", verdict.subject, escape(verdict.words)
        )
    out.print(verdicts)
    for title, headers in (("sent", checked.headers_sent), ("received", checked.headers_received)):
        out.print(f"\n[bold]headers {title}[/bold]")
        for name, value in headers.items():
            out.print(f"  {escape(name)}: {escape(value)}", soft_wrap=True)
    if checked.entries:
        out.print(_entries_table(checked))
    if len(checked.entries) > ENTRIES_SHOWN:
        out.print(f"and {len(checked.entries) - ENTRIES_SHOWN} more entries")
    for problem in checked.problems:
        out.print(f"[yellow]problem[/yellow]: {escape(problem)}", soft_wrap=True)
    if checked.poll:
        poll = checked.poll
        out.print(
            f"a run would take {poll.entries_new} new and {poll.entries_changed} changed of {poll.entries_seen} entries"
        )


def _entries_table(checked: "Check") -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="entries", title_justify="left")
    for name in ("verdict", "title", "link", "date", "key"):
        table.add_column(name, overflow="fold")
    for entry in checked.entries[:ENTRIES_SHOWN]:
        table.add_row(*map(escape, (entry.verdict, entry.title, entry.link, entry.date, entry.key)))
    return table


def _print_json(answer: object) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(answer)).decode() + "\n")
