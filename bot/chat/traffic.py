"""What goes to Discord and what comes back, counted where aiohttp sees it: discord.py's own requests too."""

from types import SimpleNamespace
from typing import Final

import aiohttp
from yarl import URL

from bot.metrics import Metrics

LIMITED: Final = 429
SERVER_ERROR: Final = 500
REFUSED: Final = 400
ROUTES: Final = frozenset({"applications", "channels", "gateway", "interactions", "users", "webhooks"})
"""First words of the paths that are worth a name of their own."""


def counting(metrics: Metrics) -> aiohttp.TraceConfig:
    """Return a trace for discord.py's session; no id and no token gets into what is counted."""

    async def ended(
        _session: aiohttp.ClientSession, _context: SimpleNamespace, end: aiohttp.TraceRequestEndParams
    ) -> None:
        metrics.discord_requests.labels(route_of(end.url), _outcome(end.response.status)).inc()
        if end.response.status == LIMITED:
            scope = end.response.headers.get("X-RateLimit-Scope", "")
            metrics.discord_limits.get(scope, metrics.discord_limits["other"]).inc()

    async def failed(
        _session: aiohttp.ClientSession, _context: SimpleNamespace, end: aiohttp.TraceRequestExceptionParams
    ) -> None:
        metrics.discord_requests.labels(route_of(end.url), "lost").inc()

    trace = aiohttp.TraceConfig()
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
