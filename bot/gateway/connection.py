"""One shard's connection to Discord's gateway, from its first HELLO until the bot ends.

discord.py waits for READY for ever, begins sessions as often as it likes, and ends the client over a frame
that it cannot read. So a shard's life is one loop here: connect, listen, pause, connect again. It builds on
three seams of discord.py 2.7: `DiscordWebSocket`, of which each step is awaited here; `Shard`, which the
client itself only closes and asks for its latency; and the `terminate` item of the client's queue. The
queue's `resume`, `identify` and `reconnect` items, with which discord.py reconnects, are never put into it.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final, Protocol

import discord
from discord.errors import ConnectionClosed
from discord.gateway import ReconnectWebSocket
from discord.shard import EventItem, EventType, Shard

from bot.core.backoff import exponential_backoff
from bot.gateway.session_starts import ready_wait
from bot.gateway.websocket import Socket

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 120.0
"""How long a connection may take until it is used. Longer than discord.py waits for HELLO, which is 60 s:
cut off in that wait, the websocket would stay open."""
HELD_SECONDS: Final = 60.0
"""A connection that held so long was a good one: the next is made at once."""
LONGEST_PAUSE: Final = 60.0
RESUMES_UNANSWERED: Final = 2
"""RESUMEs in a row without an answer, after which the session is given up."""
LASTING: Final = 2
"""Connections in a row that did not hold, from which it is worth a line in the log."""
SESSION_OVER: Final = {4003, 4007, 4009}
"""Close codes after which Discord wants a new session (documentation, "Gateway Close Event Codes")."""
TOKEN_REFUSED: Final = 4004
FATAL: Final = {TOKEN_REFUSED, 4010, 4011, 4012, 4013, 4014}
"""Close codes after which the bot cannot come back by itself."""


class GatewayRefused(Exception):
    """Discord's gateway will never take the bot as it is."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code: Final = code
        """Its close code."""


class _NotReady(Exception):
    """Discord took IDENTIFY or RESUME, and did not answer it."""


class Gate(Protocol):
    """Decides for all shards when a session is begun, and hears of what became of it."""

    async def may_identify(self, shard_id: int) -> None:
        """Wait until a session may be begun."""

    def gateway_changed(self) -> None:
        """Note that a shard is connected now, or no longer."""


class GatewayShard(Shard):
    """Connects, listens, and connects again, until the client is closed."""

    def __init__(
        self,
        client: discord.AutoShardedClient,
        shard_id: int,
        queue_put: Callable[[EventItem], None],
        gate: Gate,
    ) -> None:
        super().__init__(None, client, queue_put)  # type: ignore[arg-type]  # `open` gives it a socket
        self.ws: Socket | None  # type: ignore[assignment]
        self._shard_id: Final = shard_id
        self._gate: Final = gate
        self._failures = 0
        """Connections in a row that did not hold."""
        self.unanswered = 0
        """IDENTIFYs or RESUMEs in a row that were not answered in time."""

    @property
    def connected(self) -> bool:
        return self.ws is not None and self.ws.open and self.ws.established

    async def open(self, *, initial: bool = False) -> None:
        """Connect, however often it takes, with RESUME where there is a session, else with IDENTIFY.

        Raises:
            GatewayRefused: it will never succeed.
        """
        while True:
            await asyncio.sleep(self._pause())
            resuming = self.ws is not None and bool(self.ws.session_id)
            if not resuming:
                await self._gate.may_identify(self._shard_id)
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    self.ws = await self._connected(resuming=resuming, initial=initial)
            except Exception as error:
                self._lost(error)
            else:
                return

    async def worker(self) -> None:
        try:
            while not self._client.is_closed():
                began = asyncio.get_running_loop().time()
                try:
                    await self._listen()
                except Exception as error:
                    if asyncio.get_running_loop().time() - began >= HELD_SECONDS and self.unanswered == 0:
                        self._failures = 0
                    self._lost(error)
                    self._gate.gateway_changed()
                await self.open()
        except Exception as error:
            self._queue_put(EventItem(EventType.terminate, self, error))

    async def _connected(self, *, resuming: bool, initial: bool) -> Socket:
        old = self.ws
        if old is None or not resuming:
            return await Socket.from_client(self._client, initial=initial, shard_id=self._shard_id)
        return await Socket.from_client(
            self._client,
            # Where a session is to be resumed may be out of reach while the rest is not.
            gateway=old.gateway if self._failures <= LASTING else None,
            shard_id=self._shard_id,
            session=old.session_id,
            sequence=old.sequence,
            resume=True,
        )

    async def _listen(self) -> None:
        """Take what the gateway sends; a connection always ends in an exception."""
        ready_by: float | None = asyncio.get_running_loop().time() + ready_wait(self.unanswered)
        while self.ws is not None:
            try:
                async with asyncio.timeout_at(ready_by):
                    await self.ws.poll_event()
            except TimeoutError:
                await self.ws.close()
                raise _NotReady from None
            if ready_by is not None and self.ws.established:
                ready_by = None
                self._note_answer()

    def _note_answer(self) -> None:
        if self._failures >= LASTING or self.unanswered:
            log.info("the gateway is connected again", extra={"shard": self._shard_id})
        self.unanswered = 0
        self._gate.gateway_changed()

    def _lost(self, error: Exception) -> None:
        """Note why a connection ended or was not made, and whether its session has ended with it.

        Raises:
            GatewayRefused: there will never be another.
        """
        if isinstance(error, ConnectionClosed) and error.code in FATAL:
            raise GatewayRefused(error.code) from None
        if isinstance(error, _NotReady):
            self.unanswered += 1
            log.warning(
                "Discord's gateway does not answer IDENTIFY or RESUME, connecting again",
                extra={"shard": self._shard_id, "next_wait_seconds": ready_wait(self.unanswered)},
            )
        else:
            self._failures += 1
        if self._failures == LASTING and not isinstance(error, _NotReady):
            reason = error.code if isinstance(error, ConnectionClosed) else type(error).__name__
            log.warning(
                "the gateway's connections do not hold", extra={"shard": self._shard_id, "reason": reason}
            )
        if self.ws is None:
            return
        refused = isinstance(error, ReconnectWebSocket) and not error.resume
        over = self.ws.socket.close_code in SESSION_OVER
        if refused or over or self.unanswered >= RESUMES_UNANSWERED:
            self.ws.session_id = None

    def _pause(self) -> float:
        """Return the seconds before the next connection: none after one that held."""
        if not self._failures:
            return 0.0
        longest = exponential_backoff(self._failures, 1.0, LONGEST_PAUSE)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 no secret
