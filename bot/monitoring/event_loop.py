"""Measures how late the event loop runs its timers: whatever blocks the loop delays everything in the bot.

A stall that ends in a crash or lasts longer than a scrape shows as a failed scrape instead.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Never

INTERVAL: Final = 0.25
"""Seconds between two observations, each of the worst of several timers."""
TIMERS: Final = 5
"""Timers in each of them, so that a stall is underestimated by a fifth of that time at most."""
REMEMBERED: Final = 240
"""Observations, a minute's, of which the longest is reported."""


async def measure_lag(observe: Callable[[float], object], longest: Callable[[float], object]) -> Never:
    """Pass to `observe` how many seconds timers were late, and to `longest` the last minute's maximum."""
    loop, lately = asyncio.get_running_loop(), deque[float](maxlen=REMEMBERED)
    while True:
        worst = 0.0
        for _ in range(TIMERS):
            due = loop.time() + INTERVAL / TIMERS
            await asyncio.sleep(INTERVAL / TIMERS)
            worst = max(worst, loop.time() - due)
        lately.append(worst)
        observe(worst)
        longest(max(lately))
