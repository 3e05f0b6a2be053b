"""Counts requests to Discord in aiohttp, which includes discord.py's own, to keep the bot from being banned.

Discord bans an address after 10,000 responses with 401, 403 or 429 in ten minutes (a 429 with scope `shared`
does not count). Three measures keep the bot below a tenth of that, however much is pending or retried:

    1. many refusals in a row slow the whole bot down until a request is accepted: `gap`
    2. refused requests are not retried while half of the budget is spent: `may_retry`
    3. no request is sent while refused and running requests together use up the budget: `admit`. This is
       enforced in the HTTP client, where nothing can bypass it, not even discord.py's own retries

Responses to interactions are counted but never delayed: they have three seconds.
"""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any, Final

import aiohttp
from aiohttp import hdrs
from yarl import URL

from bot.clock import DiscordTime
from bot.core.backoff import exponential_backoff
from bot.gateway.bucket import LONGEST_LIMIT
from bot.gateway.rate_limiter import RateLimiter, priority, stale_since
from bot.metrics import DISCORD_ROUTES, OTHER_ROUTE, Metrics, RequestOutcome

WINDOW: Final = 600.0
"""The period, in seconds, over which Discord counts."""
BUDGET: Final = 900
"""Maximum of refused requests in a window; the rest up to 1,000 is for responses to people."""
RETRIES: Final = 400
"""From this many refused requests in a window, refused requests are not retried."""
IN_A_ROW: Final = 10
"""After this many refusals in a row, the whole bot slows down."""
LONGEST_GAP: Final = 10.0
"""Longest gap between requests, in seconds, reached when everything is refused."""
COUNTED: Final = frozenset({401, 403, 429})
REFUSED: Final = COUNTED | {404}
LIMITED: Final = 429
SERVER_ERROR: Final = 500
SWITCHED: Final = 101
"""The status of the gateway's websocket upgrade, which uses the same HTTP session."""
FOR_PEOPLE: Final = frozenset({"interactions", "webhooks"})
"""Routes of responses to people, which must not wait."""
lost_answers: Final[ContextVar[list[str]]] = ContextVar("lost_answers")
"""If set, collects the errors after which a request may or may not have taken effect. discord.py retries some
of them silently, so its caller would not notice."""


class InvalidRequests:
    """Counts refused requests."""

    def __init__(self) -> None:
        self._refused: Final[deque[float]] = deque()
        self._under_way = 0
        self._in_a_row = 0

    @property
    def gap(self) -> float:
        """Seconds that the rate limiter leaves between requests because so many were refused."""
        over = self._in_a_row - IN_A_ROW + 1
        return 0.0 if over < 1 else exponential_backoff(over, 1.0, LONGEST_GAP)

    @property
    def may_retry(self) -> bool:
        """Whether refused requests may be retried."""
        return self._recent() < RETRIES

    async def admit(self) -> None:
        """Wait until a request may be sent, and count it as running."""
        while self._recent() + self._under_way >= BUDGET:
            oldest = self._refused[0] + WINDOW - self._now() if self._refused else 0.0
            await asyncio.sleep(max(1.0, oldest))
        self._under_way += 1

    def count_under_way(self) -> None:
        """Count a request as running without waiting."""
        self._under_way += 1

    def answered(self, status: int | None, *, shared: bool = False, of_channel: bool = True) -> None:
        """Count a response, None for a lost one. Only responses about channels affect the gap."""
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
        return asyncio.get_running_loop().time()


class GlobalLimit(asyncio.Event):
    """The event that blocks discord.py's requests during Discord's global limit; sets itself after a while.

    In discord.py, the request that hit the limit sets the event after its wait. If that request is cancelled
    meanwhile, nothing sets it, and no request is sent until the process ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.set()

    def clear(self) -> None:
        super().clear()
        asyncio.get_running_loop().call_later(LONGEST_LIMIT, self.set)


def from_json(text: str) -> Any:
    """Parse JSON, with None for NaN: a wait for NaN seconds would stop all of asyncio's timers for good."""
    return json.loads(text, parse_constant=lambda _name: None)


class Traffic:
    """All requests of a process to Discord, of whichever client: its limits are those of the token.

    `trace` is that of each HTTP session. Labels of metrics contain no ids and no tokens.
    """

    def __init__(self, metrics: Metrics, time: DiscordTime) -> None:
        self.metrics: Final = metrics
        self.time: Final = time
        self.invalid: Final = InvalidRequests()
        self.limiter: Final = RateLimiter(lambda: self.invalid.gap)
        self.global_limit: Final = GlobalLimit()
        self.guard: Callable[[], Awaitable[bool]] | None = None
        """Awaited before whatever changes something at Discord is sent: waits until this process may send.
        Returns whether it had to wait."""
        self.trace: Final = aiohttp.TraceConfig()
        self.trace.on_request_start.append(self._start)
        self.trace.on_connection_create_end.append(self._connected)
        self.trace.on_connection_reuseconn.append(self._guard)
        self.trace.on_request_end.append(self._end)
        self.trace.on_request_exception.append(self._fail)

    async def _start(
        self, session: aiohttp.ClientSession, context: SimpleNamespace, start: aiohttp.TraceRequestStartParams
    ) -> None:
        context.limited = route_of(start.url) not in FOR_PEOPLE
        # An interaction is answered once, by whomever: its answer cannot come twice, and must not wait.
        context.writes = start.method != hdrs.METH_GET and route_of(start.url) != "interactions"
        held_up = True
        while held_up:  # then its turn is over, and many others were held up as well
            if context.limited:
                await self.limiter.enter(priority.get(), stale_since.get())
            held_up = await self._guard(session, context, None)
        # Counted last: for a request that is cancelled before this returns, aiohttp calls no end.
        if context.limited:
            await self.invalid.admit()
        else:
            self.invalid.count_under_way()

    async def _connected(
        self, session: aiohttp.ClientSession, context: SimpleNamespace, connection: object
    ) -> None:
        if context.limited:
            self.limiter.sent_late()
        # Asked again: connecting may have taken long.
        await self._guard(session, context, connection)

    async def _guard(
        self, _session: aiohttp.ClientSession, context: SimpleNamespace, _connection: object
    ) -> bool:
        return context.writes and self.guard is not None and await self.guard()

    async def _end(
        self, _session: aiohttp.ClientSession, _context: SimpleNamespace, end: aiohttp.TraceRequestEndParams
    ) -> None:
        route, status, headers = route_of(end.url), end.response.status, end.response.headers
        scope = headers.get("X-RateLimit-Scope", "")
        self.invalid.answered(status, shared=scope == "shared", of_channel=route == "channels")
        if SWITCHED < status < SERVER_ERROR:  # only Discord's REST API sends a reliable Date
            self.time.update(headers.get("Date", ""))
        if status >= SERVER_ERROR:
            lost_answers.get([]).append(str(status))
        self.metrics.discord_requests[route, outcome_of(status)].inc()
        if status == LIMITED:
            limits = self.metrics.discord_limits
            limits.get(scope, limits["other"]).inc()

    async def _fail(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        end: aiohttp.TraceRequestExceptionParams,
    ) -> None:
        self.invalid.answered(None)
        lost_answers.get([]).append(type(end.exception).__name__)
        self.metrics.discord_requests[route_of(end.url), RequestOutcome.LOST].inc()


def route_of(url: URL) -> str:
    """Return the first path segment after `/api/v10`, or `other`."""
    return next((part for part in url.parts if part in DISCORD_ROUTES), OTHER_ROUTE)


def outcome_of(status: int) -> RequestOutcome:
    if status == LIMITED:
        return RequestOutcome.LIMITED
    if status >= SERVER_ERROR:
        return RequestOutcome.ERROR
    return RequestOutcome.REFUSED if status >= 400 else RequestOutcome.OK  # noqa: PLR2004
