"""PostgreSQL as a simulated bot meets it: read-only or away at times, and its sessions end at any time."""

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import Executor
from functools import cache
from typing import Any, Final

import psycopg
from simulation.crashes import CrashingDatabase, Disk, Link, Trap
from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import OperationalError

from bot.store.database import T
from bot.store.errors import StoreUnusable
from bot.store.postgres import PostgresDatabase
from bot.store.postgres_session import session_of

SLOW_SECONDS: Final = 1.0
ENDED: Final = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ANY(%s))"


class CrashingServer(CrashingDatabase, PostgresDatabase):
    """PostgreSQL: a broken disk leaves it read-only, and its sessions end at any time.

    A disk that is only full is the videos' own: the server has another.
    Hosted servers turn read-only when their disk is nearly full (Supabase: "Database size", read-only mode).
    An administrator's command or a failover ends sessions (57P01), and the answer to a commit may be lost.
    """

    def __init__(
        self, url: URL, trap: Trap, disk: Disk, rng: random.Random, link: Link, *, alone: bool
    ) -> None:
        super().__init__(url, None, alone=alone)
        self.trap, self.disk, self.link = trap, disk, link
        self.link.sessions.append(self._end_sessions)
        self._rng: Final = rng
        self._sessions: Final[list[int]] = []
        """The processes of the server that have served this one."""

    def _like_this(self, executor: Executor | None) -> PostgresDatabase:
        return ForLeases(self.url, self.trap, self.disk, self._rng, self.link, alone=self._alone)

    async def open(self) -> None:
        if self.link.is_away:
            raise StoreUnusable("the server is away")
        await super().open()

    def _begin_session(self, connection: psycopg.Connection[Any], record: object) -> None:
        # Not in virtual time: how soon the server notices the end of a session.
        _await_end(self.url, self._sessions)
        super()._begin_session(connection, record)
        self._sessions.append(connection.info.backend_pid)

    def _end_sessions(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
        _await_end(self.url, self._sessions)

    def transact(self, work: Callable[[Connection], T]) -> T:
        if self.link.is_dead or self.link.is_away:
            raise OperationalError("", None, psycopg.OperationalError("the server is away"))
        ends = self._rng.choices(("", "before", "within", "after"), (97, 1, 1, 1))[0]
        runs = 0

        def work_here(connection: Connection) -> T:
            nonlocal runs
            runs += 1
            if ends == "before" and runs == 1:
                session_of(connection).close()
            if self.disk.broken:
                connection.execute(text("SET TRANSACTION READ ONLY"))
            done = work(connection)
            if ends == "within" and runs == 1:
                connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
            return done

        done = super().transact(work_here)
        # A lost answer: the transaction was committed, and runs again.
        return super().transact(work_here) if ends == "after" else done


class ForLeases(CrashingServer):
    """The connection for leases, on which a round may take longer than what others do meanwhile."""

    async def run(self, work: Callable[[Connection], T]) -> T:
        if asyncio.get_running_loop().time() < self.link.slow_beats_until:
            await asyncio.sleep(SLOW_SECONDS)
        return await super().run(work)


@cache
def _administrator(url: URL) -> psycopg.Connection[Any]:
    arguments = url.translate_connect_args(username="user", database="dbname") | {"dbname": "postgres"}
    return psycopg.connect(**arguments, autocommit=True)


def _await_end(url: URL, sessions: list[int]) -> None:
    """Wait until the server has forgotten sessions that have ended; it takes a millisecond."""
    server = _administrator(url.set(database="postgres"))
    while server.execute(ENDED, (sessions,)).fetchone() != (True,):
        time.sleep(0.0005)
    sessions.clear()
