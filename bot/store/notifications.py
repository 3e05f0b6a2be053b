"""Hints between the processes on one PostgreSQL: what has just been committed, so that nobody waits for it.

A notification may be lost with a connection. Whatever it would start happens a round later anyway.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import psycopg
from sqlalchemy import URL, Connection, func, select

from bot.core.backoff import exponential_backoff
from bot.store.postgres_session import arguments_for

log = logging.getLogger(__name__)

CHANNEL: Final = "veo_watch_bot"
FREE: Final = "free"
"""A shard is free: whoever has too few takes it at once."""
TASK: Final = "task "
"""Begins the payload for a task: who watches it has changed, or what its poll found."""
SENT: Final = "notifications"
"""Where a connection keeps the payloads of its transaction."""


# Whoever only listens is idle for long. PostgreSQL has the limit since version 14.
_STAY_IDLE: Final = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
LONGEST_PAUSE: Final = 30.0
"""Seconds between two attempts to connect."""


def notify(connection: Connection, payload: str) -> None:
    """Have all processes notified when the transaction is committed."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(CHANNEL, payload)))
    connection.info.setdefault(SENT, []).append(payload)


class Notifications:
    """Calls `on_payload` in the event loop for each notification, the process's own included."""

    def __init__(self, url: URL, on_payload: Callable[[str], object]) -> None:
        self._url: Final = url
        self._on_payload: Final = on_payload
        self.listening: Final = asyncio.Event()
        """Set while notifications arrive."""

    async def run(self) -> None:
        """Listen, reconnecting after each failure, until cancelled."""
        failures = 0
        while True:
            try:
                await self._listen()
            except psycopg.Error as error:
                failures = 1 if self.listening.is_set() else failures + 1
                self.listening.clear()
                if failures == 1:
                    reason = str(error).partition("\n")[0]
                    log.warning("not notified by other processes any more", extra={"reason": reason})
            await asyncio.sleep(exponential_backoff(failures, 0.5, LONGEST_PAUSE))

    async def _listen(self) -> None:
        positional, named = self._url.get_dialect()().create_connect_args(self._url)
        arguments = {**named, **arguments_for(self._url), "application_name": "veo-watch-bot listening"}
        async with await psycopg.AsyncConnection.connect(
            *positional, **arguments, autocommit=True
        ) as connection:
            await connection.execute(_STAY_IDLE)
            await connection.execute(f"LISTEN {CHANNEL}".encode())
            self.listening.set()
            async for notification in connection.notifies():
                self._on_payload(notification.payload)
