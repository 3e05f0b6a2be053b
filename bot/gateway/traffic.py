"""What goes to Discord and what comes back, counted where aiohttp sees it: discord.py's own requests too.

Each answer also says what time it is on Discord, and whether it counts towards a ban.
"""

import asyncio
from types import SimpleNamespace
from typing import Final

import aiohttp
from yarl import URL

from bot.clock import DiscordTime
from bot.gateway.invalid_requests import InvalidRequests
from bot.metrics import Metrics

LIMITED: Final = 429
SERVER_ERROR: Final = 500
SWITCHED: Final = 101
"""The gateway's answer, whose session is the same."""
REFUSED: Final = 400
ROUTES: Final = frozenset({"applications", "channels", "gateway", "interactions", "users", "webhooks"})
"""First words of the paths that are worth a name of their own."""
FOR_PEOPLE: Final = frozenset({"interactions", "webhooks"})
"""Routes of answers to people, which have no time to wait."""


LONGEST_LIMIT: Final = 60.0
"""Seconds of a limit that discord.py waits for; what is longer it raises."""


class GlobalLimit(asyncio.Event):
    """What discord.py holds all requests at while Discord's global limit lasts; it opens by itself at last.

    The request that was refused opens it after its wait. Cancelled meanwhile, it would never do so, and no
    request would go out until the process ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.set()

    def clear(self) -> None:
        super().clear()
        asyncio.get_running_loop().call_later(LONGEST_LIMIT, self.set)


def counting(metrics: Metrics, invalid: InvalidRequests, time: DiscordTime) -> aiohttp.TraceConfig:
    """Return a trace for discord.py's session; no id and no token gets into what is counted."""

    async def begins(
        _session: aiohttp.ClientSession, _context: SimpleNamespace, start: aiohttp.TraceRequestStartParams
    ) -> None:
        if route_of(start.url) in FOR_PEOPLE:
            invalid.count_under_way()
        else:
            await invalid.admit()

    async def ended(
        _session: aiohttp.ClientSession, _context: SimpleNamespace, end: aiohttp.TraceRequestEndParams
    ) -> None:
        route, status, headers = route_of(end.url), end.response.status, end.response.headers
        scope = headers.get("X-RateLimit-Scope", "")
        invalid.answered(status, shared=scope == "shared", of_channel=route == "channels")
        if SWITCHED < status < SERVER_ERROR:  # else it is not Discord's REST API that says what time it is
            time.heard(headers.get("Date", ""))
        metrics.discord_requests.labels(route, _outcome(status)).inc()
        if status == LIMITED:
            metrics.discord_limits.get(scope, metrics.discord_limits["other"]).inc()

    async def failed(
        _session: aiohttp.ClientSession, _context: SimpleNamespace, end: aiohttp.TraceRequestExceptionParams
    ) -> None:
        invalid.answered(None)
        metrics.discord_requests.labels(route_of(end.url), "lost").inc()

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(begins)
    trace.on_request_end.append(ended)
    trace.on_request_exception.append(failed)
    return trace


def route_of(url: URL) -> str:
    """Return the first word of a path behind `/api/v10`, or `other`."""
    return next((part for part in url.parts if part in ROUTES), "other")


def _outcome(status: int) -> str:
    if status == LIMITED:
        return "limited"
    if status >= SERVER_ERROR:
        return "error"
    return "refused" if status >= REFUSED else "ok"
