"""The HTTP requests of a response: which errors they raise, how they are retried, what replaces refused text.

Kept apart from `response`, which decides what is sent and when.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import aiohttp
import discord

from bot.cards.text import CONTENT_LIMIT, plain
from bot.core.outcome import Message
from bot.outbound.discord_errors import NOT_DISCORDS, ErrorAction, error_action

T = TypeVar("T")

TRIES: Final = 3
TOKEN_SECONDS: Final = 30.0
"""How long a request through the interaction's token may take."""
ACKNOWLEDGED: Final = 40060
_LINK: Final = re.compile(r"<?(https?://[^\s<>]+)>?")

RequestFailed = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError, *NOT_DISCORDS)
"""What a request to Discord may raise."""


def refuses_content(error: BaseException) -> bool:
    """Return whether Discord refused a message's content: filtered links (240000) or an invalid form."""
    if not isinstance(error, discord.HTTPException):
        return False
    return error.status == 400 and error.code != ACKNOWLEDGED  # noqa: PLR2004


def without_markup(message: Message) -> Message:
    """Return a message as plain text; its links go into a file, so that none is lost."""
    links = tuple(_LINK.findall(message.content))
    lines = (_LINK.sub("", line).strip() for line in message.content.splitlines())
    text = "\n".join(plain(line, CONTENT_LIMIT) for line in lines if line)
    return Message(
        text[:CONTENT_LIMIT] or "…", message.mentions, (*links, *message.urls_file), message.error_file
    )


async def send_or_simplify(send: Callable[[Message], Awaitable[T]], message: Message) -> T:
    """Send a message; if Discord refuses its content, send it once more without markup."""
    try:
        return await send(message)
    except RequestFailed as error:
        if not refuses_content(error):
            raise
    return await send(without_markup(message))


async def repeat(by_token: Callable[[], Awaitable[object]], by_bot: Callable[[], Awaitable[object]]) -> None:
    """Make an idempotent request, and repeat it if its answer was lost.

    A rate limit on the interaction's token can last for a day, and discord.py waits for it. So after
    `TOKEN_SECONDS` the request is made with the bot's own token instead.
    """
    for tries_left in reversed(range(TRIES)):
        used_bot = False
        try:
            try:
                async with asyncio.timeout(TOKEN_SECONDS):
                    await by_token()
            except TimeoutError:
                used_bot = True
                async with asyncio.timeout(TOKEN_SECONDS):
                    await by_bot()
        except RequestFailed as error:
            if not tries_left or used_bot or error_action(error) is not ErrorAction.RETRY:
                raise
            await asyncio.sleep(1.0)
        else:
            return
