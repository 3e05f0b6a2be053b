"""Discord's gateway: streams that outlive their connections, numbered events, resuming, misbehaviour.

A stream keeps its events so that RESUME can replay what was missed. Frames are plain JSON text, which
discord.py reads whatever compression it requested.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal

from aiohttp import WSMsgType, web

from .guild import Guild
from .ids import Json, snowflake_time
from .stream import Connection, Stream
from .world import World

HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALIDATED, HELLO, ACK = 1, 2, 6, 7, 9, 10, 11
IGNORED = {3, 4, 8}
ACK_SECONDS = 0.02
UNKNOWN_OP, DECODE_ERROR, NOT_AUTHENTICATED, BAD_TOKEN, ALREADY_AUTHENTICATED = 4001, 4002, 4003, 4004, 4005
BAD_SEQUENCE, BAD_SHARD = 4007, 4010


class Gateway:
    """The websocket side. `down` refuses new connections (503); `acks_heartbeats` can be switched off.

    With `says_ready` False it accepts IDENTIFY and RESUME and acknowledges heartbeats, but never sends READY
    (discord.py#7501). `closes_with` closes each connection after its IDENTIFY; `ends_sessions` invalidates
    each session as soon as it is ready. `hello` and `edit_ready` change what is sent.

    An IDENTIFY that comes within `identify_seconds` of another one of its bucket gets INVALIDATED;
    buckets are shard numbers modulo `World.max_concurrency` (discord-api-docs#1328, #1621).

    Several sessions may have the same shard. Each gets all of its events, by the documentation and by most
    who have tried it (discord-api-docs#1524, #6853; NousResearch/hermes-agent#7). `delivers_to` can be set to
    what others report: only one of the connected ones gets any (drpedapati/sciclaw#73), and it is not the new
    one (openabdev/openab#455).
    """

    def __init__(self, world: World, heartbeat_seconds: float) -> None:
        self.world = world
        self.heartbeat_seconds = heartbeat_seconds
        self.streams: dict[str, Stream] = {}
        self.connections: list[Connection] = []
        self.down = False
        self.acks_heartbeats = True
        self.says_ready = True
        self.closes_with: int | None = None
        self.ends_sessions = False
        self.hello: Any = {"heartbeat_interval": int(heartbeat_seconds * 1000), "_trace": []}
        self.edit_ready: Callable[[Json], Any] = lambda ready: ready
        self.identifies = self.resumes = self.heartbeats = 0
        self.identifies_refused = 0
        self.identified_at: list[float] = []
        self.identify_seconds = 0.0
        self.delivers_to: Literal["all", "oldest", "newest"] = "all"
        self._last_identify: dict[int, float] = {}
        """When the last IDENTIFY of each bucket came."""
        world.emit = self.emit

    def emit(self, event: str, data: Json, guild: Guild | None) -> None:
        """Send an event to every stream whose shard receives it."""
        if guild is None or guild.bot_present or (guild.has_commands and event == "INTERACTION_CREATE"):
            for stream in self._receivers(guild):
                stream.dispatch(event, data)
        self.world.pulse.notify()

    def _receivers(self, guild: Guild | None) -> list[Stream]:
        receivers = [stream for stream in self.streams.values() if stream.receives(guild)]
        connected = [stream for stream in receivers if stream.connection is not None]
        if self.delivers_to == "all" or not connected:
            return receivers
        return connected[:1] if self.delivers_to == "oldest" else connected[-1:]

    @property
    def ready(self) -> bool:
        return any(stream.connection for stream in self.streams.values())

    async def handle(self, raw: web.Request) -> web.StreamResponse:
        """Serve one connection of the bot."""
        if self.down:
            return web.Response(status=503, text="no available server")
        socket = web.WebSocketResponse(max_msg_size=0, timeout=0.2)
        await socket.prepare(raw)
        connection = Connection(socket, raw.transport)
        self.connections.append(connection)
        connection.send(HELLO, self.hello)
        pump = asyncio.create_task(connection.pump())
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._receive(connection, message.data)
        finally:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
            self._lose(connection, socket.close_code)
        return socket

    def _lose(self, connection: Connection, code: int | None) -> None:
        self.connections.remove(connection)
        stream = connection.stream
        if stream is not None and stream.connection is connection:
            stream.connection = None
            # "Initiating a Disconnect": closing with 1000 or 1001 invalidates the session.
            if code in {1000, 1001}:
                self.streams.pop(stream.id, None)
        self.world.pulse.notify()

    def _receive(self, connection: Connection, text: str) -> None:
        try:
            frame = json.loads(text)
            op, data = frame["op"], frame.get("d")
        except (ValueError, TypeError, KeyError):
            connection.close(DECODE_ERROR)
            return
        if op == HEARTBEAT:
            self.heartbeats += 1
            if self.acks_heartbeats:
                # Delayed as over a network: discord.py records the time of a heartbeat only after sending it,
                # and takes an acknowledgement that is faster for one of the previous heartbeat.
                asyncio.get_running_loop().call_later(ACK_SECONDS, connection.send, ACK)
        elif op in {IDENTIFY, RESUME}:
            if connection.stream is not None:
                connection.close(ALREADY_AUTHENTICATED)
            elif data.get("token", "").removeprefix("Bot ") != self.world.token:
                connection.close(BAD_TOKEN)
            elif op == IDENTIFY:
                self._identify(connection, data)
            else:
                self._resume(connection, data)
        elif connection.stream is None:
            connection.close(NOT_AUTHENTICATED)
        elif op not in IGNORED:
            connection.close(UNKNOWN_OP)
        self.world.pulse.notify()

    def _identify(self, connection: Connection, data: Json) -> None:
        number, count = data.get("shard") or (0, 1)
        if not 0 <= number < count:
            connection.close(BAD_SHARD)
            return
        self.identifies += 1
        self.world.identifies_left -= 1
        now, bucket = self.world.clock(), number % self.world.max_concurrency
        self.identified_at.append(now)
        if now - self._last_identify.get(bucket, -self.identify_seconds) < self.identify_seconds:
            self.identifies_refused += 1
            connection.send(INVALIDATED, data=False)
            return
        self._last_identify[bucket] = now
        if self.closes_with is not None:
            connection.close(self.closes_with)
            return
        if not self.says_ready:
            connection.stream = Stream("", (number, count))  # events go nowhere
            return
        stream = Stream(f"{self.world.ids():032x}", (number, count))
        self.streams[stream.id] = stream
        self._attach(stream, connection)
        guilds = [g for g in self.world.guilds.values() if g.bot_present and stream.receives(g)]
        stream.dispatch(
            "READY",
            self.edit_ready(
                {
                    "v": 10,
                    "user": {**self.world.bot.payload(), "verified": True, "mfa_enabled": True},
                    "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
                    "session_id": stream.id,
                    "resume_gateway_url": self.world.gateway_url,
                    "shard": [number, count],
                    "private_channels": [],
                    "application": {"id": str(self.world.application_id), "flags": 0},
                    "_trace": [f"simulated at {snowflake_time(self.world.ids())}"],
                }
            ),
        )
        for guild in guilds:
            if guild.available:
                stream.dispatch("GUILD_CREATE", {**guild.payload(), "unavailable": False})
        if self.ends_sessions:
            connection.send(INVALIDATED, data=False)
            del self.streams[stream.id]

    def _resume(self, connection: Connection, data: Json) -> None:
        stream = self.streams.get(data.get("session_id") or "")
        if stream is None:
            connection.send(INVALIDATED, data=False)
            return
        sequence = data.get("seq") or 0
        if sequence > len(stream.events):
            connection.close(BAD_SEQUENCE)
            return
        self.resumes += 1
        if not self.says_ready:
            connection.stream = Stream("", stream.shard)
            return
        for event in stream.events[sequence:]:
            connection.outbox.put_nowait(event)
        self._attach(stream, connection)
        stream.dispatch("RESUMED", {"_trace": []})

    def _attach(self, stream: Stream, connection: Connection) -> None:
        if stream.connection is not None:
            stream.connection.drop()
        stream.connection, connection.stream = connection, stream
