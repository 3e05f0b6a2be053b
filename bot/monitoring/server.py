"""The three pages for machines: `/healthz`, `/readyz` and `/metrics`, by default for this machine alone."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Self

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from bot.monitoring.address import try_to_have, why_not
from bot.monitoring.parts import as_json
from bot.monitoring.vitals import Vitals

log = logging.getLogger(__name__)

LAST_SECONDS: Final = 1.0
"""How long an answer under way may keep the bot from ending."""
CONNECTIONS: Final = 50
"""Open at a time: whoever opens more takes no files from the rest of the bot."""
HEAD_SECONDS: Final = 10.0
"""From a connection's beginning, or its last answer, until the head of the next request must be complete."""
ANSWER_SECONDS: Final = 10.0
"""For a client to take an answer."""


class CannotListen(Exception):
    """The address or the port cannot be had; the text says why and what to do."""


class BoundedServer(web.Server):
    """Has at most `CONNECTIONS`: room for a new one is made at the cost of the oldest that asks nothing."""

    def __init__(self, answer: Callable[[web.BaseRequest], Awaitable[web.Response]]) -> None:
        # aiohttp's time for keeping a connection alive begins with the connection, and is not prolonged by
        # bytes that complete no head: a head that drips in ends with it, too.
        super().__init__(
            self._handle, access_log=None, keepalive_timeout=HEAD_SECONDS, lingering_time=LAST_SECONDS
        )
        self._answer: Final = answer
        self._open: Final[dict[web.RequestHandler, asyncio.Transport]] = {}
        """The oldest first; those that are being closed are not counted."""
        self._asking: Final[set[web.RequestHandler]] = set()

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        if len(self._open) >= CONNECTIONS:
            # A request that has arrived is in aiohttp's queue until its handler begins, one or two turns of
            # the loop later; nothing public tells of that queue.
            silent = (
                other
                for other in self._open
                if other not in self._asking and not other._messages  # noqa: SLF001
            )
            self._open.pop(next(silent, next(iter(self._open)))).abort()
        self._open[handler] = transport
        super().connection_made(handler, transport)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        self._open.pop(handler, None)
        super().connection_lost(handler, exc)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        self._asking.add(connection)
        try:
            response = await self._answer(request)
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await response.prepare(request)
                    await response.write_eof()
            except (TimeoutError, ConnectionError):  # an error would be logged with its traceback
                if request.transport is not None:
                    request.transport.abort()
        finally:
            self._asking.discard(connection)
        return response  # aiohttp finds it sent, or its client gone


class MonitoringServer:
    """Serves while it is entered. Port 0 is a free one; it is logged, and then in `port`."""

    def __init__(self, host: str, port: int, vitals: Vitals, scrape: Callable[[], bytes]) -> None:
        self.port = port
        self._host: Final = host
        self._vitals: Final = vitals
        self._scrape: Final = scrape
        self._pages: Final = {
            "/healthz": self._health,
            "/readyz": self._readiness,
            "/metrics": self._metrics,
        }
        self._runner: Final = web.ServerRunner(BoundedServer(self._answer), shutdown_timeout=LAST_SECONDS)

    async def __aenter__(self) -> Self:
        """Begin to listen.

        Raises:
            CannotListen: another program has the port, or this machine has no such address.
        """
        await self._runner.setup()
        try:
            try_to_have(self._host, self.port)  # asyncio would not say why it could not
            await web.TCPSite(self._runner, self._host, self.port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise CannotListen(why_not(self._host, self.port, error)) from None
        self.port = _ports(self._runner.addresses)[0]
        log.info("health and metrics are served", extra={"host": self._host, "port": self.port})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        page = self._pages.get(request.path)
        if page is None:
            return web.Response(status=404, text="404: Not Found")
        if request.method not in {"GET", "HEAD"}:
            return web.Response(status=405, text="405: Method Not Allowed", headers={"Allow": "GET,HEAD"})
        return await page()

    async def _health(self) -> web.Response:
        wedged = self._vitals.wedged()
        body = json.dumps({"alive": not wedged, "wedged": wedged})
        return _json(body, ok=not wedged)

    async def _readiness(self) -> web.Response:
        parts = await self._vitals.parts()
        return _json(as_json(parts), ok=all(part.ok for part in parts))

    async def _metrics(self) -> web.Response:
        return web.Response(body=self._scrape(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _json(body: str, *, ok: bool) -> web.Response:
    return web.Response(
        text=body,
        status=200 if ok else 503,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _ports(addresses: Sequence[object]) -> list[int]:
    return [address[1] for address in addresses if isinstance(address, tuple)]
