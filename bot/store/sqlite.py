"""The database in a file: locked, checked, migrated to the newest schema, and used on one thread.

SQLite keeps a commit through a power cut only with `synchronous=FULL`. Every transaction begins IMMEDIATE, so
that two writers queue instead of one of them failing half-way.
"""

import logging
import sqlite3
from concurrent.futures import Executor
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, StaticPool, create_engine, event, text
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DatabaseError

from bot.store.data_folder import acquire, empty_video_folder, fault_of, lock_of, real_path, video_folder
from bot.store.database import Database
from bot.store.errors import StoreFailed, StoreUnusable
from bot.store.migrating import VERSION_TABLE, migrate
from bot.store.readonly import advice_for, is_newer_than_its_log
from bot.store.unconfirmed import (
    last_run_file,
    mark_unconfirmed,
    read_intents,
    read_last_run,
    skip_ahead,
    write_last_run,
)

log = logging.getLogger(__name__)

_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000")


class SqliteDatabase(Database):
    """One SQLite file."""

    def __init__(self, path: Path, executor: Executor | None) -> None:
        super().__init__(executor)
        self.upsert = insert
        self.path: Final = real_path(path)
        self._lock: Final = lock_of(self.path)

    @property
    def video_folder(self) -> Path:
        return video_folder(self.path)

    async def open(self) -> None:
        if fault := fault_of(self.path):
            raise StoreUnusable(fault)
        self._acquire_lock()
        try:
            # Emptied before the data is opened, which needs some disk space: after a crash it may be full.
            await self._in_thread(empty_video_folder, self.video_folder)
            await self._in_thread(self._open)
        except BaseException:
            self._lock.release()
            raise

    async def close(self) -> None:
        try:
            await super().close()
        finally:
            self._lock.release()

    async def write_last_run(self, count: int) -> None:
        try:
            await self._in_thread(write_last_run, self.path, count)
        except OSError as error:
            self.on_failure()
            raise StoreFailed(f"{last_run_file(self.path)} cannot be written ({error.strerror})") from error

    def _acquire_lock(self) -> None:
        folder = self.path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            acquire(self._lock, self.path)
        except OSError as error:
            advice = "make it a folder that can be written, or set DATABASE_URL"
            raise StoreUnusable(f"cannot write in {folder} ({error.strerror}): {advice}") from None

    def _open(self) -> None:
        replaced = is_newer_than_its_log(self.path)
        url = URL.create("sqlite", database=str(self.path))
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin_immediately)
        try:
            with engine.begin() as connection:
                _check(connection)
                migrate(connection, str(self.path), "a file")
                last_run = read_last_run(self.path)
                number, at = read_intents(connection)
                copied = replaced or last_run is None or number < last_run
                if copied and mark_unconfirmed(connection, at):
                    log.warning(
                        "the data may not be that of the last run (was a file copied into its place?): "
                        "results are searched for in their channels before they are sent"
                    )
                count = skip_ahead(connection, last_run)
            write_last_run(self.path, count)
        except (DatabaseError, UnicodeError) as error:  # the latter from names in a damaged file
            engine.dispose()
            cause = error.orig if isinstance(error, DatabaseError) else "it is damaged"
            advice = advice_for(cause)
            raise StoreUnusable(f"cannot use {self.path} as the database ({cause}): {advice}") from None
        except OSError as error:
            engine.dispose()
            why = f"{last_run_file(self.path)} cannot be written ({error.strerror})"
            raise StoreUnusable(f"{why}: make it a file that this user may write, or delete it") from None
        except BaseException:
            engine.dispose()
            raise
        self._engine = engine


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # _begin_immediately begins transactions
    connection.create_function("lower", 1, _lower, deterministic=True)
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if names and VERSION_TABLE not in names:  # not ours: keep its journal mode; `migrate` refuses it
        return
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _lower(value: str | bytes | float | None) -> str | bytes | float | None:
    """Replace SQLite's own `lower`, which only knows ASCII: names are searched for in any script."""
    return value.lower() if isinstance(value, str) else value


def _begin_immediately(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _check(connection: Connection) -> None:
    """Check the whole file at startup, when the operator sees an error: 25 ms for 10,000 watches."""
    if (found := connection.scalar(text("PRAGMA quick_check(1)"))) != "ok":
        raise DatabaseError("quick_check", None, sqlite3.DatabaseError(str(found).splitlines()[-1]))
