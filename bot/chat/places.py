"""Where a card can be, and who may know of it.

A card needs a channel of a server, with the permissions that a result will need.
"""

from typing import Final

import discord

from bot import words
from bot.words import say

NEEDED: Final = ("view_channel", "attach_files", "read_message_history")
"""Permissions without which a result could not be posted; sending depends on the kind of channel."""


def may_see(interaction: discord.Interaction, channel_id: int) -> bool:
    """Tell whether whoever used an interaction sees a channel of its server.

    A private thread only from inside itself; and what the client does not know, it does not show.
    """
    if channel_id == interaction.channel_id:
        return True
    guild, member = interaction.guild, interaction.user
    channel = None if guild is None else guild.get_channel_or_thread(channel_id)
    if channel is None or not isinstance(member, discord.Member):
        return False
    if isinstance(channel, discord.Thread) and (channel.is_private() or channel.parent is None):
        return False
    return channel.permissions_for(member).view_channel


def why_no_card(interaction: discord.Interaction, language: str, tasks: str) -> str | None:
    """Return why the place of an interaction cannot have a card, None if it can."""
    if interaction.guild_id is None:
        return say(language, words.NEEDS_SERVER)
    in_thread = isinstance(interaction.channel, discord.Thread)
    needed = (*NEEDED, "send_messages_in_threads" if in_thread else "send_messages")
    missing = [name for name in needed if not getattr(interaction.app_permissions, name)]
    if not missing:
        return None
    names = ", ".join(f"**{say(language, words.PERMISSIONS[name])}**" for name in missing)
    return say(language, words.MISSING_PERMISSIONS, tasks=tasks, permissions=names)
