"""Where a card can be: in a channel of a server, with the permissions that a result will need."""

from typing import Final

import discord

from bot import words
from bot.words import say

NEEDED: Final = ("view_channel", "attach_files", "read_message_history")
"""Permissions without which a result could not be posted; sending depends on the kind of channel."""


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
