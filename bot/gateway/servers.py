"""Which servers the gateway's present session knows: what decides whether "unknown channel" is the truth.

READY names every server of a shard, each unavailable until its GUILD_CREATE; GUILD_DELETE says `unavailable`
in an outage and nothing else when the bot was removed. discord.py's sharded client keeps servers that a new
READY no longer names, so READY is read here as well.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Final

import discord
from discord.state import ConnectionState


class ServerState(Enum):
    """What the gateway says of a server."""

    UNKNOWN = auto()
    """There was no READY yet, or the connection of its shard is lost."""
    AVAILABLE = auto()
    UNAVAILABLE = auto()
    """In an outage, or still to be sent after READY."""
    GONE = auto()
    """The bot is not in it."""


class Servers:
    """Reads READY of `connection`; `connected` tells whether a shard's session is there, and hears all."""

    def __init__(self, connection: ConnectionState[Any], connected: Callable[[int], bool]) -> None:
        self._connection: Final = connection
        self._connected: Final = connected
        self._parse: Final = connection.parsers["READY"]
        connection.parsers["READY"] = self._ready

    def state(self, server_id: int) -> ServerState:
        if not self._connected((server_id >> 22) % (self._connection.shard_count or 1)):
            return ServerState.UNKNOWN
        server = self._connection._get_guild(server_id)  # noqa: SLF001 as Client.get_guild
        if server is None:
            return ServerState.GONE
        return ServerState.UNAVAILABLE if server.unavailable else ServerState.AVAILABLE

    def _ready(self, data: Any) -> None:
        self._parse(data)  # raises where it is no READY
        shard_id = data["shard"][0]
        named = {int(server["id"]) for server in data["guilds"]}
        stale: list[discord.Guild] = [
            server
            for server in self._connection.guilds
            if server.shard_id == shard_id and server.id not in named
        ]
        for server in stale:
            self._connection._remove_guild(server)  # noqa: SLF001 as after GUILD_DELETE
