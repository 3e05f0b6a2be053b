"""What goes to Discord and what comes back, counted where aiohttp sees it: discord.py's own requests too.

10,000 answers with 401, 403 or 429 in ten minutes ban an address (a 429 with scope `shared` does not count).
The bot stays below a tenth of that, whatever is pending and however it is retried, by three measures:

    1. many refusals in a row slow the whole bot down, until something is accepted again: `gap`
    2. what was refused before is not retried while half of the budget is spent: `may_retry`
    3. no request goes out while those refused and those under way make up the whole budget: `admit`. That
       holds on the wire, where nothing can bypass it, discord.py's own repetitions included

Answers to interactions are counted and never held up: they have three seconds.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from math import isfinite
from types import SimpleNamespace
from typing import Final

import aiohttp
from discord.http import Ratelimit
from yarl import URL

from bot.clock import DiscordTime
from bot.core.backoff import exponential_backoff
from bot.metrics import Metrics

WINDOW: Final = 600.0
"""Seconds in which Discord counts."""
BUDGET: Final = 900
"""Refused requests in a window, at most; the rest up to 1,000 is for answers to people."""
RETRIES: Final = 400
"""Refused requests in a window from which nothing that was refused is retried."""
IN_A_ROW: Final = 10
"""Refusals with nothing accepted between them after which the whole bot slows down."""
LONGEST_GAP: Final = 10.0
"""Seconds between two requests of a bot that is refused everything."""
COUNTED: Final = frozenset({401, 403, 429})
REFUSED: Final = COUNTED | {404}
LIMITED: Final = 429
SERVER_ERROR: Final = 500
SWITCHED: Final = 101
"""The gateway's answer to the upgrade to a websocket, which uses the same session."""
ROUTES: Final = frozenset({"applications", "channels", "gateway", "interactions", "users", "webhooks"})
"""First words of the paths that are counted by name."""
FOR_PEOPLE: Final = frozenset({"interactions", "webhooks"})
"""Routes of answers to people, which have no time to wait."""
lost_answers: Final[ContextVar[list[str]]] = ContextVar("lost_answers")
"""Collects what left a request's fate unknown, if set: discord.py repeats some of them without a word."""
LONGEST_LIMIT: Final = 60.0
"""discord.py waits for a rate limit of at most so many seconds; it raises for a longer one."""


class InvalidRequests:
    """Counts refused requests. `clock` is monotonic, in seconds; the loop's own by default."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self._refused: Final[deque[float]] = deque()
        self._under_way = 0
        self._in_a_row = 0

    @property
    def gap(self) -> float:
        """Seconds that the rate limiter leaves between two requests, because so many were refused."""
        over = self._in_a_row - IN_A_ROW + 1
        return 0.0 if over < 1 else exponential_backoff(over, 1.0, LONGEST_GAP)

    @property
    def may_retry(self) -> bool:
        """Whether something that was refused may be tried again."""
        return self._recent() < RETRIES

    async def admit(self) -> None:
        """Wait until a request may go out, and count it as under way."""
        while self._recent() + self._under_way >= BUDGET:
            oldest = self._refused[0] + WINDOW - self._now() if self._refused else 0.0
            await asyncio.sleep(max(1.0, oldest))
        self._under_way += 1

    def count_under_way(self) -> None:
        """Count a request that does not wait."""
        self._under_way += 1

    def answered(self, status: int | None, *, shared: bool = False, of_channel: bool = True) -> None:
        """Count an answer, None for one that was lost. Only those of channels set the gap."""
        self._under_way -= 1
        if status in COUNTED and not shared:
            self._refused.append(self._now())
        if of_channel and status is not None:
            if status in REFUSED:
                self._in_a_row += 1
            elif status < 400:  # noqa: PLR2004
                self._in_a_row = 0

    def _recent(self) -> int:
        oldest = self._now() - WINDOW
        while self._refused and self._refused[0] <= oldest:
            self._refused.popleft()
        return len(self._refused)

    def _now(self) -> float:
        return self._clock() if self._clock is not None else asyncio.get_running_loop().time()


class GlobalLimit(asyncio.Event):
    """The event at which discord.py holds all requests during Discord's global limit; it opens by itself.

    The request that was refused opens it after its wait. If that request is cancelled meanwhile, discord.py
    never opens it, and no request would go out until the process ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.set()

    def clear(self) -> None:
        super().clear()
        asyncio.get_running_loop().call_later(LONGEST_LIMIT, self.set)


class Bucket(Ratelimit):
    """discord.py's bucket of a rate limit, without the limits that cannot be read.

    discord.py's own never expires after "nan" seconds, and raises over "soon" although the request succeeded.
    """

    def update(self, response: aiohttp.ClientResponse, *, use_clock: bool = False) -> None:
        try:
            super().update(response, use_clock=use_clock)
            readable = self.limit > 0 and isfinite(self.reset_after)
        except (ValueError, OverflowError, OSError, KeyError):
            readable = False
        if not readable:
            self.limit = max(1, self.limit)
            self.reset()  # type: ignore[no-untyped-call]


def count_requests(metrics: Metrics, invalid: InvalidRequests, time: DiscordTime) -> aiohttp.TraceConfig:
    """Return a trace for discord.py's HTTP session. No id and no token gets into what is counted."""

    async def on_start(
        _session: aiohttp.ClientSession, _context: SimpleNamespace, start: aiohttp.TraceRequestStartParams
    ) -> None:
        if route_of(start.url) in FOR_PEOPLE:
            invalid.count_under_way()
        else:
            await invalid.admit()

    async def on_end(
        _session: aiohttp.ClientSession, _context: SimpleNamespace, end: aiohttp.TraceRequestEndParams
    ) -> None:
        route, status, headers = route_of(end.url), end.response.status, end.response.headers
        scope = headers.get("X-RateLimit-Scope", "")
        invalid.answered(status, shared=scope == "shared", of_channel=route == "channels")
        if SWITCHED < status < SERVER_ERROR:  # only answers of Discord's REST API tell Discord's time
            time.heard(headers.get("Date", ""))
        if status >= SERVER_ERROR:
            lost_answers.get([]).append(str(status))
        metrics.discord_requests.labels(route, _outcome(status)).inc()
        if status == LIMITED:
            metrics.discord_limits.get(scope, metrics.discord_limits["other"]).inc()

    async def on_exception(
        _session: aiohttp.ClientSession, _context: SimpleNamespace, end: aiohttp.TraceRequestExceptionParams
    ) -> None:
        invalid.answered(None)
        lost_answers.get([]).append(type(end.exception).__name__)
        metrics.discord_requests.labels(route_of(end.url), "lost").inc()

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(on_start)
    trace.on_request_end.append(on_end)
    trace.on_request_exception.append(on_exception)
    return trace


def route_of(url: URL) -> str:
    """Return the first word of a path after `/api/v10`, or `other`."""
    return next((part for part in url.parts if part in ROUTES), "other")


def _outcome(status: int) -> str:
    if status == LIMITED:
        return "limited"
    if status >= SERVER_ERROR:
        return "error"
    return "refused" if status >= 400 else "ok"  # noqa: PLR2004
