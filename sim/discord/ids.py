"""Time and ids: every id, date and deadline in the simulator comes from one clock that is passed in."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, TypeVar

Clock = Callable[[], float]
Json = dict[str, Any]
T = TypeVar("T")

DISCORD_EPOCH_MS = 1_420_070_400_000
_TIMESTAMP_SHIFT = 22


class ManualClock:
    """A clock that stands still until a test moves it: `clock.now += 900`."""

    def __init__(self, now: float = 1_767_225_600.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class ShiftedClock:
    """The real time plus an offset: `clock.ahead += 900` (for bots in child processes)."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Snowflakes:
    """Issues strictly increasing ids that contain the clock's milliseconds, as Discord's do."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def __call__(self) -> int:
        now = (int(self._clock() * 1000) - DISCORD_EPOCH_MS) << _TIMESTAMP_SHIFT
        self._last = max(now, self._last + 1)
        return self._last

    def in_shard(self, number: int, count: int) -> int:
        """Issue the next id in a shard ("Sharding Formula"), up to `count` milliseconds ahead of time."""
        next_id = self()
        if (next_id >> _TIMESTAMP_SHIFT) % count != number:
            at = (next_id >> _TIMESTAMP_SHIFT) + 1
            self._last = (at + (number - at) % count) << _TIMESTAMP_SHIFT
        return self._last


def snowflake_time(snowflake: int) -> float:
    """Return when an id was created, in Unix seconds."""
    return ((snowflake >> _TIMESTAMP_SHIFT) + DISCORD_EPOCH_MS) / 1000


def iso(at: float) -> str:
    """Format a time as Discord does in payloads."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")


def http_date(at: float) -> str:
    """Format a time for a `Date` header."""
    return format_datetime(datetime.fromtimestamp(int(at), UTC), usegmt=True)


class Pulse:
    """Wakes everything that waits for a change in the simulator, so that nothing has to poll."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Make every waiter check its predicate again."""
        self._event.set()
        self._event = asyncio.Event()

    async def until(self, predicate: Callable[[], T | None], within: float) -> T:
        """Wait until the predicate is truthy and return its value; `TimeoutError` after `within` seconds."""
        try:
            async with asyncio.timeout(within):
                while not (value := predicate()):
                    await self._event.wait()
        except TimeoutError:
            raise TimeoutError(f"not within {within} s: {predicate}") from None
        return value
