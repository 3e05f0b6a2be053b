"""Rates that all processes on one PostgreSQL share: a row for each, which hands out one turn after another.

The server's clock alone counts, so that no two machines' clocks are compared. Turns have a connection of
their own: behind the commits of a thousand ends, a turn would wait for seconds. Their table is not logged and
nothing else is written, so that they wait for no disk. Each is one statement without a transaction around it,
so that no process can hold up the others.
"""

import asyncio
import logging
from typing import Any, Final

import psycopg
from sqlalchemy import URL

from bot.store.errors import StoreFailed
from bot.store.postgres_session import arguments_for

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 0.5
SET_BACK_SECONDS: Final = 1.0
"""If the server's clock is so much behind the newest turn's, it was set back: begin again."""

# GCRA: a turn moves `next_at` on by a gap, and may be used `at_once` - 1 gaps before it is due.
_TAKE: Final = """
    INSERT INTO turns AS t (name, next_at, taken_at)
    VALUES (%(name)s, extract(epoch FROM clock_timestamp()) + %(gap)s, extract(epoch FROM clock_timestamp()))
    ON CONFLICT (name) DO UPDATE SET taken_at = excluded.taken_at, next_at = %(gap)s + greatest(
        CASE WHEN extract(epoch FROM clock_timestamp()) > t.taken_at - %(set_back)s THEN t.next_at END,
        extract(epoch FROM clock_timestamp()))
    RETURNING next_at - %(gap)s * %(at_once)s - extract(epoch FROM clock_timestamp())
"""


class Turns:
    """Turns at any number of rates, each with a name. Use it in one event loop."""

    def __init__(self, url: URL) -> None:
        self._url: Final = url
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._using: Final = asyncio.Lock()
        self._away = False
        self._closed = False

    async def take(self, name: str, gap: float, at_once: int = 1) -> float:
        """Take a turn; return the seconds until it may be used. Waits for as long as the server is away.

        There is one turn every `gap` seconds, and after a rest as many together as `at_once` says.

        Raises:
            StoreFailed: after `close`.
        """
        turn = {"name": name, "gap": gap, "at_once": at_once, "set_back": SET_BACK_SECONDS}
        while not self._closed:
            try:
                async with self._using:
                    wait = await self._take(turn)
            except psycopg.Error as error:
                if not self._away:
                    log.warning("PostgreSQL gives no turns, waiting", extra={"reason": type(error).__name__})
                self._away = True
                await asyncio.sleep(RETRY_SECONDS)
            else:
                if self._away:
                    log.info("PostgreSQL gives turns again")
                self._away = False
                return wait
        raise StoreFailed("the database is closed")

    async def close(self) -> None:
        """Close the connection; one in use is closed after that."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _take(self, turn: dict[str, object]) -> float:
        connection, self._connection = self._connection or await self._connect(), None
        try:
            [(wait,)] = await (await connection.execute(_TAKE, turn)).fetchall()
        except BaseException:  # also when cancelled: nobody knows what the connection waits for
            await connection.close()
            raise
        self._connection = connection
        if self._closed:
            await self.close()
        return max(0.0, float(wait))

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        positional, named = self._url.get_dialect()().create_connect_args(self._url)
        arguments = {**named, **arguments_for(self._url), "application_name": "veo-watch-bot turns"}
        return await psycopg.AsyncConnection.connect(*positional, **arguments, autocommit=True)
