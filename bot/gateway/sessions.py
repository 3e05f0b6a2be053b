"""The turns in which shards begin sessions, within what Discord has left of them for the day."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Final

import discord

from bot.gateway.session_starts import LEAST_LEFT, SessionStarts
from bot.metrics import Metrics

log = logging.getLogger(__name__)

ASK_SECONDS: Final = 15.0
ASK_AGAIN_SECONDS: Final = 1_800.0
"""While Discord has too few left it is asked again after this, at the latest."""


class Sessions:
    """`fetch` asks Discord for its `session_start_limit`."""

    def __init__(
        self, fetch: Callable[[], Awaitable[discord.SessionStartLimits]], metrics: Metrics | None
    ) -> None:
        self._fetch: Final = fetch
        self._metrics: Final = metrics
        self._starts: Final = defaultdict[int, SessionStarts](SessionStarts)
        self._left: int | None = None
        """What Discord last said that it has left, less what was used since."""
        self.exhausted = False

    async def turn(self, shard_id: int) -> None:
        """Wait until a shard may send IDENTIFY."""
        loop = asyncio.get_running_loop()
        while True:
            if (wait := self._starts[shard_id].wait(loop.time())) > 0:
                await asyncio.sleep(wait)
                continue
            reset = await self._ask()
            if self._left is None or self._left >= LEAST_LEFT:
                self.exhausted = False
                return
            if not self.exhausted:
                log.error(
                    "Discord allows the bot too few sessions today, waiting until it allows more: something"
                    " reconnects all the time, perhaps another process with this token",
                    extra={"left": self._left},
                )
            self.exhausted = True
            await asyncio.sleep(min(max(1.0, reset), ASK_AGAIN_SECONDS))

    def note(self, shard_id: int) -> None:
        """Note that IDENTIFY is sent."""
        self._starts[shard_id].note(asyncio.get_running_loop().time())
        if self._left is not None:
            self._left -= 1
        if self._metrics is not None:
            self._metrics.gateway_identifies.inc()

    async def _ask(self) -> float:
        """Learn how many session starts are left; return the seconds until there are more.

        Where Discord does not say it, what it said before holds.
        """
        try:
            async with asyncio.timeout(ASK_SECONDS):
                limits = await self._fetch()
            remaining, reset = int(limits.remaining), limits.reset_after / 1000
        except Exception as error:
            log.info("how many sessions are left is not known", extra={"reason": type(error).__name__})
            return ASK_AGAIN_SECONDS
        self._left = remaining
        return reset
