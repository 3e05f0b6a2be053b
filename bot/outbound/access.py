"""What keeps the bot out of a channel, by what the client knows: for people who can repair it."""

from datetime import UTC, datetime
from typing import Final

import discord

from bot.outbound.discord_errors import LOCKED
from bot.outbound.permissions import needed

UNKNOWN: Final = "unknown"
"""Discord refuses although the client sees no reason."""


def lacking(client: discord.Client, guild_id: int, channel_id: int, code: int, now: float) -> str:
    """Return the permissions that are missing, as Discord's API calls it, or another word for the reason.

    `code` is that of the refusal, `now` Unix seconds.
    """
    if code == LOCKED:
        return "locked_thread"
    guild = client.get_guild(guild_id)
    if guild is None:
        return "membership"
    timeout = guild.me.timed_out_until
    if timeout is not None and timeout > datetime.fromtimestamp(now, UTC):
        return "timeout"
    channel = guild.get_channel_or_thread(channel_id)
    if channel is None:
        return "view_channel"
    allowed = channel.permissions_for(guild.me)
    missing = [name for name in needed(channel) if not getattr(allowed, name)]
    # Who may not see a channel, or not send to it, lacks what follows from that as well.
    cause = [name for name in missing if name == "view_channel" or name.startswith("send_messages")]
    return "view_channel" if "view_channel" in cause else " ".join(cause or missing) or UNKNOWN
