"""A database as the rest of the bot sees it: transactions on one thread, and what their failures become.

`bot.store.sqlite` and `bot.store.postgres` are the two kinds. Everything else in this package is the same for
both, and `tests/store` holds both to it.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, Table, text
from sqlalchemy.exc import DatabaseError

from bot.store.errors import StoreError, StoreFailed

T = TypeVar("T")

TakeTurn = Callable[[str, float, int], Awaitable[float]]
"""Takes a turn of those that all processes of the bot share; returns the seconds until it may be used. It is
given a rate's name, the seconds between two turns, and how many there are together after a rest."""


class Database(ABC):
    """One database. With `executor` None all work runs inline, for simulations in virtual time."""

    upsert: Callable[[Table], Any]
    """Returns an INSERT that has ON CONFLICT, which each kind of database has of its own."""

    def __init__(self, executor: Executor | None) -> None:
        self._executor: Final = executor
        self._engine: Engine | None = None
        self.on_transaction: Callable[[float], object] = lambda _seconds: None
        """Gets the seconds that each transaction took, including its wait for others."""
        self.on_failure: Callable[[], object] = lambda: None
        """Called when a transaction has failed: perhaps the disk is full."""
        self.on_taken: Callable[[StoreError], object] = lambda _why: None
        """Called when the data is no longer this bot's: it can save nothing more, and has to end."""

    @property
    @abstractmethod
    def video_folder(self) -> Path:
        """Where videos wait for upload. The bot deletes everything in it."""

    @property
    def take_turn(self) -> TakeTurn | None:
        """What hands out turns at rates that several processes share; None where there is only one."""
        return None

    @abstractmethod
    async def open(self) -> None:
        """Keep other bots off the data, empty the video folder, open the data and migrate it.

        Raises:
            AnotherBot: a running bot holds the data.
            StoreUnusable: the data cannot be used; the text says what to do.
        """

    async def close(self) -> None:
        """Close the database, and let other bots have it."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await self._in_thread(engine.dispose)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction. It may run twice, if a connection was lost meanwhile.

        Raises:
            StoreFailed: it failed and was rolled back.
        """
        begun = time.perf_counter()
        try:
            return await self._in_thread(self.transact, work)
        except DatabaseError as error:
            self.on_failure()
            raise StoreFailed(str(error.orig).partition("\n")[0]) from error
        finally:
            self.on_transaction(time.perf_counter() - begun)

    def lock(self, connection: Connection, name: str) -> None:  # noqa: B027 a file has one process
        """Wait until no other process is in a transaction that has locked the same name.

        Lock names in the order of the alphabet, or two transactions may wait for each other.
        """

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, which changes the data of servers, in one transaction, as `run` does.

        Raises:
            StoreFailed: it failed and was rolled back.
        """
        return await self.run(work)

    async def write_last_run(self, count: int) -> None:  # noqa: B027 nothing to do for a server
        """Write the count of intended messages where a copy of the data would not have it.

        Only a file needs that (`bot.store.unconfirmed`).

        Raises:
            StoreFailed: it could not be written.
        """

    async def try_to_write(self) -> None:
        """Test whether the data can be written, by rewriting a value in it.

        Raises:
            StoreFailed: it cannot.
        """
        await self.run(rewrite_version)

    async def _in_thread(self, work: Callable[..., T], *args: Any) -> T:
        if self._executor is None:
            return work(*args)
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *args)

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction on this thread. Raises what the driver raises."""
        if self._engine is None:
            raise StoreFailed("the database is closed")
        with self._engine.begin() as connection:
            return work(connection)


def rewrite_version(connection: Connection) -> None:
    """Rewrite the version of the schema, which fails where nothing can be written."""
    connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
