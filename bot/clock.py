"""Clocks and sleeping, passed as arguments so that tests and simulations can use virtual time."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from email.utils import parsedate_to_datetime
from functools import lru_cache, partial
from typing import Final, TypeVar

ANSWERS: Final = 3
"""How many responses of Discord must agree before its clock counts as further ahead."""
SLICE_SECONDS: Final = 0.01
"""How long a loop over many things may hold up everything else."""
T = TypeVar("T")
Clock = Callable[[], float]
"""Returns Unix seconds."""
WaitHook = Callable[[Awaitable[None]], Awaitable[None]]
"""Awaits what only time or the outside can end; through it a simulation learns that the bot is idle."""


async def plain_wait(awaitable: Awaitable[None]) -> None:
    await awaitable


def steady_clock() -> Clock:
    """Return a clock of Unix time that never jumps: the system's may be set while we run."""
    offset = time.time() - time.monotonic()
    return lambda: time.monotonic() + offset


def trust_clock() -> Clock:
    """Return a clock that never says that less time has passed than did, and never goes back.

    It is for how long something may still be relied on. Python's monotonic clock stands still on Linux while
    the machine sleeps, and the system's clock may be set back: the larger progress of both counts.
    """
    since_boot: Clock = time.monotonic
    if hasattr(time, "CLOCK_BOOTTIME"):  # Linux: it goes on while the machine sleeps
        since_boot = partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    return furthest(since_boot, time.time)


def furthest(*clocks: Clock) -> Clock:
    """Return a clock that at each reading moves on by the largest progress of several."""
    before = [clock() for clock in clocks]
    now = max(before)

    def read() -> float:
        nonlocal before, now
        after = [clock() for clock in clocks]
        now += max(0.0, *(new - old for new, old in zip(after, before, strict=True)))
        before = after
        return now

    return read


class DiscordTime:
    """Unix time by Discord's clock, from the `Date` header of its newest responses; `clock` is ours.

    Used for times that are compared with those of messages. Every response updates it, because our clock
    stops while the machine sleeps. After that it is behind until the next response, but never ahead: a search
    for messages since a time goes back too far rather than not far enough.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock: Final = clock
        self._offsets: Final = deque[float](maxlen=ANSWERS)
        """Seconds by which the newest answers were ahead of our clock."""

    @property
    def ahead(self) -> float:
        """Seconds by which Discord's clock is ahead of ours; a single wrong date has no effect."""
        return min(self._offsets, default=0.0)

    def __call__(self) -> float:
        return self._clock() + self.ahead

    def update(self, date: str) -> None:
        """Use the `Date` header of a response that has just arrived; ignore an invalid one."""
        if (at := _unix_time(date)) is None:
            return
        self._offsets.append(at + 0.5 - self._clock())  # its second began up to a second ago


async def in_slices(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield items, and let others have the loop whenever handling them has taken `SLICE_SECONDS`."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for item in items:
        yield item
        if loop.time() - began >= SLICE_SECONDS:
            await asyncio.sleep(0)
            began = loop.time()


@lru_cache(maxsize=1)
def _unix_time(date: str) -> float | None:
    """Return the time of a `Date` header, None if it is invalid; many responses have the same."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


class WakeUp:
    """Ends one sleeper's sleep early; an event that a timeout sets as well, and that each sleep clears."""

    def __init__(self, wait: WaitHook = plain_wait) -> None:
        self._wait: Final = wait
        self._is_set = False
        self._sleeper: asyncio.Future[None] | None = None

    def set(self) -> None:
        """End the current sleep or, if there is none, the next one as soon as it begins."""
        self._is_set = True
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    async def sleep(self, seconds: float | None) -> None:
        """Sleep until set, for at most `seconds` if given."""
        if seconds is not None and seconds <= 0:
            await asyncio.sleep(0)  # others get their turn even if the sleeper never rests
        elif not self._is_set:
            await self._wait(self._sleep(seconds))
        self._is_set = False

    async def _sleep(self, seconds: float | None) -> None:
        loop = asyncio.get_running_loop()
        self._sleeper = sleeper = loop.create_future()
        # The timer's argument is the future that it ends: SimCord recognizes a resting bot by that.
        timer = None if seconds is None else loop.call_later(seconds, _wake, sleeper)
        try:
            await sleeper
        finally:
            self._sleeper = None
            if timer is not None:
                timer.cancel()


def _wake(sleeper: "asyncio.Future[None]") -> None:
    if not sleeper.done():
        sleeper.set_result(None)
