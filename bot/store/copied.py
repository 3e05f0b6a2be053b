"""A copy of the data that knows it is one, and what a bot that starts on it must doubt.

Between the copying and its being put back the watches went on: what was told in their channels the copy
cannot know. So each result that was not wholly told then counts as one whose sending was cut short: it is
looked for in the channel before it is sent (`bot.outbound.delivery`). A copy that was put back is no copy any
more, but its doubts stay with their watches, the oldest of each: a copy of it begins none anew.
"""

import sqlite3
from typing import Final

from sqlalchemy import Connection, text

_MARK: Final = "INSERT OR IGNORE INTO meta (key, value) VALUES ('copied_at', ?)"
_MARKED: Final = "SELECT CAST(value AS REAL) FROM meta WHERE key = 'copied_at'"
_DOUBT: Final = (
    "INSERT OR IGNORE INTO doubts (watch_id, since) SELECT id, :at FROM watches WHERE state != 'done'",
    "UPDATE deliveries SET intended_at = :at WHERE message_id IS NULL AND intended_at IS NULL",
)
_TAKE: Final = "DELETE FROM meta WHERE key = 'copied_at'"


def mark(copy: sqlite3.Connection, at: float) -> None:
    """Note in a copy when it was made (Unix seconds), unless it is a copy of one on which no bot has run.

    Raises:
        sqlite3.Error: the copy is none of our data.
    """
    with copy:
        copy.execute(_MARK, (str(at),))


def adopt(connection: Connection) -> None:
    """Take a copy as the data from now on."""
    if (at := connection.scalar(text(_MARKED))) is not None:
        doubt(connection, at)
        connection.execute(text(_TAKE))


def doubt(connection: Connection, since: float) -> bool:
    """Let what may have been sent since a time (Unix seconds) be looked for first; tell if there is any."""
    rows = [connection.execute(text(statement), {"at": since}).rowcount for statement in _DOUBT]
    return any(rows)
