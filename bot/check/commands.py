"""`check --sync`: the commands written to Discord once more, whatever the bot believes to be there."""

import asyncio
from typing import Final

from bot.check.findings import Finding
from bot.commands.tree import command_tree, sync_commands
from bot.config import Settings
from bot.gateway.client import VeoBot, talk_to
from bot.outbound.discord_errors import describe

SECONDS: Final = 60.0
"""discord.py tries again by itself where Discord is down."""


async def sync(settings: Settings) -> Finding:
    """Write the commands; what goes wrong is the finding. It may run beside the bot."""
    talk_to(settings.discord_api_url)
    try:
        async with asyncio.timeout(SECONDS), VeoBot() as client:
            await client.login(settings.discord_token.get_secret_value())
            names = await sync_commands(command_tree(client))
    except Exception as error:
        text = f"they could not be written ({describe(error)}): mend what is wrong above, then try again"
        return Finding("commands", ok=False, text=text)
    return Finding("commands", ok=True, text=f"written again: {', '.join(names)}. Reload Discord to see them")
