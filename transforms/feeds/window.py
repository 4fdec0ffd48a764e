"""Whether a feed may have let entries go by between two polls: pure functions.

Most feeds are windows: they show the newest so many entries, and what comes in at one end pushes out as many at the
other. If nothing of such a window is left at the next poll, entries may have come and gone unseen. Other feeds are no
windows (a page of chosen stories, the entries of the last day), and windows are emptied, filled anew, and moved to
other guids and addresses. So a feed must have been seen to slide before the signal is believed, and an entry that is
known by any name, or not later than what was shown before, speaks against it.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from schemas.records import Fingerprint, PollState
from transforms.feeds.identity import HALF

SLIDES = 2  # seen before a gap is believed
SLIDES_UNDATED = 5  # the same for entries without dates, where nothing else tells a gap from a feed filled anew
LEAST_STAYED = 2  # entries that stay at one end: a single one may stand there by chance
SLIDES_LIMIT = 12  # evidence that is kept: a feed that stops being a window is soon none
LEAST_WINDOW = 5  # entries; a shorter feed turns over at any time
SIZE_TOLERANCE = 0.05  # of the size: some drop what they show twice
DATED = 0.9  # share of entries with a date, from which the feed counts as dated
CLOCK_SKEW = dt.timedelta(hours=1)  # dates later than this are no dates: the feed's next ones will be earlier


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a body shows.

    Args:
        keys: of its entries, in the feed's order.
        dates: of publication, of those new entries that have one, in UTC.
        texts: the text halves of the new entries' fingerprints.
    """

    keys: Sequence[str]
    dates: Sequence[dt.datetime]
    texts: Collection[str]


def compare(state: PollState, window: Window) -> tuple[bool, int]:
    """Judge what a feed shows against what it showed at the poll that left `state`.

    Returns:
        Whether entries may have been missed between the two, and the evidence from now on that the feed is a window.
        There is no gap at a feed's first poll, after it was empty, or when it shows fewer entries than before: what an
        emptied feed shows since is complete.
    """
    if not state.window:
        return False, state.slides
    if _is_turned_over(state, window):
        is_dated = state.newest_at is not None and _is_dated(window)
        return state.slides >= (SLIDES if is_dated else SLIDES_UNDATED), state.slides
    before = [seen.entry_key for seen in last_shown(state)][::-1]
    shown = set(window.keys)
    stayed = shown.intersection(before)
    if not stayed or 2 * len(shown) < len(before):
        return False, 0
    if len(stayed) in {len(before), len(shown)}:
        return False, state.slides
    tolerance = _tolerance(len(before))
    reach = len(stayed) + tolerance  # one may have been withdrawn from among them
    is_at_end = stayed.issubset(before[:reach]) or stayed.issubset(before[-reach:])
    if is_at_end and abs(len(shown) - len(before)) <= tolerance:
        return False, min(state.slides + (len(stayed) >= LEAST_STAYED), SLIDES_LIMIT)
    return False, state.slides // 2


def newest(dates: Mapping[str, dt.datetime | None], observed_at: dt.datetime) -> dt.datetime | None:
    """The newest date of a body's entries that is not in the future."""
    return max((date for date in dates.values() if date and date <= observed_at + CLOCK_SKEW), default=None)


def last_shown(state: PollState) -> Sequence[Fingerprint]:
    """What is remembered of the entries that the feed showed last."""
    return state.fingerprints[len(state.fingerprints) - state.window :]


def _is_turned_over(state: PollState, window: Window) -> bool:
    """Whether the feed is as full as before of entries that are all new, and later as far as they have dates."""
    if state.window < LEAST_WINDOW or len(window.keys) < state.window - _tolerance(state.window):
        return False
    if not {seen.entry_key for seen in state.fingerprints}.isdisjoint(window.keys):
        return False
    if not {seen.content[:HALF] for seen in state.fingerprints}.isdisjoint(window.texts):
        return False  # the same entries under other names
    return not _is_dated(window) or state.newest_at is None or min(window.dates) > state.newest_at


def _is_dated(window: Window) -> bool:
    return len(window.dates) >= DATED * len(window.keys)


def _tolerance(size: int) -> int:
    return max(1, round(SIZE_TOLERANCE * size))
