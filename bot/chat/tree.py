"""The commands as Discord knows them, written there only when they have changed."""

import hashlib
import json
import logging

import discord
from discord import app_commands

from bot import words
from bot.chat.commands import Commands
from bot.store.store import Store

log = logging.getLogger(__name__)

Tree = app_commands.CommandTree[discord.Client]


def command_tree(client: discord.Client, commands: Commands) -> Tree:
    """Return the command tree: `/veo` and what it can do, in servers and in the bot's own DMs."""
    tree: Tree = app_commands.CommandTree(client)
    veo = app_commands.Group(
        name="veo",
        description=words.VEO_DESCRIPTION,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
    )

    @veo.command(name="status", description=words.STATUS_DESCRIPTION)
    @app_commands.describe(id=words.ID_DESCRIPTION)
    async def status(interaction: discord.Interaction, id: str) -> None:  # noqa: A002 the option's name
        await commands.run(interaction, lambda answer: commands.status(answer, id))

    @veo.command(name="watch", description=words.WATCH_DESCRIPTION)
    @app_commands.describe(id=words.ID_DESCRIPTION)
    async def watch(interaction: discord.Interaction, id: str) -> None:  # noqa: A002
        await commands.run(interaction, lambda answer: commands.watch(answer, id))

    @veo.command(name="stop", description=words.STOP_DESCRIPTION)
    @app_commands.describe(id=words.ID_DESCRIPTION)
    async def stop(interaction: discord.Interaction, id: str) -> None:  # noqa: A002
        await commands.run(interaction, lambda answer: commands.stop(answer, id))

    tree.add_command(veo)
    return tree


async def write_commands(tree: Tree, store: Store, place: str) -> None:
    """Write the commands to Discord if they have changed since; `place` tells one Discord from another.

    Raises:
        discord.DiscordException: Discord did not take them; what it knew stays.
    """
    payload = [command.to_dict(tree) for command in tree.get_commands()]
    digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
    key = f"commands {tree.client.application_id} {place}"
    if await store.remembered(key) == digest:
        log.debug("the commands are written already")
        return
    await tree.sync()
    await store.remember(key, digest)
    log.info("wrote the commands to Discord")
