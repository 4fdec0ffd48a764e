"""Outcomes, reasons and polls in words, for a person: the same words in every command."""

from schemas.enums import OutcomeKind, Reason
from schemas.records import Outcome, Poll


def status_words(outcome: Outcome) -> str:
    """How an attempt ended, for a person."""
    words = _KINDS[outcome.outcome]
    if outcome.outcome in {OutcomeKind.PUBLISHED, OutcomeKind.REVISED} and outcome.reason:
        words += ", with the feed's own text"
    if outcome.reason:
        words += f": {reason_words(outcome.reason)}"
    if outcome.http_status and outcome.http_status != 200:  # HTTP OK
        words += f" (HTTP status {outcome.http_status})"
    return words


def reason_words(reason: Reason) -> str:
    """A reason, for a person."""
    return _REASONS[reason]


def poll_words(poll: Poll) -> str:
    """How a poll ended, for a person."""
    if poll.reason and not poll.entries_seen:
        status = f" (HTTP status {poll.http_status})" if poll.http_status and poll.http_status != 200 else ""  # OK
        return f"{poll.status}: {reason_words(poll.reason)}{status}"
    words = f"{poll.status.replace('_', ' ')}: {poll.entries_seen} entries, {poll.entries_new} new, "
    words += f"{poll.entries_changed} changed"
    words += f", {poll.entries_invalid} unusable" if poll.entries_invalid else ""
    words += f"; {reason_words(poll.reason)}" if poll.reason else ""
    return words + ("; entries may have been missed" if poll.gap else "")


_KINDS = {
    OutcomeKind.PUBLISHED: "published",
    OutcomeKind.REVISED: "published as a revision",
    OutcomeKind.UNCHANGED: "no new row, since nothing has changed",
    OutcomeKind.DROPPED: "dropped",
    OutcomeKind.DEFERRED: "put off",
    OutcomeKind.FAILED: "failed",
    OutcomeKind.DEAD: "put aside as a dead letter",
}

_REASONS = {
    Reason.DNS: "the host's name has no address",
    Reason.CONNECT: "the host could not be connected to",
    Reason.TLS: "no secure connection came about",
    Reason.TIMEOUT: "the answer took too long",
    Reason.DISCONNECTED: "the host hung up",
    Reason.ADDRESS_REFUSED: "its address is not public, and not in --allow-net",
    Reason.HTTP_ERROR: "the host answered with an error",
    Reason.NOT_FOUND: "there is no such page",
    Reason.GONE: "the page is gone for good",
    Reason.FORBIDDEN: "the host forbids it",
    Reason.RATE_LIMITED: "the host wants to be asked less often",
    Reason.ROBOTS: "robots.txt disallows the address",
    Reason.ROBOTS_UNREACHABLE: "robots.txt could not be had, which counts as a no",
    Reason.TOO_MANY_REDIRECTS: "one redirect led to the next without end",
    Reason.BAD_REDIRECT: "it redirects to what is no address",
    Reason.BAD_URL: "its link is no address",
    Reason.TOO_LARGE: "it is too large",
    Reason.BAD_ENCODING: "its compression could not be undone",
    Reason.NOT_HTTP: "the answer was not HTTP",
    Reason.NOT_HTML: "the link leads to something that is no page",
    Reason.NOT_A_FEED: "what came is no feed",
    Reason.MALFORMED: "it is malformed, and was read as far as possible",
    Reason.NO_LINK: "it has no link",
    Reason.NO_TEXT: "no text was found, neither in the page nor in the feed",
    Reason.CPU_LIMIT: "reading it took too long",
    Reason.CRASHED: "reading it crashed a worker",
    Reason.BUG: "a fault of this program",
    Reason.IN_FLIGHT: "it was still being downloaded",
    Reason.OVER_CAP: "its turn had not come",
    Reason.NOT_INITIAL: "it was in the feed at the first poll and was not asked for (--initial)",
    Reason.REFUSED: "a sink cannot hold it",
    Reason.KNOWN: "it was taken in before",
    Reason.NOT_WANTED: "the backfill's filters leave it out",
    Reason.NO_PAYLOAD: "what it stands for is not in its archive",
    Reason.SUPPRESSED: "its article was purged, and is not taken in again",
}
