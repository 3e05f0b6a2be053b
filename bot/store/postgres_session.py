"""A session with PostgreSQL: its limits, the lock of the bots, and what the server must support.

The lock is an advisory lock of the session: PostgreSQL releases it when the session ends, however it ends. A
session whose machine has vanished ends after about eight seconds of unanswered keepalives. Bots share the
lock; what must not run beside a bot holds it alone.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Final, NamedTuple, cast

import psycopg
from psycopg import errors
from sqlalchemy import URL, Connection, NullPool, create_engine, text

from bot.store.errors import AnotherBot, StoreUnusable
from bot.store.postgres_errors import how_to_create

CONNECT: Final[Mapping[str, Any]] = {
    "client_encoding": "utf8",
    "connect_timeout": 5,
    # A prepared statement belongs to a session, which a pooler may exchange.
    "prepare_threshold": None,
    "keepalives_idle": 2,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 8_000,
    "target_session_attrs": "read-write",
}
LOCK_SECONDS: Final = 12
"""How long a start waits for the session of a bot whose machine has vanished to end."""
MIGRATION_SECONDS: Final = 60

_SETTINGS: Final = {
    "statement_timeout": "8s",
    "lock_timeout": "4s",
    # A process that is paused inside a transaction must not keep its locks.
    "idle_in_transaction_session_timeout": "3s",
    "tcp_keepalives_idle": "2",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
# Not `off`: what was committed before it was sent must be there after a power cut.
_DURABLE: Final = """
    SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') IN ('off', 'local')
"""
BOT: Final = (0x56454F, 1)
_bots: Final = dict(zip(("space", "key"), BOT, strict=True))
_SCHEMA: Final = {"space": 0x56454F, "key": 2}
_PID: Final = text("SELECT pg_backend_pid()")
_HOLDER: Final = """
    SELECT a.pid, a.application_name, coalesce(host(a.client_addr), 'the server''s own machine')
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND (l.classid, l.objid) = (%s, %s)
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Holder(NamedTuple):
    """The session that holds the bot's lock."""

    pid: int
    name: str | None
    """None if it is another user's."""
    address: str


def begin_session(connection: psycopg.Connection[Any], limits: Mapping[str, str]) -> None:
    """Set the session's limits; `limits` has those that differ from the usual ones."""
    with connection.transaction():
        chosen = {**_SETTINGS, **limits}
        settings = ", ".join("set_config(%s, %s, false)" for _ in chosen)
        flat = [part for setting in chosen.items() for part in setting]
        connection.execute(f"SELECT {settings}".encode(), flat)
        connection.execute(_DURABLE)


def acquire_lock(connection: psycopg.Connection[Any], name: str, *, alone: bool, patient: bool) -> None:
    """Acquire the bots' lock for the session; `patient` waits for a session that is ending.

    Raises:
        AnotherBot: a running bot holds it, alone or against who must be alone.
        psycopg.Error: the server did not answer, or refused.
    """
    kind = "" if alone else "_shared"
    with connection.transaction():
        row = connection.execute(f"SELECT pg_try_advisory_lock{kind}(%s, %s)".encode(), BOT).fetchone()
        if row is not None and row[0]:
            return
        holder = lock_holder(connection)
        if holder is not None and holder.name == name:
            # Our own earlier session, of whose end the server does not know yet.
            connection.execute("SELECT pg_terminate_backend(%s)", (holder.pid,))
            patient = True
        elif not patient and holder is not None:
            raise AnotherBot(_taken(holder))
    try:
        with connection.transaction():
            _set_limits(connection, statement_timeout="0", lock_timeout=f"{LOCK_SECONDS}s")
            connection.execute(f"SELECT pg_advisory_lock{kind}(%s, %s)".encode(), BOT)
    except errors.LockNotAvailable:
        with connection.transaction():
            raise AnotherBot(_taken(lock_holder(connection))) from None


def require_alone(connection: Connection) -> None:
    """Refuse to change the data in a way with which older bots that are running could not work.

    Raises:
        AnotherBot: a bot is running.
    """
    if not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:space, :key)"), _bots):
        raise AnotherBot(
            "bots of an older version are running on this database, and this version cannot run beside them: "
            "stop them all, then start this version"
        )


def _set_limits(connection: psycopg.Connection[Any], **limits: str) -> None:
    for name, limit in limits.items():
        connection.execute("SELECT set_config(%s, %s, true)", (name, limit))


def lock_holder(connection: psycopg.Connection[Any]) -> Holder | None:
    """Return the session of the bot that runs on the database, None if there is none."""
    row = connection.execute(_HOLDER, BOT).fetchone()
    return None if row is None else Holder(*row)


def _taken(holder: Holder | None) -> str:
    where = (
        "" if holder is None else f" (a session from {holder.address}, process {holder.pid} of the server)"
    )
    return (
        f"another bot is running on this database{where}: stop it, or give this one a DATABASE_URL of its own"
    )


def lock_schema(connection: Connection) -> None:
    """Wait until no other process migrates the database; holds until the transaction ends."""
    set_migration_limits(connection)
    connection.execute(text("SELECT pg_advisory_xact_lock(:space, :key)"), _SCHEMA)


def set_migration_limits(connection: Connection) -> None:
    """Let statements of this transaction take as long as those of a migration may."""
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    _set_limits(session_of(connection), **dict.fromkeys(names, f"{MIGRATION_SECONDS}s"))


def check_server(connection: Connection, url: URL) -> None:
    """Refuse a server on which the bot would not be safe.

    Raises:
        StoreUnusable: the text says what to do.
    """
    encoding = connection.scalar(text("SELECT current_setting('server_encoding')"))
    if encoding != "UTF8":
        raise StoreUnusable(f"the database is encoded in {encoding}: {how_to_create(url)}")
    if is_exchanged(connection, url):
        raise StoreUnusable(POOLED)


def session_of(connection: Connection) -> psycopg.Connection[Any]:
    """Return the driver's own connection."""
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)


POOLED: Final = (
    "a pooler in front of PostgreSQL changes sessions between transactions, so that nothing keeps a second "
    "bot off the data: connect to the server itself, or set the pooler's pool_mode to session"
)


def is_exchanged(connection: Connection, url: URL) -> bool:
    """Return whether a pooler gives a client another session of the server for its next transaction.

    A pooler makes up the number that it gives its clients when they connect. In transaction mode a first
    client's session goes back to the pool with its transaction; others then take it and hold it.
    """
    if session_of(connection).info.backend_pid == connection.scalar(_PID):
        return False
    engine = create_engine(url, poolclass=NullPool, connect_args=arguments_for(url), use_native_hstore=False)
    with ExitStack() as stack:
        first, *others = (stack.enter_context(engine.connect()) for _ in range(4))
        before = first.scalar(_PID)
        first.commit()
        for other in others:
            other.execute(_PID)
        return bool(first.scalar(_PID) != before)


def arguments_for(url: URL) -> dict[str, Any]:
    """Return the arguments of a connection; those in the URL count more."""
    return {name: value for name, value in CONNECT.items() if name not in url.query}
