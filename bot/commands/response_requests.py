"""How an answer's requests are made: what they may raise, what they carry, and when they are made again."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
import discord

from bot.cards.results import URLS_FILE
from bot.core.delivery import Message
from bot.outbound.discord_errors import NOT_DISCORDS, ErrorAction, error_action

TRIES: Final = 3
TOKEN_SECONDS: Final = 30.0
"""How long a request through the interaction's token may take."""

RequestFailed = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError, *NOT_DISCORDS)
"""What a request to Discord may raise."""


def given(view: discord.ui.View | None) -> discord.ui.View:
    """Return a view as discord.py takes it: its sign for none is not None."""
    missing: discord.ui.View = discord.utils.MISSING
    return missing if view is None else view


def files_of(message: Message) -> list[discord.File]:
    if not message.urls_file:
        return []
    return [discord.File(io.BytesIO("\n".join((*message.urls_file, "")).encode()), URLS_FILE)]


async def tried_again(
    by_token: Callable[[], Awaitable[object]], by_the_bot: Callable[[], Awaitable[object]]
) -> None:
    """Make a request that does the same however often it is made, again where its answer was lost.

    A limit on the interaction's token can last for a day, and discord.py waits for it: after a while the
    bot's own token is used.
    """
    for tries_left in reversed(range(TRIES)):
        own = False
        try:
            try:
                async with asyncio.timeout(TOKEN_SECONDS):
                    await by_token()
            except TimeoutError:
                own = True
                async with asyncio.timeout(TOKEN_SECONDS):
                    await by_the_bot()
        except RequestFailed as error:
            if not tries_left or own or error_action(error) is not ErrorAction.RETRY:
                raise
            await asyncio.sleep(1.0)
        else:
            return
