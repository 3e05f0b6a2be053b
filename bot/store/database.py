"""The database file: locked, checked, migrated to the newest schema, and used on one thread.

SQLite keeps a commit through a power cut only with `synchronous=FULL`. Every transaction begins IMMEDIATE, so
that two writers queue instead of one of them failing half-way.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, StaticPool, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError

from bot.store.data_folder import acquire, empty_video_folder, how_to_use, lock_of, unusable
from bot.store.errors import StoreFailed, StoreUnusable
from bot.store.readonly import advice_for, is_newer_than_its_log
from bot.store.schema import HEAD, MIGRATIONS
from bot.store.unconfirmed import (
    last_run_file,
    mark_unconfirmed,
    read_intents,
    read_last_run,
    skip_ahead,
    write_last_run,
)

log = logging.getLogger(__name__)

VERSION_TABLE: Final = "alembic_version"

_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000")

T = TypeVar("T")


class Database:
    """One SQLite file. With `executor` None all work runs inline, for simulations in virtual time."""

    def __init__(self, path: Path, executor: Executor | None) -> None:
        self.path: Final = path.resolve()
        self._executor: Final = executor
        self._lock: Final = lock_of(self.path)
        self._engine: Engine | None = None
        self.on_transaction: Callable[[float], object] = lambda _seconds: None
        """Gets the seconds that each transaction took, including its wait for others."""
        self.on_failure: Callable[[], object] = lambda: None
        """Called when a transaction has failed: perhaps the disk is full."""

    async def open(self) -> None:
        """Acquire the lock, free disk space by emptying the video folder, open the file and migrate it.

        Raises:
            AnotherBot: a running bot holds the data.
            StoreUnusable: the folder or the file cannot be used; the text says what to do.
        """
        if closed := unusable(self.path):
            raise StoreUnusable(f"{closed[0]} is not writable: {how_to_use(closed, self.path)}")
        if self.path.is_dir():
            raise StoreUnusable(f"{self.path} is a folder: set DATABASE_URL to a file in it")
        self._acquire_lock()
        try:
            await self._in_thread(empty_video_folder, self.path)
            await self._in_thread(self._open)
        except BaseException:
            self._lock.release()
            raise

    async def close(self) -> None:
        """Close the file and release its lock."""
        engine, self._engine = self._engine, None
        try:
            if engine is not None:
                await self._in_thread(engine.dispose)
        finally:
            self._lock.release()

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction.

        Raises:
            StoreFailed: it failed and was rolled back.
        """
        begun = time.perf_counter()
        try:
            return await self._in_thread(self._transact, work)
        except DatabaseError as error:
            self.on_failure()
            raise StoreFailed(str(error.orig)) from error
        finally:
            self.on_transaction(time.perf_counter() - begun)

    async def write_last_run(self, count: int) -> None:
        """Write the count of intended messages beside the database (`bot.store.unconfirmed`).

        Raises:
            StoreFailed: it could not be written.
        """
        try:
            await self._in_thread(write_last_run, self.path, count)
        except OSError as error:
            self.on_failure()
            raise StoreFailed(f"{last_run_file(self.path)} cannot be written ({error.strerror})") from error

    async def try_to_write(self) -> None:
        """Test whether the file can be written, by rewriting a value in it.

        Raises:
            StoreFailed: it cannot.
        """
        await self.run(_rewrite_version)

    async def _in_thread(self, work: Callable[..., T], *args: Any) -> T:
        if self._executor is None:
            return work(*args)
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *args)

    def _transact(self, work: Callable[[Connection], T]) -> T:
        if self._engine is None:
            raise StoreFailed("the database is closed")
        with self._engine.begin() as connection:
            return work(connection)

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
                _migrate(connection, self.path)
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


def sqlite_path(url: str) -> Path:
    """Return the file that a `sqlite:///path` URL names.

    Raises:
        ValueError: the URL names another kind of database, or none; the text says what is needed.
    """
    rule = "must look like sqlite:///data/bot.db (other databases are not supported)"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(rule) from None
    if parsed.drivername != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise ValueError(rule)
    if parsed.host or parsed.query:
        raise ValueError(rule)
    return Path(parsed.database)


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # _begin_immediately begins transactions
    connection.create_function("lower", 1, _lower, deterministic=True)
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if names and VERSION_TABLE not in names:  # not ours: keep its journal mode; _migrate refuses it
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


def _rewrite_version(connection: Connection) -> None:
    connection.execute(text("UPDATE alembic_version SET version_num = version_num"))


def _migrate(connection: Connection, path: Path) -> None:
    tables = inspect(connection).get_table_names()
    version = None
    if VERSION_TABLE in tables:
        version = connection.scalar(text("SELECT version_num FROM alembic_version"))
    elif tables:
        raise StoreUnusable(f"{path} is another program's database: set DATABASE_URL to a file of its own")
    if version == HEAD:
        _rewrite_version(connection)  # SQLite also opens files that it may not write
        return
    # Imported here: a start without a migration does not need it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    log.info("migrating the database to version %s", HEAD, extra={"version": version or "none"})
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, HEAD)
    except CommandError:
        raise StoreUnusable(
            f"{path} was written by a newer version of this bot ({version}): "
            "run that version, or restore a backup"
        ) from None
