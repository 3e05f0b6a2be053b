"""The mark of the last run: how far the data has come, kept outside of it, beside its lock.

While no bot runs somebody may put an older file in the place of the data with `cp`. Such data does not know
what was sent since. So every intent to send counts one further, in the data and then in the mark, before the
message is sent: data that is behind its mark is older than what stands in the channels. Without a mark nobody
knows. Then its unfinished watches are in doubt, as those of a restored backup are (`bot.store.copied`).
"""

import os
import re
import time
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from bot.store.ownership import beside

_NAME: Final = ".last-run"
_TOLERANCE: Final = 5.0
"""Seconds between the time in a mark and that of its file: one that was copied to its place says nothing."""
_READ: Final = text("SELECT value FROM meta WHERE key = 'intents'")
_WRITE: Final = text("INSERT OR REPLACE INTO meta (key, value) VALUES ('intents', :value)")


class Intents(NamedTuple):
    """How many messages were to be sent, and when the last was (Unix seconds by Discord's clock)."""

    number: int = 0
    at: float = 0.0


class LastRun:
    """The mark beside a database."""

    def __init__(self, database: Path) -> None:
        self.path: Final = beside(database, _NAME)

    def read(self) -> int | None:
        """Return the count, None if there is no mark that this bot has written here."""
        try:
            written = self.path.read_bytes()
            found = self.path.stat()
        except OSError:
            return None
        if (parts := re.fullmatch(rb"(\d{20}) (\d{20})\n", written)) is None:
            return None
        changed = max(found.st_ctime, found.st_mtime)  # on Windows the first is when it was made
        return int(parts[1]) if abs(changed - int(parts[2]) / 1e9) <= _TOLERANCE else None

    def write(self, count: int) -> None:
        """Note the count, in place: a full disk does not keep it from being written. Raises OSError."""
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.write(file, b"%020d %020d\n" % (count, time.time_ns()))
        finally:
            os.close(file)


def intents(connection: Connection) -> Intents:
    """Return how far the data has come."""
    count, _, at = (connection.scalar(_READ) or "").partition(" ")
    return Intents(int(count), float(at)) if count else Intents()


def count_intent(connection: Connection, at: float) -> int:
    """Count one further for a message that will be sent at a time by Discord's clock; return the count."""
    return _set(connection, Intents(intents(connection).number + 1, at))


def catch_up(connection: Connection, mark: int | None) -> int:
    """Count beyond the data and its mark, so that no earlier copy of either counts as this one."""
    known = intents(connection)
    return _set(connection, Intents(max(known.number, mark or 0) + 1, known.at))


def _set(connection: Connection, known: Intents) -> int:
    connection.execute(_WRITE, {"value": f"{known.number} {known.at}"})
    return known.number
