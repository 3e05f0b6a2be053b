"""The database file: opened for one bot alone, brought to the newest schema, and run on one thread.

SQLite keeps a commit through a power cut only with `synchronous=FULL`; every transaction begins IMMEDIATE, so
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

from bot.store.errors import StoreFailed, StoreUnusable
from bot.store.last_run import LastRun
from bot.store.lock import lock_of, take
from bot.store.ownership import refused, whose
from bot.store.readonly import advice_for
from bot.store.replaced import is_newer_than_its_log
from bot.store.schema import HEAD, MIGRATIONS
from bot.store.unconfirmed import mark_unconfirmed, read_intents, skip_ahead
from bot.store.video_folder import empty_beside

log = logging.getLogger(__name__)

VERSION_TABLE: Final = "alembic_version"

_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000")

T = TypeVar("T")


class Database:
    """One SQLite file. With `executor` None the work runs inline: for simulations in virtual time."""

    def __init__(self, path: Path, executor: Executor | None) -> None:
        self.path: Final = path.resolve()
        self._executor: Final = executor
        self._lock: Final = lock_of(self.path)
        self._mark: Final = LastRun(self.path)
        self._engine: Engine | None = None
        self.on_transaction: Callable[[float], object] = lambda _seconds: None
        """Gets how long each transaction took, its wait for others included."""
        self.on_failure: Callable[[], object] = lambda: None
        """Called when a transaction has failed: perhaps the disk is full."""

    async def open(self) -> None:
        """Take the lock, make room by emptying the videos' folder, open the file and migrate it.

        Raises:
            AnotherBot: a running bot holds the data.
            StoreUnusable: the folder or the file cannot be used; the text says what to do.
        """
        if closed := refused(self.path):
            why = whose(closed, self.path)
            raise StoreUnusable(f"{closed[0]} cannot be written: {why}")
        if self.path.is_dir():
            raise StoreUnusable(f"{self.path} is a folder: set DATABASE_URL to a file in it")
        self._take_lock()
        try:
            await self._call(empty_beside, self.path)
            await self._call(self._open)
        except BaseException:
            self._lock.release()
            raise

    async def close(self) -> None:
        """Close the file and let another bot have it."""
        engine, self._engine = self._engine, None
        try:
            if engine is not None:
                await self._call(engine.dispose)
        finally:
            self._lock.release()

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction.

        Raises:
            StoreFailed: it could not be done; nothing of it has happened.
        """
        begun = time.perf_counter()
        try:
            return await self._call(self._transact, work)
        except DatabaseError as error:
            self.on_failure()
            raise StoreFailed(str(error.orig)) from error
        finally:
            self.on_transaction(time.perf_counter() - begun)

    async def note_intent(self, count: int) -> None:
        """Note beside the data how far it has come (`bot.store.last_run`).

        Raises:
            StoreFailed: it could not be noted.
        """
        try:
            await self._call(self._mark.write, count)
        except OSError as error:
            self.on_failure()
            raise StoreFailed(f"{self._mark.path} cannot be written ({error.strerror})") from error

    async def try_to_write(self) -> None:
        """Write what is there already.

        Raises:
            StoreFailed: the file takes no writes.
        """
        await self.run(_write_the_version_again)

    async def _call(self, work: Callable[..., T], *args: Any) -> T:
        if self._executor is None:
            return work(*args)
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *args)

    def _transact(self, work: Callable[[Connection], T]) -> T:
        if self._engine is None:
            raise StoreFailed("the database is closed")
        with self._engine.begin() as connection:
            return work(connection)

    def _take_lock(self) -> None:
        folder = self.path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            take(self._lock, self.path)
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
                mark, known = self._mark.read(), read_intents(connection)
                copied = replaced or mark is None or known.number < mark
                if copied and mark_unconfirmed(connection, known.at):
                    log.warning(
                        "the data may not be that of the last run (was a file copied into its place?): "
                        "results are searched for in their channels before they are sent"
                    )
                count = skip_ahead(connection, mark)
            self._mark.write(count)
        except (DatabaseError, UnicodeError) as error:  # the second from names in a damaged file
            engine.dispose()
            cause = error.orig if isinstance(error, DatabaseError) else "it is damaged"
            advice = advice_for(cause)
            raise StoreUnusable(f"cannot use {self.path} as the database ({cause}): {advice}") from None
        except OSError as error:
            engine.dispose()
            why = f"{self._mark.path} cannot be written ({error.strerror})"
            raise StoreUnusable(f"{why}: make it a file that this user may write, or delete it") from None
        except BaseException:
            engine.dispose()
            raise
        self._engine = engine


def sqlite_path(url: str) -> Path:
    """Return the file that a `sqlite:///path` URL names.

    Raises:
        ValueError: the URL names another kind of database, or none; the text says what is wanted.
    """
    wanted = "must look like sqlite:///data/bot.db (other databases are not supported)"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(wanted) from None
    if parsed.drivername != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise ValueError(wanted)
    if parsed.host or parsed.query:
        raise ValueError(wanted)
    return Path(parsed.database)


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by hand, see below
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if names and VERSION_TABLE not in names:  # not ours: not even its journal is changed, `_migrate` refuses
        return
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediately(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _check(connection: Connection) -> None:
    """Look through the whole file, at the start, where it can be told: 25 ms for 10,000 watches."""
    if (found := connection.scalar(text("PRAGMA quick_check(1)"))) != "ok":
        raise DatabaseError("quick_check", None, sqlite3.DatabaseError(str(found).splitlines()[-1]))


def _write_the_version_again(connection: Connection) -> None:
    connection.execute(text("UPDATE alembic_version SET version_num = version_num"))


def _migrate(connection: Connection, path: Path) -> None:
    tables = inspect(connection).get_table_names()
    version = None
    if VERSION_TABLE in tables:
        version = connection.scalar(text("SELECT version_num FROM alembic_version"))
    elif tables:
        raise StoreUnusable(f"{path} is another program's database: set DATABASE_URL to a file of its own")
    if version == HEAD:
        _write_the_version_again(connection)  # SQLite opens a file that it may not write without a word
        return
    # Imported here because a start without a migration needs none of it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    log.info("bringing the database to version %s", HEAD, extra={"version": version or "none"})
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, HEAD)
    except CommandError:
        raise StoreUnusable(
            f"{path} was written by a newer version of this bot ({version}): "
            "run that version, or put a backup back"
        ) from None
