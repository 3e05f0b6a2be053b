"""Asks Discord for its gateway before anything else, until it answers: discord.py itself gives up."""

import asyncio
import logging
from typing import Final, NamedTuple

import aiohttp
from discord.gateway import DiscordWebSocket
from yarl import URL

from bot.core.backoff import exponential_backoff
from bot.gateway.traffic import Traffic

log = logging.getLogger(__name__)

LONGEST_PAUSE: Final = 60.0
"""Longest delay, in seconds, between attempts to reach Discord at startup."""
REQUEST_SECONDS: Final = 15.0
MOST_SHARDS: Final = 10_000


class TokenRefused(Exception):
    """Discord does not accept the bot's token."""


class Gateway(NamedTuple):
    """What Discord answered when it was asked for its gateway."""

    failure: str
    """Why it did not answer; empty if it did."""
    shards: int = 1
    """How many shards it recommends."""


async def reach(api_url: str, token: str, traffic: Traffic) -> Gateway:
    """Wait until Discord answers.

    discord.py itself gives up if Discord is down when the bot starts.

    Raises:
        TokenRefused: the token is wrong.
    """
    failures = 0
    while (gateway := await ask(api_url, token, traffic)).failure:
        if not failures:
            log.warning("Discord does not answer, retrying until it does", extra={"reason": gateway.failure})
        failures += 1
        await asyncio.sleep(exponential_backoff(failures, 1.0, LONGEST_PAUSE))
    if failures:
        log.info("Discord answers")
    return gateway


async def ask(api_url: str, token: str, traffic: Traffic, seconds: float = REQUEST_SECONDS) -> Gateway:
    """Ask Discord for the gateway; `traffic` counts the request, and learns Discord's time.

    Raises:
        TokenRefused: the token is wrong.
    """
    headers = {"Authorization": f"Bot {token}", "User-Agent": "DiscordBot (veo-watch-bot, 1)"}
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trace_configs=[traffic.trace]) as session,
            session.get(f"{api_url}/gateway/bot", headers=headers, allow_redirects=False) as response,
        ):
            if response.status == 401:  # noqa: PLR2004
                raise TokenRefused
            if response.status != 200:  # noqa: PLR2004
                return Gateway(f"status {response.status}")
            answer = await response.json(content_type=None)
            # discord.py connects here after an invalidated session, and sends the token.
            DiscordWebSocket.DEFAULT_GATEWAY = URL(str(answer["url"]))
            return Gateway("", recommended(answer.get("shards")))
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError, TypeError) as error:
        return Gateway(type(error).__name__)


def recommended(shards: object) -> int:
    """Return the number of shards that Discord recommends; 1 if that cannot be read."""
    return shards if type(shards) is int and 1 <= shards <= MOST_SHARDS else 1
