"""The monitoring server: `/healthz`, `/readyz` and `/metrics`, by default only for this machine."""

import asyncio
import errno
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Final, Self

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from bot.monitoring.health_checks import HealthChecks, as_json

log = logging.getLogger(__name__)

SHUTDOWN_SECONDS: Final = 1.0
"""How long a response in flight may delay the bot's exit."""
MAX_CONNECTIONS: Final = 50
"""Limited so that the rest of the bot does not run out of file descriptors."""
REQUEST_SECONDS: Final = 10.0
"""How long the head of a request may take, from the start of the connection or the previous response."""
RESPONSE_SECONDS: Final = 10.0
"""How long a client may take to read a response."""


class CannotListen(Exception):
    """The address or port is not available; the text says why and what to do."""


class BoundedServer(web.Server):
    """Keeps at most `MAX_CONNECTIONS` open: a new one replaces the oldest without a request in progress."""

    def __init__(self, answer: Callable[[web.BaseRequest], Awaitable[web.Response]]) -> None:
        # aiohttp starts the keep-alive timer with the connection, and a partial head does not extend it. So
        # the timer also closes connections whose request trickles in.
        super().__init__(
            self._handle, access_log=None, keepalive_timeout=REQUEST_SECONDS, lingering_time=SHUTDOWN_SECONDS
        )
        self._answer: Final = answer
        self._open: Final[dict[web.RequestHandler, asyncio.Transport]] = {}
        """Oldest first, without those that are being aborted."""
        self._handling: Final[set[web.RequestHandler]] = set()

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        if len(self._open) >= MAX_CONNECTIONS:
            # A request that has arrived waits in aiohttp's queue until its handler starts, one or two
            # iterations of the loop later. aiohttp has no public access to that queue.
            idle = (
                other
                for other in self._open
                if other not in self._handling and not other._messages  # noqa: SLF001
            )
            self._open.pop(next(idle, next(iter(self._open)))).abort()
        self._open[handler] = transport
        super().connection_made(handler, transport)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        self._open.pop(handler, None)
        super().connection_lost(handler, exc)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        self._handling.add(connection)
        try:
            response = await self._answer(request)
            try:
                async with asyncio.timeout(RESPONSE_SECONDS):
                    await response.prepare(request)
                    await response.write_eof()
            except (TimeoutError, ConnectionError):  # if re-raised, aiohttp would log a traceback
                if request.transport is not None:
                    request.transport.abort()
        finally:
            self._handling.discard(connection)
        return response  # already sent, or the client is gone: aiohttp notices both


class MonitoringServer:
    """Serves while its context is entered. With port 0 the system picks a free one: see `port` or the log."""

    def __init__(self, host: str, port: int, health: HealthChecks, scrape: Callable[[], bytes]) -> None:
        self.port = port
        self._host: Final = host
        self._health: Final = health
        self._scrape: Final = scrape
        self._runner: Final = web.ServerRunner(BoundedServer(self._answer), shutdown_timeout=SHUTDOWN_SECONDS)

    async def __aenter__(self) -> Self:
        """Start listening.

        Raises:
            CannotListen: the port is in use, or this machine does not have the address.
        """
        await self._runner.setup()
        try:
            try_to_bind(self._host, self.port)  # asyncio's own error does not keep the errno
            await web.TCPSite(self._runner, self._host, self.port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise CannotListen(bind_error(self._host, self.port, error)) from None
        self.port = self._runner.addresses[0][1]
        log.info("serving health and metrics", extra={"host": self._host, "port": self.port})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        match request.path:
            case "/healthz" | "/readyz" | "/metrics" if request.method not in {"GET", "HEAD"}:
                return web.Response(status=405, text="405: Method Not Allowed", headers={"Allow": "GET,HEAD"})
            case "/healthz":
                stuck = self._health.stuck()
                return _json(json.dumps({"alive": not stuck, "wedged": stuck}), ok=not stuck)
            case "/readyz":
                components = await self._health.components()
                return _json(as_json(components), ok=all(component.ok for component in components))
            case "/metrics":
                await self._health.components()
                return web.Response(body=self._scrape(), headers={"Content-Type": CONTENT_TYPE_LATEST})
            case _:
                return web.Response(status=404, text="404: Not Found")


def _json(body: str, *, ok: bool) -> web.Response:
    return web.Response(
        text=body,
        status=200 if ok else 503,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def try_to_bind(host: str, port: int) -> None:
    """Bind a listen address and release it again; raise OSError if it is not available."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        if os.name == "posix":  # as asyncio does: a connection in TIME_WAIT does not block the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:  # as asyncio does: an IPv4 listener on the port is no conflict
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))


def bind_error(host: str, port: int, error: OSError) -> str:
    """Return why a listen address is not available and what to do."""
    if error.errno == errno.EADDRINUSE:
        why = "is in use by another program: set HTTP_PORT to another port, or to off"
    elif error.errno == errno.EADDRNOTAVAIL:
        why = "is not an address of this machine: set HTTP_HOST to one"
    elif error.errno == errno.EACCES:
        why = "needs more privileges: set HTTP_PORT to 1024 or higher, or to off"
    else:
        why = f"cannot be listened on ({os.strerror(error.errno or 0)}): set HTTP_HOST and HTTP_PORT"
    return f"{format_address(host, port)} {why}"


def format_address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
