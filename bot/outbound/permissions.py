"""Permissions: where the bot can post, and who may see what, by the interaction and the client's own state.

A card needs a server channel, with every permission that its result will need. Commands also work where the
bot cannot post, so a watch that Discord would later refuse to announce is refused here, before it begins.
"""

from datetime import UTC, datetime
from typing import Final

import discord

from bot import answers
from bot.messages import say
from bot.outbound.discord_errors import LOCKED

INVITED_WITH: Final = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
)
"""What the invite link asks for."""
NEEDED: Final = ("view_channel", "attach_files", "read_message_history")
"""Permissions without which a result could not be posted, whatever the kind of channel."""
UNKNOWN: Final = "unknown"
"""Discord refuses, and the client's own state does not explain why."""
VOICE: Final = (discord.ChannelType.voice, discord.ChannelType.stage_voice)


def invite_link(application_id: int) -> str:
    """Return the link that adds the bot to a server, with exactly the permissions it needs."""
    scopes = ("bot", "applications.commands")
    return discord.utils.oauth_url(application_id, permissions=INVITED_WITH, scopes=scopes)


def may_see(interaction: discord.Interaction, channel_id: int) -> bool:
    """Return whether the user of an interaction may see a channel of its server.

    A private thread is visible only from inside it. A channel that the client does not know is not shown.
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
    """Return why the bot cannot post in the interaction's channel and what to do, None if it can."""
    if interaction.guild_id is None:
        return say(language, answers.NEEDS_SERVER)
    # Installed for its commands alone, the bot is no member: READY does not list the server, and
    # `app_permissions` are those of @everyone (discord-api-docs#5316).
    guild = interaction.client.get_guild(interaction.guild_id)
    if guild is None:
        link = invite_link(interaction.application_id)
        return say(language, answers.NOT_INVITED, tasks=tasks, link=link)
    channel, allowed = interaction.channel, interaction.app_permissions
    if (
        isinstance(channel, discord.Thread)
        and channel.is_private()
        and not allowed.manage_threads
        # Discord tells a bot only of the private threads that it is in (JDA#2602).
        and guild.get_thread(channel.id) is None
    ):
        me = interaction.client.user
        bot = f"<@{interaction.application_id if me is None else me.id}>"  # old bots have an id of their own
        return say(language, answers.NOT_IN_THREAD, tasks=tasks, bot=bot)
    missing = [name for name in needed(channel) if not getattr(allowed, name)]
    if not missing:
        return None
    names = ", ".join(f"**{say(language, answers.PERMISSIONS[name])}**" for name in missing)
    return say(language, answers.MISSING_PERMISSIONS, tasks=tasks, permissions=names)


def needed(channel: object) -> tuple[str, ...]:
    """Return the permissions that a card and its result need in a channel."""
    if isinstance(channel, discord.Thread):
        # Only who may manage threads posts in a locked one (160005).
        locked = ("manage_threads",) if channel.locked else ()
        return (*NEEDED, "send_messages_in_threads", *locked)
    # The text of a voice channel is closed to those who may not connect (discord-api-docs#5111).
    voice = ("connect",) if getattr(channel, "type", None) in VOICE else ()
    return (*NEEDED, "send_messages", *voice)


def lacking(client: discord.Client, guild_id: int, channel_id: int, code: int, now: float) -> str:
    """Return the permissions that are missing, as Discord's API calls it, or another word for the reason.

    `code` is that of the refusal, `now` Unix seconds.
    """
    if code == LOCKED:
        return "locked_thread"
    guild = client.get_guild(guild_id)
    if guild is None:
        return "membership"
    if guild.me is None:  # the server is unavailable
        return UNKNOWN
    timeout = guild.me.timed_out_until
    if timeout is not None and timeout > datetime.fromtimestamp(now, UTC):
        return "timeout"
    channel = guild.get_channel_or_thread(channel_id)
    if channel is None:
        return "view_channel"
    allowed = channel.permissions_for(guild.me)
    missing = [name for name in needed(channel) if not getattr(allowed, name)]
    # Without permission to see a channel or send to it, the dependent permissions are missing as well.
    cause = [name for name in missing if name == "view_channel" or name.startswith("send_messages")]
    return "view_channel" if "view_channel" in cause else " ".join(cause or missing) or UNKNOWN
