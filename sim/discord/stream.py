"""A gateway stream with its numbered events, and its current connection."""

import asyncio
import json
from typing import Any

from aiohttp import web

from .guild import Guild

DISPATCH = 0


class Stream:
    """The session of one IDENTIFY with all its events; `connection` is None while disconnected."""

    def __init__(self, stream_id: str, shard: tuple[int, int]) -> None:
        self.id = stream_id
        self.shard = shard
        self.events: list[str] = []
        self.connection: Connection | None = None

    def receives(self, guild: Guild | None) -> bool:
        """Return whether a server belongs to this shard; direct conversations belong to shard 0."""
        number, count = self.shard
        return number == (0 if guild is None else (guild.id >> 22) % count)

    def dispatch(self, event: str, data: Any) -> None:
        """Number an event, keep it, and send it if the bot is connected."""
        frame = {"op": DISPATCH, "t": event, "s": len(self.events) + 1, "d": data}
        self.events.append(json.dumps(frame))
        if self.connection is not None:
            self.connection.outbox.put_nowait(self.events[-1])


class Connection:
    """One websocket; frames are sent in order through a queue, so that sending never blocks."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.socket = socket
        self.transport = transport
        self.outbox: asyncio.Queue[str | bytes | int] = asyncio.Queue()
        self.stream: Stream | None = None

    def send(self, op: int, data: Any = None) -> None:
        self.outbox.put_nowait(json.dumps({"op": op, "t": None, "s": None, "d": data}))

    def close(self, code: int) -> None:
        """Close once everything queued is sent."""
        self.outbox.put_nowait(code)

    def drop(self) -> None:
        """Cut the TCP connection."""
        if self.transport is not None:
            self.transport.abort()

    async def pump(self) -> None:
        """Send what is queued until the connection ends."""
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
