"""Limits how often the bot starts sessions with Discord's gateway (IDENTIFY).

Discord resets a bot's token after 1,000 IDENTIFYs in a day, and each failure after an IDENTIFY costs another
one. So each shard waits longer after every IDENTIFY and may send a fixed number a day, and all shards stop
while Discord has few left. The count is kept in memory only. A process that keeps restarting is therefore
limited only by Discord's own count, which is requested before every IDENTIFY.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import discord

from bot.gateway.traffic import Traffic

log = logging.getLogger(__name__)

HOUR: Final = 3_600.0
DAY: Final = 24 * HOUR
PAUSES: Final = (5.0, 15.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1_800.0)
"""Seconds from one IDENTIFY to the next, by how many were sent in the last `REMEMBERED` seconds."""
REMEMBERED: Final = 4 * HOUR
MOST_A_DAY: Final = 55
"""IDENTIFYs of one shard."""
MOMENT: Final = 0.001
"""Shorter waits count as none: such a sleep may end before the clock has advanced."""
IDENTIFY_SECONDS: Final = 5.5
"""Seconds between two IDENTIFYs, of whichever processes, with the same shard number modulo `max_concurrency`:
Discord's five, and a little because some connect sooner than others."""
LEAST_LEFT: Final = 50
"""No session is started while Discord has fewer left than this: the operator may need them."""
ASK_SECONDS: Final = 15.0
ASK_AGAIN_SECONDS: Final = 1_800.0
"""While too few are left, Discord is asked again after at most so many seconds."""


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
    """Decides when a shard may start a session. `fetch` asks Discord for its `session_start_limit`."""

    def __init__(self, fetch: Callable[[], Awaitable[discord.SessionStartLimits]], traffic: Traffic) -> None:
        self._fetch: Final = fetch
        self._traffic: Final = traffic
        self._sent: Final = defaultdict[int, deque[float]](lambda: deque(maxlen=MOST_A_DAY))
        """When each shard sent IDENTIFY, on the loop's clock."""
        self._left: int | None = None
        """How many session starts Discord last reported, minus those used since."""
        self._at_once = 1
        """How many shards may send IDENTIFY at the same time, as Discord last reported."""
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
                await self._wait_for_others(shard_id)
                return
            if not self.exhausted:
                log.error(
                    "too few sessions left for today, waiting: something keeps reconnecting,"
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
        self._traffic.metrics.gateway_identifies.inc()

    async def _wait_for_others(self, shard_id: int) -> None:
        """Wait until no shard, also of another process, has just used the same part of Discord's rate.

        This is before the connection, which Discord ends if it waits for long without an IDENTIFY.
        """
        if (take := self._traffic.limiter.take_turn) is not None:
            await asyncio.sleep(await take(f"identify {shard_id % self._at_once}", IDENTIFY_SECONDS, 1))

    async def _ask(self) -> float:
        """Ask how many session starts are left; return the seconds until the count is reset.

        If Discord does not answer, its last answer stays in force.
        """
        try:
            async with asyncio.timeout(ASK_SECONDS):
                limits = await self._fetch()
            remaining, reset = int(limits.remaining), limits.reset_after / 1000
            self._at_once = max(1, int(limits.max_concurrency))
        except Exception as error:
            log.info("could not ask how many sessions are left", extra={"reason": type(error).__name__})
            return ASK_AGAIN_SECONDS
        self._left = remaining
        return reset
