"""`check --sync`: the commands written to Discord once more, whatever the bot believes to be there."""

import asyncio
from typing import Final

from bot.app import write_commands_again
from bot.chat.refusals import told
from bot.check.findings import Finding
from bot.config import Settings

SECONDS: Final = 60.0
"""discord.py tries again by itself where Discord is down."""


async def sync(settings: Settings) -> Finding:
    """Write the commands; what goes wrong is the finding."""
    try:
        async with asyncio.timeout(SECONDS):
            names = await write_commands_again(settings)
    except Exception as error:
        text = f"they could not be written ({told(error)}): mend what is wrong above, then try again"
        return Finding("commands", ok=False, text=text)
    return Finding("commands", ok=True, text=f"written again: {', '.join(names)}. Reload Discord to see them")
