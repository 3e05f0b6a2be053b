"""Notices that a database is not the one of the last run: restored from a dump, or to an earlier moment.

What a database was when the bot last opened it is remembered in it (`origin` in `meta`): the numbers that
PostgreSQL gave it and its tables, which a restored dump does not have, and the timeline of the server, which
changes with a restore to a point in time and when a standby takes over.
"""

import logging
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError

from bot.store.schema import ORIGIN
from bot.store.unconfirmed import mark_unconfirmed, read_intents

log = logging.getLogger(__name__)

_READ: Final = text("SELECT value FROM meta WHERE key = :key")
_WRITE: Final = text(
    "INSERT INTO meta (key, value) VALUES (:key, :value)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_NUMBERS: Final = text(
    "SELECT oid::text || ' ' || 'meta'::regclass::oid FROM pg_database WHERE datname = current_database()"
)
_TIMELINE: Final = text("SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")


def recognize(connection: Connection) -> None:
    """Mark what may have been sent unknown to the data, if this is not the database of the last run."""
    here = f"{connection.scalar(_NUMBERS)} {_timeline(connection)}"
    before = connection.scalar(_READ, {"key": ORIGIN})
    if before == here:
        return
    connection.execute(_WRITE, {"key": ORIGIN, "value": here})
    if before is not None and mark_unconfirmed(connection, read_intents(connection)[1]):
        log.warning(
            "the data may not be that of the last run (was a backup restored, did a standby take over?): "
            "results are searched for in their channels before they are sent"
        )


def _timeline(connection: Connection) -> str:
    """Return the server's timeline, "" where a hosted server does not tell."""
    try:
        with connection.begin_nested():
            return str(connection.scalar(_TIMELINE))
    except DatabaseError:
        return ""
