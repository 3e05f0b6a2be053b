"""Notices that a database is not the one of the last run: restored from a dump, or to an earlier moment.

What a database was when the bot last opened it is remembered in it (`origin` in `meta`): the numbers that
PostgreSQL gave it and its tables, which a restored dump does not have, and the timeline of the server, which
changes with a restore to a point in time and when a standby takes over.
"""

import logging
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, text

from bot.store.postgres_session import session_of
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
_TIMELINE: Final = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"


def recognize(connection: Connection) -> str:
    """Mark what may have been sent unknown to the data, if this is not the database of the last run.

    Returns:
        The server's timeline.
    """
    timeline = timeline_of(session_of(connection))
    here = f"{connection.scalar(_NUMBERS)} {timeline}"
    before = connection.scalar(_READ, {"key": ORIGIN})
    if before == here:
        return timeline
    connection.execute(_WRITE, {"key": ORIGIN, "value": here})
    if before is not None and mark_unconfirmed(connection, read_intents(connection)[1]):
        log.warning(
            "the data may not be that of the last run (was a backup restored, did a standby take over?): "
            "results are searched for in their channels before they are sent"
        )
    return timeline


def timeline_of(session: psycopg.Connection[Any]) -> str:
    """Return the server's timeline, "" where a hosted server does not tell."""
    try:
        with session.transaction():
            row = session.execute(_TIMELINE).fetchone()
    except psycopg.DatabaseError:
        return ""
    return "" if row is None else str(row[0])
