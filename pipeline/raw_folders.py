"""Where runs keep raw pages, as noted in state.db: for those who must reach them, maintenance and purge.

One row of table `meta` for each folder: `raw:` and its absolute path; for how many seconds pages are kept, or nothing.
"""

import datetime as dt
import sqlite3
from pathlib import Path

_KEY = "raw:"


def note(database: sqlite3.Connection, folder: Path) -> None:
    """Note a folder, within the caller's transaction; what is noted of it stays."""
    database.execute("INSERT OR IGNORE INTO meta VALUES (?, '')", (_key(folder),))


def note_keep(database: sqlite3.Connection, folder: Path, keep: dt.timedelta | None) -> None:
    """Note how long a page is kept in a folder (None: for ever), within the caller's transaction."""
    kept_s = str(keep.total_seconds()) if keep else ""
    database.execute("REPLACE INTO meta VALUES (?, ?)", (_key(folder), kept_s))


def noted(database: sqlite3.Connection) -> dict[Path, dt.timedelta | None]:
    """The folders, and how long a page is kept in each."""
    rows = database.execute("SELECT key, value FROM meta WHERE key GLOB ? ORDER BY key", (f"{_KEY}*",))
    return {
        Path(key.removeprefix(_KEY)): dt.timedelta(seconds=float(kept_s)) if kept_s else None for key, kept_s in rows
    }


def _key(folder: Path) -> str:
    return f"{_KEY}{folder.resolve()}"
