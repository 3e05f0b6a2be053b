"""Declares the slash commands and the message menu, and registers them with Discord when they have changed.

To add a command, add a function in `command_tree`, a method of `Commands` (`bot.commands.slash`), and its
sentences in `bot.messages`.

Descriptions and menu names are translated. Command names such as `/veo watch` are not: our messages and other
people refer to them, and Discord's search finds no subcommands of a localised name.
"""

import hashlib
import json
import logging

import discord
from discord import app_commands

from bot import messages
from bot.clock import WakeUp
from bot.commands.slash import Commands
from bot.core.names import NAME_LIMIT
from bot.messages import language_for, say
from bot.outbound.discord_errors import describe, retry_delay
from bot.store.store import Store

log = logging.getLogger(__name__)

Choice = app_commands.Choice[str]
# Long enough for a pasted `curl` command with its headers. Discord's own limit is 6,000 characters.
OneId = app_commands.Range[str, 1, 1_500]
RenderName = app_commands.Range[str, 1, NAME_LIMIT]
SeveralIds = app_commands.Range[str, 1, 4_000]


class CatalogueTranslator(app_commands.Translator):
    """Translates the texts of the command tree with our catalogues."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        _context: app_commands.TranslationContextTypes,
    ) -> str | None:
        translated = say(language_for(locale.value), string.message)
        return None if translated == string.message else translated


class Tree(app_commands.CommandTree[discord.Client]):
    """`commands` is set once the app is built; registering the commands does not need it."""

    commands: Commands


def command_tree(client: discord.Client) -> Tree:
    """Return the command tree: `/veo` and the message menu, in servers and in the bot's own DMs."""
    tree = Tree(client)
    veo = app_commands.Group(
        name="veo",
        description=messages.VEO_DESCRIPTION,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
    )

    async def one(interaction: discord.Interaction, typed: str) -> list[Choice]:
        return await tree.commands.autocomplete.one(interaction, typed)

    async def several(interaction: discord.Interaction, typed: str) -> list[Choice]:
        return await tree.commands.autocomplete.several(interaction, typed)

    async def stoppable(interaction: discord.Interaction, typed: str) -> list[Choice]:
        return await tree.commands.autocomplete.stoppable(interaction, typed)

    @veo.command(name="status", description=messages.STATUS_DESCRIPTION)
    @app_commands.describe(id=messages.ID_DESCRIPTION)
    @app_commands.autocomplete(id=one)
    async def status(interaction: discord.Interaction, id: OneId) -> None:  # noqa: A002 the option's name
        await tree.commands.run_on_id(interaction, id, tree.commands.status)

    @veo.command(name="watch", description=messages.WATCH_DESCRIPTION)
    @app_commands.describe(id=messages.IDS_DESCRIPTION, name=messages.NAME_DESCRIPTION)
    @app_commands.autocomplete(id=several)
    async def watch(
        interaction: discord.Interaction,
        id: SeveralIds,  # noqa: A002
        name: RenderName = "",
    ) -> None:
        await tree.commands.run(interaction, lambda response: tree.commands.watch.typed(response, id, name))

    @veo.command(name="list", description=messages.LIST_DESCRIPTION)
    async def show_list(interaction: discord.Interaction) -> None:
        await tree.commands.run(interaction, tree.commands.listing.show)

    @veo.command(name="stop", description=messages.STOP_DESCRIPTION)
    @app_commands.describe(id=messages.ID_DESCRIPTION)
    @app_commands.autocomplete(id=stoppable)
    async def stop(interaction: discord.Interaction, id: OneId) -> None:  # noqa: A002
        await tree.commands.run_on_id(interaction, id, tree.commands.stop)

    @tree.context_menu(name=messages.WATCH_MENU)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    async def watch_tasks(interaction: discord.Interaction, message: discord.Message) -> None:
        await tree.commands.run(interaction, lambda response: tree.commands.watch.found_in(response, message))

    tree.add_command(veo)
    return tree


async def keep_writing_commands(tree: Tree, store: Store, api_url: str, wake_up: WakeUp) -> None:
    """Register the commands with the Discord at `api_url` if they have changed; retry until it works."""
    tries = 0
    while True:
        try:
            await _write_commands(tree, store, api_url)
        except Exception as error:
            tries += 1
            refusal = {"refusal": describe(error), "tries": tries}
            log.warning("the commands could not be written to Discord, retrying", extra=refusal)
            await wake_up.sleep(retry_delay(error, tries))
        else:
            return


async def _write_commands(tree: Tree, store: Store, api_url: str) -> None:
    translator = CatalogueTranslator()
    await tree.set_translator(translator)
    payload = [await command.get_translated_payload(tree, translator) for command in tree.get_commands()]
    digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
    key = f"commands {tree.client.application_id} {api_url}"
    if await store.remembered(key) == digest:
        log.debug("the commands have not changed")
        return
    await tree.sync()
    await store.remember(key, digest)
    log.info("wrote the commands to Discord")


async def sync_commands(tree: Tree) -> list[str]:
    """Register the commands with Discord even if they are unchanged; return their names.

    Raises:
        discord.DiscordException: Discord refused them; the old ones stay.
    """
    await tree.set_translator(CatalogueTranslator())
    return [command.name for command in await tree.sync()]
