"""The database on a PostgreSQL server: one connection, used on one thread as SQLite's file is.

The connection may be lost at any time: the server restarts, a standby takes over, a network forgets it. A
transaction that was lost before its commit is run once more on a new connection. One that was lost *during*
its commit may have been committed; it is run again until the server says so, for at most `IN_DOUBT_SECONDS`.
Work is therefore written so that running it twice is the same as running it once. Where the server is away
altogether, a transaction fails at once, and its callers try again later as with a full disk.
"""

import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg
from sqlalchemy import URL, Connection, QueuePool, create_engine, event, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from bot.store.data_folder import empty_video_folder
from bot.store.database import Database, T
from bot.store.errors import AnotherBot, StoreFailed, StoreUnusable
from bot.store.location import shown
from bot.store.migrating import migrate
from bot.store.postgres_errors import why_unusable
from bot.store.postgres_origin import recognize, timeline_of
from bot.store.postgres_session import arguments_for, begin_session, check_server, lock_schema
from bot.store.schema import ONE_LIVE_WATCH
from bot.store.unconfirmed import skip_ahead

ONE_LIVE_WATCH.dialect_options["postgresql"]["where"] = ONE_LIVE_WATCH.dialect_options["sqlite"]["where"]

IN_DOUBT_SECONDS: Final = 60.0
"""How long to ask about a commit whose answer was lost."""
RETRY_SECONDS: Final = 0.5
_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


class PostgresDatabase(Database):
    """One database of a PostgreSQL server."""

    def __init__(self, url: URL, executor: Executor | None) -> None:
        super().__init__(executor)
        self.upsert = insert
        self.url: Final = url
        self._session_name: Final = f"veo-watch-bot {uuid4().hex[:12]}"
        """Distinguishes this process's sessions from those of another bot."""
        self._timeline = ""
        """The server's, when the database was opened."""
        self._closing = False

    @property
    def video_folder(self) -> Path:
        named = sha256(shown(self.url).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"veo-watch-bot-{_uid()}-{named}"

    async def open(self) -> None:
        self._closing = False
        await self._in_thread(self._open)
        try:
            _refuse_folder_of_others(self.video_folder)
            await self._in_thread(empty_video_folder, self.video_folder)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        self._closing = True
        await super().close()

    def lock(self, connection: Connection, name: str) -> None:
        connection.execute(_LOCK, {"name": name})

    def _open(self) -> None:
        engine = create_engine(
            self.url,
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            connect_args=arguments_for(self.url) | {"application_name": self._session_name},
            use_native_hstore=False,
        )
        event.listen(engine, "connect", self._begin_session)
        try:
            with engine.begin() as connection:
                check_server(connection, self.url)
                lock_schema(connection)
                migrate(connection, shown(self.url), "a database")
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
            begin_session(connection, self._session_name, patient=self._engine is None)
            self._refuse_another_server(connection)
        except BaseException:
            connection.close()
            raise

    def _refuse_another_server(self, connection: psycopg.Connection[Any]) -> None:
        """Refuse a server that may lack what is remembered here, and give out ids that are in use here."""
        if self._engine is not None and self._timeline != timeline_of(connection):
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
                done = work(connection)
                committing = True
            return done

        try:
            return attempt()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        end = time.monotonic() + IN_DOUBT_SECONDS
        while True:
            try:
                return attempt()
            except OperationalError:
                if not committing or self._closing or time.monotonic() >= end:
                    raise
            time.sleep(RETRY_SECONDS)


def _uid() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0


def _refuse_folder_of_others(folder: Path) -> None:
    """Refuse a video folder that another user has made: the system's temporary folder is open to all."""
    try:
        owner = folder.lstat().st_uid
    except OSError:
        return
    if owner != _uid():
        raise StoreUnusable(f"{folder} belongs to uid {owner}: delete it, or set TMPDIR to another folder")
