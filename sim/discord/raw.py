"""A bare REST client: says exactly what a test says, repeats nothing, waits for no limit."""

import json
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

from .sim import DiscordSim


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; `body` is decoded if it is JSON, else text (None: empty)."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> int:
        """Discord's error code, 0 if there is none."""
        code = self.body.get("code", 0) if isinstance(self.body, dict) else 0
        return int(code)

    def faults(self, *path: str | int) -> list[str]:
        """List the codes at a path of a 50035's error tree."""
        node = self.body["errors"]
        for part in path:
            node = node[str(part)]
        return [error["code"] for error in node["_errors"]]


class RawClient:
    """Requests with the bot's token; use it in an `async with`."""

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
