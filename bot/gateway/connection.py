"""One shard's connection to Discord's gateway, from its first HELLO until the bot stops.

discord.py waits for READY forever and starts any number of sessions, although a token may start only 1,000 a
day. So a shard's life is one loop here: connect, listen, pause, connect again. It resumes its session
(RESUME, which costs nothing and replays missed events) until Discord ends that session or leaves two RESUMEs
unanswered. Only then does it start a new one (IDENTIFY), within the budget of `identify`.

The loop relies on three interfaces of discord.py 2.7: `DiscordWebSocket`, whose steps are awaited here;
`Shard`, which the client only closes and asks for its latency; and the `terminate` item of the client's
queue. The `resume`, `identify` and `reconnect` items, with which discord.py reconnects, are never used.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final

import discord
from discord.errors import ConnectionClosed
from discord.gateway import ReconnectWebSocket
from discord.shard import EventItem, EventType, Shard

from bot.core.backoff import exponential_backoff
from bot.gateway.identify import IdentifyBudget
from bot.gateway.websocket import GatewaySocket

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 120.0
"""How long connecting may take. This is longer than discord.py's 60 s for HELLO because cancelling it during
that wait would leave the websocket open."""
READY_WAITS: Final = (120.0, 240.0, 480.0, 960.0, 1_800.0)
"""How long to wait for READY, by how many times in a row it did not come."""
HELD_SECONDS: Final = 60.0
"""After a connection that lasted this long, the bot reconnects without delay."""
LONGEST_PAUSE: Final = 60.0
RESUMES_UNANSWERED: Final = 2
"""The session is given up after so many unanswered RESUMEs in a row."""
LASTING: Final = 2
"""Failed connections are logged from this many in a row."""
SESSION_OVER: Final = {4003, 4007, 4009}
"""Close codes after which Discord wants a new session (documentation, "Gateway Close Event Codes")."""
TOKEN_REFUSED: Final = 4004
FATAL: Final = {TOKEN_REFUSED, 4010, 4011, 4012, 4013, 4014}
"""Close codes after which reconnecting cannot help."""


class GatewayRefused(Exception):
    """Discord's gateway closed the connection with a code that makes reconnecting useless."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code: Final = code


class _NotReady(Exception):
    """IDENTIFY or RESUME was not answered in time."""


class GatewayShard(Shard):
    """Connects, listens, and connects again until the client is closed.

    `on_change` is called when the shard is connected, and when it no longer is.
    """

    def __init__(
        self,
        client: discord.AutoShardedClient,
        shard_id: int,
        queue_put: Callable[[EventItem], None],
        budget: IdentifyBudget,
        on_change: Callable[[], None],
    ) -> None:
        super().__init__(None, client, queue_put)  # type: ignore[arg-type]  # `open` gives it a socket
        self.ws: GatewaySocket | None  # type: ignore[assignment]
        self._shard_id: Final = shard_id
        self._budget: Final = budget
        self._on_change: Final = on_change
        self._failures = 0
        """Failed connections in a row."""
        self.unanswered = 0
        """IDENTIFYs or RESUMEs in a row not answered in time."""

    @property
    def connected(self) -> bool:
        return self.ws is not None and self.ws.open and self.ws.established

    async def open(self, *, initial: bool = False) -> None:
        """Connect, retrying until it works: with RESUME if there is a session, else with IDENTIFY.

        Raises:
            GatewayRefused: it can never work.
        """
        while True:
            await asyncio.sleep(self._pause())
            resuming = self.ws is not None and bool(self.ws.session_id)
            if not resuming:  # RESUMEs are free; an IDENTIFY must be sent soon after this wait
                await self._budget.wait(self._shard_id)
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
                    # Reset before `_lost` counts this failure: one broken connection an hour is harmless.
                    if asyncio.get_running_loop().time() - began >= HELD_SECONDS and self.unanswered == 0:
                        self._failures = 0
                    self._lost(error)
                    self._on_change()
                await self.open()
        except Exception as error:
            self._queue_put(EventItem(EventType.terminate, self, error))

    async def _connected(self, *, resuming: bool, initial: bool) -> GatewaySocket:
        old = self.ws
        if old is None or not resuming:
            return await GatewaySocket.from_client(self._client, initial=initial, shard_id=self._shard_id)
        return await GatewaySocket.from_client(
            self._client,
            # If the resume URL keeps failing, use the regular gateway, which may still be reachable.
            gateway=old.gateway if self._failures <= LASTING else None,
            shard_id=self._shard_id,
            session=old.session_id,
            sequence=old.sequence,
            resume=True,
        )

    async def _listen(self) -> None:
        """Receive events until the connection ends, which always raises an exception.

        Only the wait for READY has a time limit: an established connection may be silent.
        """
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
                if self._failures >= LASTING or self.unanswered:
                    log.info("the gateway is connected again", extra={"shard": self._shard_id})
                self.unanswered = 0
                self._on_change()

    def _lost(self, error: Exception) -> None:
        """Record why a connection ended or failed; drop its session if that cannot be resumed.

        Raises:
            GatewayRefused: reconnecting cannot help.
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
                "the gateway's connections keep failing", extra={"shard": self._shard_id, "reason": reason}
            )
        if self.ws is None:
            return
        refused = isinstance(error, ReconnectWebSocket) and not error.resume
        over = self.ws.socket.close_code in SESSION_OVER
        if refused or over or self.unanswered >= RESUMES_UNANSWERED:
            self.ws.session_id = None

    def _pause(self) -> float:
        """Return the delay in seconds before the next connection; 0 if the last one lasted."""
        if not self._failures:
            return 0.0
        longest = exponential_backoff(self._failures, 1.0, LONGEST_PAUSE)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 no secret


def ready_wait(unanswered: int) -> float:
    """Return how long to wait for READY after it did not come `unanswered` times in a row."""
    return READY_WAITS[min(unanswered, len(READY_WAITS) - 1)]
