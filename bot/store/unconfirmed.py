"""Messages that may have been sent although the data does not say so: after a restore or a copied file.

While a copy of the data lies aside, the bot goes on sending. The copy knows nothing of that, so when it
becomes the data, every watch in it that is unfinished may have its result in the channel already. Such a
result is unconfirmed: it is searched for before it is sent (`bot.outbound.delivery`).

One mark in `meta` says so: `unconfirmed` holds a time and a watch id. A message of that watch or an earlier
one may have been sent since that time. `backup` and `restore` set the mark in the copies they make. Files
that were copied by hand are recognized by their count of messages: `intents` is the number of messages that
were about to be sent, and the time of the last. The number is also kept beside the data
(`bot.store.last_run`); data that is behind it is a copy.
"""

import sqlite3
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

# The mark covers the watches that are unfinished now. A mark that is there already keeps its earlier time:
# for younger watches that is too early, but no search goes back further than the watch's card.
_MARK: Final = """
    INSERT INTO meta (key, value)
    SELECT 'unconfirmed', :since || ' ' || id FROM watches WHERE state != 'done' ORDER BY id DESC LIMIT 1
    ON CONFLICT (key) DO UPDATE
    SET value = min(CAST(value AS REAL), :since) || substr(excluded.value, instr(excluded.value, ' '))
"""
_READ: Final = text("SELECT value FROM meta WHERE key = :key")
_WRITE: Final = text("INSERT OR REPLACE INTO meta (key, value) VALUES ('intents', :value)")


class Intents(NamedTuple):
    """How many messages were about to be sent, and when the last was (Unix seconds by Discord's clock)."""

    number: int = 0
    at: float = 0.0


def mark_copy(copy: sqlite3.Connection, since: float) -> None:
    """Mark a copy of the data that was made at a Unix time.

    Raises:
        sqlite3.Error: the file is not the bot's data.
    """
    with copy:
        copy.execute(_MARK, {"since": since})


def mark_unconfirmed(connection: Connection, since: float) -> bool:
    """Mark what may have been sent since a Unix time; return whether there is any unfinished watch."""
    return connection.execute(text(_MARK), {"since": since}).rowcount > 0


def unconfirmed_since(connection: Connection, watch_id: int) -> float | None:
    """Return since when a watch's messages may have been sent, None if the data knows of all that were."""
    since, _, last_id = (connection.scalar(_READ, {"key": "unconfirmed"}) or "").partition(" ")
    return float(since) if since and watch_id <= int(last_id) else None


def read_intents(connection: Connection) -> Intents:
    number, _, at = (connection.scalar(_READ, {"key": "intents"}) or "").partition(" ")
    return Intents(int(number), float(at)) if number else Intents()


def count_intent(connection: Connection, at: float) -> int:
    """Count a message that is about to be sent at a time by Discord's clock; return the new count."""
    return _write(connection, Intents(read_intents(connection).number + 1, at))


def skip_ahead(connection: Connection, last_run: int | None) -> int:
    """Raise the count above that of the data and of the last run: earlier copies of both are behind."""
    known = read_intents(connection)
    return _write(connection, Intents(max(known.number, last_run or 0) + 1, known.at))


def _write(connection: Connection, intents: Intents) -> int:
    connection.execute(_WRITE, {"value": f"{intents.number} {intents.at}"})
    return intents.number
