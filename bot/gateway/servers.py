"""Keeps discord.py's cache of servers correct, and skips gateway events that cannot be parsed.

`ConnectionState.parsers` is discord.py's table from an event's name to the function that parses it. Each is
wrapped here, so that an unreadable event is skipped instead of ending the client.

Which servers are known decides whether Discord's "unknown channel" is believed. READY names every server of a
shard, each unavailable until its GUILD_CREATE. GUILD_DELETE says `unavailable` in an outage, but not if the
bot was removed. discord.py's sharded client keeps servers that a new READY no longer names; they are removed
here.
"""

import logging
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Final

from discord.state import AutoShardedConnectionState

from bot.gateway.websocket import snowflake
from bot.metrics import Metrics

log = logging.getLogger(__name__)

Parser = Callable[[Any], None]


class ServerState(Enum):
    """The state of a server according to the gateway."""

    UNKNOWN = auto()
    """There was no READY yet, or its shard is not connected."""
    AVAILABLE = auto()
    UNAVAILABLE = auto()
    """Its GUILD_CREATE has not come yet, or it has an outage."""
    GONE = auto()
    """The bot is not a member."""


class Servers:
    """Wraps the parsers of `state`. `connected` returns whether a shard receives all its events."""

    def __init__(
        self,
        state: AutoShardedConnectionState[Any],
        connected: Callable[[int], bool],
        metrics: Metrics,
    ) -> None:
        self._state: Final = state
        self._connected: Final = connected
        self._metrics: Final = metrics
        self._parse_ready: Final = state.parsers["READY"]
        parsers = {**state.parsers, "READY": self._ready}
        state.parsers = {event: self._guarded(event, parse) for event, parse in parsers.items()}

    def state(self, server_id: int) -> ServerState:
        if not self._connected((server_id >> 22) % (self._state.shard_count or 1)):
            return ServerState.UNKNOWN
        server = self._state._get_guild(server_id)  # noqa: SLF001 as Client.get_guild
        if server is None:
            return ServerState.GONE
        return ServerState.UNAVAILABLE if server.unavailable else ServerState.AVAILABLE

    def _guarded(self, event: str, parse: Parser) -> Parser:
        def parse_or_skip(data: Any) -> None:
            try:
                parse(data)
            except Exception as error:  # only its type is logged: its text may quote the event
                reason = {"event": event, "reason": type(error).__name__}
                log.warning("skipped a gateway event that could not be read", extra=reason)
                self._metrics.gateway_skipped.inc()
                if event == "GUILD_CREATE":
                    self._add_unreadable(data)

        return parse_or_skip

    def _add_unreadable(self, data: Any) -> None:
        """Add an unreadable server as unavailable, so that the bot still knows that it is a member."""
        guild_id = snowflake(data.get("id")) if isinstance(data, dict) else None
        if guild_id is not None and self._state._get_guild(guild_id) is None:  # noqa: SLF001
            stub: Any = {"id": str(guild_id), "unavailable": True}
            self._state._add_guild_from_data(stub)  # noqa: SLF001

    def _ready(self, data: Any) -> None:
        self._parse_ready(data)  # raises if it is no READY
        shard_id = data["shard"][0]
        listed = {int(server["id"]) for server in data["guilds"]}
        for server in list(self._state.guilds):
            if server.shard_id == shard_id and server.id not in listed:
                self._state._remove_guild(server)  # noqa: SLF001 as after GUILD_DELETE
