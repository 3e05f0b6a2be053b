"""Measures how late the event loop runs its timers: whatever blocks the loop delays everything in the bot.

A stall that ends in a crash or lasts longer than a scrape shows as a failed scrape instead.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Never

INTERVAL: Final = 0.25
"""Seconds between two timers: a stall is measured as at most so much shorter than it was."""


async def measure_lag(observe: Callable[[float], object]) -> Never:
    """Pass to `observe` by how many seconds each timer was late, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + INTERVAL
        await asyncio.sleep(INTERVAL)
        observe(max(0.0, loop.time() - due))
