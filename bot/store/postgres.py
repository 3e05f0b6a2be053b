"""The database on a PostgreSQL server: one connection, used on one thread as SQLite's file is.

The connection may be lost at any time: the server restarts, a standby takes over, a network forgets it. A
transaction that was lost before its commit is run once more on a new connection. One that was lost *during*
its commit may have been committed; it is run again until the server says so, for at most `IN_DOUBT_SECONDS`.
Work is therefore written so that running it twice is the same as running it once. Where the server is away
altogether, a transaction fails at once, and its callers try again later as with a full disk.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg
from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, delete, event, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from bot.store.database import Database, T, TakeTurn
from bot.store.errors import AnotherBot, StoreFailed, StoreUnusable
from bot.store.location import shown
from bot.store.migrating import migrate, version_of
from bot.store.notifications import SENT
from bot.store.postgres_errors import why_unusable
from bot.store.postgres_origin import recognize, timeline_of
from bot.store.postgres_session import (
    acquire_lock,
    arguments_for,
    begin_session,
    check_server,
    lock_schema,
    require_alone,
    session_of,
    set_migration_limits,
)
from bot.store.schema import OLDEST_CODE, ONE_LIVE_WATCH, members
from bot.store.temporary_folder import TemporaryFolder
from bot.store.turns import Turns
from bot.store.unconfirmed import skip_ahead

ONE_LIVE_WATCH.dialect_options["postgresql"]["where"] = ONE_LIVE_WATCH.dialect_options["sqlite"]["where"]

IN_DOUBT_SECONDS: Final = 60.0
"""How long to ask about a commit whose answer was lost."""
RETRY_SECONDS: Final = 0.5
_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")

_OF_BEATS: Final = {"statement_timeout": "3s", "lock_timeout": "2s"}
"""Limits of the connection for leases: a beat that takes longer is of no use."""


class PostgresDatabase(Database):
    """One database of a PostgreSQL server; `alone` keeps bots off it, otherwise several may share it."""

    def __init__(self, url: URL, executor: Executor | None, *, alone: bool = True) -> None:
        super().__init__(executor)
        self.upsert = insert
        self.url: Final = url
        self.on_notify: Callable[[str], object] = lambda _payload: None
        """Gets the payloads of each transaction that notified others, on the thread that committed it."""
        self._alone: Final = alone
        self._session_name: Final = f"veo-watch-bot {uuid4().hex[:12]}"
        """Distinguishes this process's sessions from those of another bot."""
        self._timeline = ""
        """The server's, when the database was opened."""
        self._limits: Mapping[str, str] = {}
        self._in_doubt_seconds = IN_DOUBT_SECONDS
        self._closing = False
        self._folder: Final = TemporaryFolder(shown(url))
        self._turns: Final = Turns(url)

    @property
    def video_folder(self) -> Path:
        return self._folder.path

    async def open(self) -> None:
        self._closing = False
        await self._in_thread(self._open)
        try:
            self._folder.hold()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        self._closing = True
        await self._turns.close()
        await super().close()
        self._folder.release()

    def another(self, executor: Executor | None) -> "PostgresDatabase":
        """Return another connection to this open database, with a thread of its own, for leases.

        A commit in doubt or a slow statement must not delay the beats by which others know this process.
        """
        other: PostgresDatabase = self._like_this(executor)
        other.on_taken = lambda error: self.on_taken(error)  # noqa: PLW0108 it may be set later
        other.on_notify = lambda payload: self.on_notify(payload)  # noqa: PLW0108
        other._timeline, other._limits, other._in_doubt_seconds = self._timeline, _OF_BEATS, 0.0
        other._engine = other._make_engine(connect_timeout=2)
        return other

    @property
    def take_turn(self) -> TakeTurn | None:
        # Where work runs inline, time is not the server's either.
        return None if self._alone or self._executor is None else self._turns.take

    def _like_this(self, executor: Executor | None) -> "PostgresDatabase":
        return PostgresDatabase(self.url, executor, alone=self._alone)

    def lock(self, connection: Connection, name: str) -> None:
        connection.execute(_LOCK, {"name": name})

    def _make_engine(self, **arguments: Any) -> Engine:
        arguments |= {"application_name": self._session_name}
        engine = create_engine(
            self.url,
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            connect_args=arguments_for(self.url) | arguments,
            use_native_hstore=False,
        )
        event.listen(engine, "connect", self._begin_session)
        return engine

    def _open(self) -> None:
        engine = self._make_engine()
        try:
            with engine.begin() as connection:
                check_server(connection, self.url)
                lock_schema(connection)
                acquire_lock(session_of(connection), self._session_name, alone=self._alone, patient=True)
                set_migration_limits(connection)
                if (version_of(connection) or OLDEST_CODE) < OLDEST_CODE:
                    require_alone(connection)
                migrate(connection, shown(self.url), "a database", rolling=True)
                if self._alone:
                    connection.execute(delete(members))  # should one run after all, it can write nothing more
                self._timeline = recognize(connection)
                skip_ahead(connection, None)
        except DatabaseError as error:
            engine.dispose()
            raise StoreUnusable(why_unusable(error.orig, self.url)) from None
        except BaseException:
            engine.dispose()
            raise
        self._engine = engine

    def _begin_session(self, connection: psycopg.Connection[Any], _record: object) -> None:
        try:
            begin_session(connection, self._limits)
            if self._engine is not None:
                acquire_lock(connection, self._session_name, alone=self._alone, patient=False)
                self._refuse_another_server(connection)
        except BaseException:
            connection.close()
            raise

    def _refuse_another_server(self, connection: psycopg.Connection[Any]) -> None:
        """Refuse a server that may lack what is remembered here, and give out ids that are in use here."""
        if self._timeline != timeline_of(connection):
            raise StoreUnusable("a standby has taken over, which may lack the newest data: restart the bot")

    async def run(self, work: Callable[[Connection], T]) -> T:
        try:
            return await super().run(work)
        except (AnotherBot, StoreUnusable) as error:
            self.on_taken(error)
            raise StoreFailed(str(error)) from None

    def transact(self, work: Callable[[Connection], T]) -> T:
        if (engine := self._engine) is None:
            raise StoreFailed("the database is closed")
        committing = False

        def attempt() -> T:
            nonlocal committing
            with engine.begin() as connection:
                connection.info.pop(SENT, None)
                done = work(connection)
                committing = True
                payloads = connection.info.pop(SENT, ())
            for payload in payloads:
                self.on_notify(payload)
            return done

        try:
            return attempt()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        end = time.monotonic() + self._in_doubt_seconds
        while True:
            try:
                return attempt()
            except OperationalError:
                if not committing or self._closing or time.monotonic() >= end:
                    raise
            time.sleep(RETRY_SECONDS)
