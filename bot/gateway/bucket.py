"""One of Discord's rate limits as discord.py uses it: so many requests of a route in a channel per window.

discord.py's own class counts requests in flight only at times: fifty messages sent at once to one channel met
86 refusals (discord.py#10287). It also sends one request at a time until a response names the limit, so that
an upload of a minute holds up all other messages there, and keeps the response that uses up a limit until the
limit ends. Here a window has a count: of the requests in flight when it began, and of those sent since.
"""

import asyncio
from math import isfinite, isnan, nan
from typing import Final, Self

import aiohttp
import discord

UNKNOWN_LIMIT: Final = 5
"""Requests at a time while Discord has not named their limit: what it allows for messages in five seconds."""
LONGEST_LIMIT: Final = 60.0
"""How long a request waits at most for a rate limit; for a longer one an error is raised."""
SAME_WINDOW: Final = 0.1
"""Discord says when a window ends in each response; seconds by which that may differ within one window."""
FORGOTTEN_AFTER: Final = 300.0


class Bucket:
    """What discord.py asks of its class `Ratelimit`."""

    def __init__(self) -> None:
        self._limit = UNKNOWN_LIMIT
        self._used = 0
        """Requests that the current window has counted or may still count."""
        self._in_flight = 0
        self._window = 0.0
        """The end of the newest known window, by Discord's clock."""
        self._ends: float | None = None
        """The end of the current window by the loop's clock, None while no response has named it."""
        self._line: Final = asyncio.Lock()
        """Held by the request that is next."""
        self._changed: Final = asyncio.Event()
        self._last_request = self._now()

    @property
    def remaining(self) -> int:
        """How many requests the window still allows."""
        return max(0, self._limit - self._used)

    def is_inactive(self) -> bool:
        """Return whether discord.py may drop this object."""
        idle = self._now() - self._last_request >= FORGOTTEN_AFTER
        return idle and not self._in_flight and not self._line.locked()

    async def __aenter__(self) -> Self:
        """Wait until a request may be sent, in the order of calls.

        Raises:
            discord.RateLimited: not for more than `LONGEST_LIMIT` seconds.
        """
        self._last_request = self._now()
        async with self._line:
            while not self._has_room():
                await self._wait()
            self._used += 1
            self._in_flight += 1
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._in_flight -= 1
        self._changed.set()

    def update(self, response: aiohttp.ClientResponse, *, use_clock: bool = False) -> None:
        """Learn from a response's headers; ignore those that cannot be read."""
        del use_clock
        limit, remaining, after, window = (
            _number(response.headers.get(f"X-RateLimit-{name}"))
            for name in ("Limit", "Remaining", "Reset-After", "Reset")
        )
        ends = self._now() + after
        window = ends if isnan(window) else window
        if not (limit >= 1 and isfinite(remaining) and isfinite(ends) and isfinite(window)):
            return
        self._limit = int(limit)
        counted = self._limit - int(remaining)
        if window > self._window + SAME_WINDOW:
            # What this window has counted is still in flight: any response of it would have named it before.
            self._window, self._ends, self._used = window, ends, max(self._in_flight, counted)
        elif window >= self._window - SAME_WINDOW and self._ends is not None:
            self._ends, self._used = min(self._ends, ends), max(self._used, counted)
        self._changed.set()

    def _has_room(self) -> bool:
        if self._ends is not None and self._now() >= self._ends:
            self._ends = None
        if self._ends is None:
            self._used = self._in_flight
        return self._used < self._limit

    async def _wait(self) -> None:
        """Wait until the window ends or something is known that may leave room in it."""
        ends = self._ends
        if ends is not None and (seconds := ends - self._now()) > LONGEST_LIMIT:
            raise discord.RateLimited(seconds)
        self._changed.clear()
        try:
            async with asyncio.timeout_at(ends):
                await self._changed.wait()
        except TimeoutError:
            if self._ends == ends:  # compared with the clock, it may still lie a moment ahead
                self._ends = None

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _number(value: str | None) -> float:
    """Return a header's number, or NaN."""
    try:
        return nan if value is None else float(value)
    except ValueError:
        return nan


class Buckets(dict[str, Bucket]):
    """The buckets of a client, by route and channel; creates those that are missing.

    With the first response of a route, discord.py would exchange the buckets of all its channels for new
    ones, which know nothing of what is in flight. And above 256, it would search all of them for unused ones
    with each new one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._search_at = 256

    def __missing__(self, key: str) -> Bucket:
        if len(self) >= self._search_at:
            for unused in [name for name, bucket in self.items() if bucket.is_inactive()]:
                del self[unused]
            self._search_at = 256 + 2 * len(self)
        return self.setdefault(key, Bucket())

    def __setitem__(self, key: str, bucket: Bucket) -> None:
        """Keep no bucket by Discord's name of it."""


class NoNames(dict[str, str]):
    """Discord's names of buckets, which discord.py is not to know."""

    def __setitem__(self, route: str, name: str) -> None:
        pass
