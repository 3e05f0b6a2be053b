"""What discord.py makes of the gateway's events: one that it cannot read is skipped, and ends nothing.

`ConnectionState.parsers` is discord.py's own table from an event's name to what reads it: each is wrapped.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

from discord.state import AutoShardedConnectionState

from bot.gateway.frames import snowflake
from bot.metrics import Metrics

log = logging.getLogger(__name__)

Parser = Callable[[Any], None]
GUILD_CREATE: Final = "GUILD_CREATE"


def guard(state: AutoShardedConnectionState[Any], metrics: Metrics | None) -> None:
    """Let no event end the client."""

    def guarded(event: str, parse: Parser) -> Parser:
        def skip(reason: str) -> None:
            log.warning(
                "an event of the gateway could not be read, skipped", extra={"event": event, "reason": reason}
            )
            if metrics is not None:
                metrics.gateway_skipped.inc()

        def parse_or_skip(data: Any) -> None:
            try:
                parse(data)
            except Exception as error:  # its text may quote the event
                skip(type(error).__name__)
                if event == GUILD_CREATE:
                    _note_guild(state, data)

        return parse_or_skip

    state.parsers = {event: guarded(event, parse) for event, parse in state.parsers.items()}


def _note_guild(state: AutoShardedConnectionState[Any], data: Any) -> None:
    """Remember at least that the bot is in a server of which nothing else could be read."""
    guild_id = snowflake(data.get("id")) if isinstance(data, dict) else None
    if guild_id is not None and state._get_guild(guild_id) is None:  # noqa: SLF001 part of the same seam
        state._add_guild_from_data({"id": str(guild_id), "unavailable": True})  # type: ignore[typeddict-item]  # noqa: SLF001
