"""The three pages for machines: `/healthz`, `/readyz` and `/metrics`, by default for this machine alone."""

import json
import logging
from collections.abc import Callable, Sequence
from typing import Final, Self

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from bot.monitoring.address import try_to_have, why_not
from bot.monitoring.parts import as_json
from bot.monitoring.vitals import Vitals

log = logging.getLogger(__name__)

LAST_SECONDS: Final = 1.0
"""How long an answer under way may keep the bot from ending."""


class CannotListen(Exception):
    """The address or the port cannot be had; the text says why and what to do."""


class MonitoringServer:
    """Serves while it is entered. Port 0 is a free one; it is logged, and then in `port`."""

    def __init__(self, host: str, port: int, vitals: Vitals, scrape: Callable[[], bytes]) -> None:
        self.port = port
        self._host: Final = host
        self._vitals: Final = vitals
        self._scrape: Final = scrape
        app = web.Application(client_max_size=1024)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._readiness)
        app.router.add_get("/metrics", self._metrics)
        self._runner: Final = web.AppRunner(app, access_log=None, shutdown_timeout=LAST_SECONDS)

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

    async def _health(self, _request: web.Request) -> web.Response:
        wedged = self._vitals.wedged()
        body = json.dumps({"alive": not wedged, "wedged": wedged})
        return _answer(body, ok=not wedged)

    async def _readiness(self, _request: web.Request) -> web.Response:
        parts = await self._vitals.parts()
        return _answer(as_json(parts), ok=all(part.ok for part in parts))

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._scrape(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _answer(body: str, *, ok: bool) -> web.Response:
    return web.Response(
        text=body,
        status=200 if ok else 503,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _ports(addresses: Sequence[object]) -> list[int]:
    return [address[1] for address in addresses if isinstance(address, tuple)]
