"""Time and waiting, as the parts of the bot get them handed in."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

Clock = Callable[[], float]
"""Returns Unix seconds."""
Idle = Callable[[Awaitable[None]], Awaitable[None]]
"""Awaits something that only the outside or time can end; simulations learn from it that the bot rests."""


async def idle(awaitable: Awaitable[None]) -> None:
    await awaitable


def steady_clock() -> Clock:
    """Return a clock that tells Unix time but never jumps: the system's may be set while we run."""
    offset = time.time() - time.monotonic()
    return lambda: time.monotonic() + offset


class Alarm:
    """One sleeper, woken by a ring or by time. A ring while nobody sleeps ends the next sleep at once."""

    def __init__(self, idle: Idle = idle) -> None:
        self._idle: Final = idle
        self._rung: Final = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def sleep(self, seconds: float | None) -> None:
        """Sleep until the alarm rings, at most `seconds` if given."""
        if seconds is None or seconds > 0:
            await self._idle(self._sleep(seconds))
        else:
            await asyncio.sleep(0)  # others get their turn even if the sleeper never rests
        self._rung.clear()

    async def _sleep(self, seconds: float | None) -> None:
        timer = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self._rung.set)
        try:
            await self._rung.wait()
        finally:
            if timer is not None:
                timer.cancel()
