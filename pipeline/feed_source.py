"""The feeds of a run without end: its arguments and the feeds added by command, read again when they change."""

from collections.abc import Sequence
from pathlib import Path

import structlog

from pipeline.feed_store import feeds_version, stored_feeds
from pipeline.feedlist import FeedList, FeedListError, read_feeds
from schemas.records import Feed
from transforms.outcomes import Clock, utc_now

log = structlog.get_logger()


class FeedLists:
    """`pipeline.live.FeedSource` over feed list files, feed URLs and the data directory's own list.

    A file that has gone, or has become unreadable, leaves the feeds as they were.

    Args:
        arguments: files and URLs.
        folder: the data directory.
        clock: since when new settings hold.
    """

    def __init__(self, arguments: Sequence[str], folder: Path, clock: Clock = utc_now) -> None:
        self._arguments = arguments
        self._folder = folder
        self._clock = clock
        self._last: tuple[tuple[Feed, str], ...] = ()

    def version(self) -> object:
        """Times and sizes of the files, and the version of the data directory's list."""
        return (feeds_version(self._folder), *(_stamp(Path(argument)) for argument in self._arguments))

    def read(self) -> FeedList:
        """All feeds as they are now, the arguments' first, with what is wrong in the files.

        Raises:
            FeedListError: a file cannot be read.
        """
        now = self._clock()
        given = read_feeds(self._arguments, valid_from=now)
        known = {setting.feed.feed_id for setting in given.feeds}
        stored = [each for each in stored_feeds(self._folder, now) if each.feed.feed_id not in known]
        return FeedList(feeds=(*given.feeds, *stored), problems=given.problems)

    def feeds(self) -> Sequence[tuple[Feed, str]]:
        """The feeds to poll, each with the URL to request."""
        try:
            feed_list = self.read()
        except FeedListError as error:
            log.warning("feed_list_unreadable", error=str(error), keeps=len(self._last))
            return self._last
        for problem in feed_list.problems:
            log.warning("feed_list_problem", problem=str(problem))
        self._last = tuple((setting.feed, setting.request_url) for setting in feed_list.feeds)
        return self._last


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None  # a URL, or a file that has gone
    return status.st_mtime_ns, status.st_size
