"""A PostgreSQL database, read without the bot's lock and unchanged: what it is, and how its server is set."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import URL, Connection, NullPool, Row, create_engine, inspect, text
from sqlalchemy.exc import DatabaseError

from bot.store.errors import StoreUnusable
from bot.store.membership import SPACE
from bot.store.migrating import VERSION_TABLE
from bot.store.postgres_errors import why_unusable
from bot.store.postgres_session import arguments_for, is_exchanged, lock_holder, session_of

_SETTINGS: Final = text("""
    SELECT current_setting('server_version'), current_setting('server_version_num')::int,
           current_setting('server_encoding'), lower('Ä') = 'ä', pg_is_in_recovery(),
           current_setting('fsync'), extract(epoch FROM clock_timestamp())::float8,
           current_setting('synchronous_standby_names'), (SELECT count(*) FROM pg_stat_replication),
           has_schema_privilege(coalesce(current_schema(), 'public'), 'CREATE')
""")
_PROCESSES: Final = text("""
    SELECT m.name, count(s.shard), (SELECT count(*) FROM shards)
    FROM members m LEFT JOIN shards s ON s.member_id = m.id
    WHERE m.id IN (
        SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND classid = :space AND objsubid = 2
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
    GROUP BY m.id ORDER BY m.id
""")


class RunningProcess(NamedTuple):
    """A process of the bot that is connected to the database."""

    name: str
    held: int
    """How many of the `shards` it serves."""
    shards: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What a database and its server are."""

    server_version: str
    version_number: int
    encoding: str
    knows_letters: bool
    """Whether upper and lower case of letters beyond ASCII are known."""
    is_standby: bool
    fsync: str
    time: float
    """The server's Unix time."""
    synchronous_names: str
    standbys: int
    may_create: bool
    schema_version: str | None
    """The bot's; "" if the database is empty, None if it is another program's."""
    exchanges_sessions: bool
    """Whether a pooler changes the session between transactions."""
    is_locked: bool
    """Whether a bot runs on it."""
    processes: tuple[RunningProcess, ...] = ()


def read_facts(url: URL) -> Facts:
    """Find out what a database is.

    Raises:
        StoreUnusable: it cannot be reached; the text says what to do.
    """
    with reading(url) as connection:
        settings = connection.execute(_SETTINGS).one()
        locked = lock_holder(session_of(connection)) is not None
        tables = set(inspect(connection).get_table_names())
        version: str | None = None if tables else ""
        if VERSION_TABLE in tables:
            version = connection.scalar(text("SELECT version_num FROM alembic_version"))
        rows = (
            connection.execute(_PROCESSES, {"space": SPACE}).all() if {"members", "shards"} <= tables else ()
        )
        processes = tuple(RunningProcess(*row) for row in rows)
        return Facts(*settings, version, is_exchanged(connection, url), locked, processes)  # type: ignore[call-arg]


@contextmanager
def reading(url: URL) -> Iterator[Connection]:
    """Read a database in one snapshot.

    Raises:
        StoreUnusable: it cannot be reached or read; the text says what to do.
    """
    # A standby can be read, too.
    arguments = arguments_for(url) | {
        "application_name": "veo-watch-bot reading",
        "target_session_attrs": "any",
    }
    engine = create_engine(url, poolclass=NullPool, connect_args=arguments, use_native_hstore=False)
    engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    try:
        with engine.begin() as connection:
            yield connection
    except DatabaseError as error:
        raise StoreUnusable(why_unusable(error.orig, url)) from None


def read_rows(url: URL, query: str, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
    """Return the rows of a query. Raises what `reading` raises."""
    with reading(url) as connection:
        return connection.execute(text(query), values).all()
