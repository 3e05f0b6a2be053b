"""Results that may have been posted although the database does not know it, after a backup was restored.

After a backup is made, the bot keeps posting results. If the backup is restored later, every unfinished watch
in it may already have its result in the channel. Such a result is unconfirmed: the channel is searched for it
before it is posted (`bot.outbound.result_poster`).

One row of `meta` records this: `unconfirmed` holds a time and a watch id. A message of that watch or an
earlier one may have been sent since that time. `backup` and `restore` write the row into the copies they
make. Files that were copied by hand are recognised by a counter: `intents` holds the number of messages that
were about to be sent, and the time of the last. The number is also written to a file beside the database,
after the commit but before the message is sent. A database whose count is behind that file is a copy, and so
is one without the file.
"""

import os
import re
import sqlite3
import time
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, StaticPool, create_engine, text
from sqlalchemy.exc import DatabaseError

from bot.store.data_folder import beside

_LAST_UNFINISHED: Final = text("SELECT max(id) FROM watches WHERE state != 'done'")
_READ: Final = text("SELECT value FROM meta WHERE key = :key")
_WRITE: Final = text(
    "INSERT INTO meta (key, value) VALUES (:key, :value)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_TOLERANCE: Final = 5.0
"""How many seconds the time in the file may differ from its modification time; a copy differs by more."""


def mark_copy(copy: sqlite3.Connection, since: float) -> None:
    """Mark a copy of the data that was made at a Unix time.

    Raises:
        sqlite3.Error: the file is not the bot's data.
    """
    engine = create_engine("sqlite://", creator=lambda: copy, poolclass=StaticPool)
    try:
        with engine.begin() as connection:
            mark_unconfirmed(connection, since)
    except DatabaseError as error:
        raise error.orig or error from None


def mark_unconfirmed(connection: Connection, since: float) -> bool:
    """Mark what may have been sent since a Unix time; return whether there is any unfinished watch.

    The mark covers the watches that are unfinished now. A mark that is there already keeps its earlier time:
    for younger watches that is too early, but no search goes back further than the watch's card.
    """
    last_id = connection.scalar(_LAST_UNFINISHED)
    if last_id is None:
        return False
    earlier, _, _ = (connection.scalar(_READ, {"key": "unconfirmed"}) or "").partition(" ")
    value = f"{min(since, float(earlier or since))} {last_id}"
    connection.execute(_WRITE, {"key": "unconfirmed", "value": value})
    return True


def unconfirmed_since(connection: Connection, watch_id: int) -> float | None:
    """Return since when a watch's messages may have been sent, None if the database knows all of them."""
    since, _, last_id = (connection.scalar(_READ, {"key": "unconfirmed"}) or "").partition(" ")
    return float(since) if since and watch_id <= int(last_id) else None


def read_intents(connection: Connection) -> tuple[int, float]:
    """Return how many messages were about to be sent, and when the last was by Discord's clock."""
    number, _, at = (connection.scalar(_READ, {"key": "intents"}) or "0 0").partition(" ")
    return int(number), float(at)


def count_intent(connection: Connection, at: float) -> int:
    """Count a message that is about to be sent at a time by Discord's clock; return the new count."""
    number, _ = read_intents(connection)
    return _write(connection, number + 1, at)


def skip_ahead(connection: Connection, last_run: int | None) -> int:
    """Raise the count above that of the data and of the last run: earlier copies of both are behind."""
    number, at = read_intents(connection)
    return _write(connection, max(number, last_run or 0) + 1, at)


def _write(connection: Connection, number: int, at: float) -> int:
    connection.execute(_WRITE, {"key": "intents", "value": f"{number} {at}"})
    return number


def last_run_file(database: Path) -> Path:
    return beside(database, ".last-run")


def read_last_run(database: Path) -> int | None:
    """Return how many messages the last run counted, None if no file says so or it was copied into place."""
    path = last_run_file(database)
    try:
        content = path.read_bytes()
        status = path.stat()
    except OSError:
        return None
    if (match := re.fullmatch(rb"(\d{20}) (\d{20})\n", content)) is None:
        return None
    changed = max(status.st_ctime, status.st_mtime)  # on Windows st_ctime is the time of creation
    return int(match[1]) if abs(changed - int(match[2]) / 1e9) <= _TOLERANCE else None


def write_last_run(database: Path, count: int) -> None:
    """Write the count in place and at a fixed length, which a full disk does not prevent. Raises OSError."""
    file = os.open(last_run_file(database), os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.write(file, b"%020d %020d\n" % (count, time.time_ns()))
    finally:
        os.close(file)
