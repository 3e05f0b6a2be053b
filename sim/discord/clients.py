"""Two clients for tests: a discord.py client in the same loop, and a bare REST client.

The bare client sends exactly what a test says: it repeats nothing and waits for no rate limit.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from .sim import DiscordSim


@contextmanager
def pointed_at(sim: DiscordSim) -> Iterator[None]:
    """Point discord.py at the simulator; restore its URLs at the end."""
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = sim.base_url, yarl.URL(sim.gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before


@asynccontextmanager
async def running(client: discord.Client, sim: DiscordSim, *, within: float = 10.0) -> AsyncIterator[None]:
    """Run a client for the duration of the block, which starts once the client has a stream.

    Raises the client's error if it ends first, `TimeoutError` after `within` seconds.
    """
    with pointed_at(sim):
        task = asyncio.create_task(client.start(sim.token))
        ready = asyncio.create_task(sim.wait_ready(within))
        try:
            await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
            await ready
            yield
        finally:
            ready.cancel()
            await client.close()
            task.cancel()  # a client that never connected would keep trying
            await asyncio.gather(task, ready, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Reply:
    """A response; `body` is decoded if it is JSON, else text (None: empty)."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> int:
        """Discord's error code, 0 if there is none."""
        code = self.body.get("code", 0) if isinstance(self.body, dict) else 0
        return int(code)

    def faults(self, *path: str | int) -> list[str]:
        """Return the codes at a path of a 50035's error tree."""
        node = self.body["errors"]
        for part in path:
            node = node[str(part)]
        return [error["code"] for error in node["_errors"]]


class RawClient:
    """Sends requests with the bot's token; use it in an `async with`."""

    def __init__(self, sim: DiscordSim) -> None:
        self.sim = sim

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        files: dict[str, bytes] | None = None,
        token: str | None = "",
    ) -> Reply:
        """Send a request; `token` None sends none, and files make it multipart."""
        token = self.sim.token if token == "" else token
        headers = {} if token is None else {"Authorization": f"Bot {token}"}
        data: Any = None
        if files is not None:
            data = aiohttp.FormData(quote_fields=False)
            data.add_field("payload_json", json.dumps(body or {}))
            for index, (name, content) in enumerate(files.items()):
                data.add_field(f"files[{index}]", content, filename=name)
        elif body is not None:
            data, headers["Content-Type"] = json.dumps(body), "application/json"
        async with self._http.request(
            method, self.sim.base_url + path, data=data, headers=headers
        ) as response:
            text = await response.text()
            decoded = json.loads(text) if response.headers.get("Content-Type") == "application/json" else text
            return Reply(response.status, decoded or None, dict(response.headers))
