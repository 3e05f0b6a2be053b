"""A gateway stream with its numbered events, and the connection that it has for the moment."""

import asyncio
import json
from typing import Any

from aiohttp import web

from .guild import Guild

DISPATCH = 0


class Stream:
    """One IDENTIFY and all events since; `connection` is None while the bot is away."""

    def __init__(self, stream_id: str, shard: tuple[int, int]) -> None:
        self.id = stream_id
        self.shard = shard
        self.events: list[str] = []
        self.connection: Connection | None = None

    def sees(self, guild: Guild | None) -> bool:
        """Tell whether a server belongs to this shard; direct conversations belong to the first."""
        number, count = self.shard
        return number == (0 if guild is None else (guild.id >> 22) % count)

    def dispatch(self, event: str, data: Any) -> None:
        """Number an event, keep it, and send it if the bot is there."""
        frame = {"op": DISPATCH, "t": event, "s": len(self.events) + 1, "d": data}
        self.events.append(json.dumps(frame))
        if self.connection is not None:
            self.connection.outbox.put_nowait(self.events[-1])


class Connection:
    """One websocket; frames go out in order through a queue, so that nobody waits to send."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.socket = socket
        self.transport = transport
        self.outbox: asyncio.Queue[str | bytes | int] = asyncio.Queue()
        self.stream: Stream | None = None

    def send(self, op: int, data: Any = None) -> None:
        self.outbox.put_nowait(json.dumps({"op": op, "t": None, "s": None, "d": data}))

    def close(self, code: int) -> None:
        """Close after all that is queued."""
        self.outbox.put_nowait(code)

    def drop(self) -> None:
        """Cut the TCP connection."""
        if self.transport is not None:
            self.transport.abort()

    async def pump(self) -> None:
        """Send what is queued until the connection is over."""
        while True:
            item = await self.outbox.get()
            if isinstance(item, int):
                await self.socket.close(code=item)
                return
            try:
                if isinstance(item, bytes):
                    await self.socket.send_bytes(item)
                else:
                    await self.socket.send_str(item)
            except ConnectionError:
                return
