"""When the bot may begin sessions with Discord's gateway (IDENTIFY).

More than 1,000 IDENTIFYs in a day reset the bot's token, and a failure after an IDENTIFY needs another one.
So each shard waits longer with every IDENTIFY and has a fixed number of them a day, and all shards stop while
Discord has few left. What was sent is kept in memory only: a process that is restarted all the time is bound
by Discord's own count alone, which every IDENTIFY asks for first.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import discord

from bot.metrics import Metrics

log = logging.getLogger(__name__)

HOUR: Final = 3_600.0
DAY: Final = 24 * HOUR
PAUSES: Final = (5.0, 15.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1_800.0)
"""Seconds from the newest IDENTIFY to the next, by how many there were in the last `REMEMBERED` seconds."""
REMEMBERED: Final = 4 * HOUR
MOST_A_DAY: Final = 55
"""IDENTIFYs of one shard."""
MOMENT: Final = 0.001
"""A shorter wait is none: a sleep that short may end before the clock has moved."""
LEAST_LEFT: Final = 50
"""Below this `session_start_limit.remaining` no session is begun: the operator may need the rest."""
ASK_SECONDS: Final = 15.0
ASK_AGAIN_SECONDS: Final = 1_800.0
"""While Discord has too few left, it is asked again after this at the latest."""


def identify_delay(sent: Sequence[float], now: float) -> float:
    """Return the seconds until a shard may send IDENTIFY; `sent` are the times of its last `MOST_A_DAY`."""
    if not sent:
        return 0.0
    recent = sum(1 for at in sent if now - at < REMEMBERED)
    earliest = sent[-1] + PAUSES[min(recent, len(PAUSES)) - 1] if recent else 0.0
    if len(sent) == MOST_A_DAY:
        earliest = max(earliest, sent[0] + DAY)
    delay = earliest - now
    return delay if delay > MOMENT else 0.0


class IdentifyBudget:
    """Decides when a shard may begin a session. `fetch` asks Discord for its `session_start_limit`."""

    def __init__(self, fetch: Callable[[], Awaitable[discord.SessionStartLimits]], metrics: Metrics) -> None:
        self._fetch: Final = fetch
        self._metrics: Final = metrics
        self._sent: Final = defaultdict[int, deque[float]](lambda: deque(maxlen=MOST_A_DAY))
        """When each shard sent IDENTIFY, on the loop's clock."""
        self._left: int | None = None
        """What Discord last said it has left, less what was used since."""
        self.exhausted = False

    async def wait(self, shard_id: int) -> None:
        """Wait until a shard may send IDENTIFY."""
        loop = asyncio.get_running_loop()
        while True:
            if (delay := identify_delay(self._sent[shard_id], loop.time())) > 0:
                await asyncio.sleep(delay)
                continue
            reset = await self._ask()
            if self._left is None or self._left >= LEAST_LEFT:
                self.exhausted = False
                return
            if not self.exhausted:
                log.error(
                    "Discord allows too few sessions today, waiting: something reconnects all the time,"
                    " perhaps another process with this token",
                    extra={"left": self._left},
                )
            self.exhausted = True
            await asyncio.sleep(min(max(1.0, reset), ASK_AGAIN_SECONDS))

    def spend(self, shard_id: int) -> None:
        """Count an IDENTIFY that is being sent."""
        self._sent[shard_id].append(asyncio.get_running_loop().time())
        if self._left is not None:
            self._left -= 1
        self._metrics.gateway_identifies.inc()

    async def _ask(self) -> float:
        """Ask how many session starts are left; return the seconds until there are more.

        If Discord does not answer, its last answer holds.
        """
        try:
            async with asyncio.timeout(ASK_SECONDS):
                limits = await self._fetch()
            remaining, reset = int(limits.remaining), limits.reset_after / 1000
        except Exception as error:
            log.info("could not ask how many sessions are left", extra={"reason": type(error).__name__})
            return ASK_AGAIN_SECONDS
        self._left = remaining
        return reset
