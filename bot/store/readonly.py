"""The database file read beside a running bot, without its lock and without a chance to change it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from bot.store.ownership import nearest, readable


def why_unreadable(database: Path) -> str | None:
    """Return why there is nothing to read, and what to do; None if there is a file that can be read."""
    place = nearest(database)
    if not readable(place):
        return f"{place} cannot be read by this user: run this as the bot's user"
    if place != database or place.is_dir():
        return f"there is no database at {database}: run this where the bot runs"
    return None


@contextmanager
def reading(database: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading only.

    Raises:
        sqlite3.Error: it cannot be opened or read.
    """
    with closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True)) as connection:
        yield connection
