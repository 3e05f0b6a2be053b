"""Trouble on demand: slow or lost answers, error statuses, HTML pages, cut connections, a slow uplink."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .records import Request


@dataclass(slots=True, eq=False)
class Fault:
    """Trouble for the requests that match `method` (None: any) and `path` (with `*`s, or a template).

    `when="before"`: the request has no effect; `"after"`: it has, and only the answer is replaced.
    The answer has `status` and either `body` (a string as it is, anything else as JSON) or an error
    body with `code`; `drop` cuts the connection instead ("after" and `drop`: the answer is lost).
    Without `status`, `body` and `drop` the fault only delays by `delay` seconds. It strikes `times`
    times (None: always), each time with `probability`. `via=False` leaves out the header that
    distinguishes Discord's own 429s from a Cloudflare ban. `with_files` limits it to requests with files,
    `saying` to messages whose content contains that.

    aiohttp's client repeats a GET, PUT or DELETE once by itself when a keep-alive connection drops.
    """

    method: str | None = None
    path: str = "*"
    when: Literal["before", "after"] = "before"
    status: int | None = None
    code: int = 0
    body: Any = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: float = 1.0
    times: int | None = 1
    probability: float = 1.0
    delay: float = 0.0
    drop: bool = False
    via: bool = True
    with_files: bool = False
    saying: str = ""
    hits: int = 0

    @property
    def answers(self) -> bool:
        """Whether it replaces the answer rather than only delaying it."""
        return self.drop or self.status is not None or self.body is not None

    @property
    def spent(self) -> bool:
        return self.times is not None and self.hits >= self.times

    def strikes(self, request: Request, rng: random.Random) -> bool:
        """Return whether it hits this request, and count the hit."""
        if self.spent or not request.matches(self.method, self.path):
            return False
        if self.with_files and not request.files:
            return False
        if self.saying not in str((request.body or {}).get("content") if self.saying else ""):
            return False
        if self.probability < 1 and rng.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def make_body(self) -> Any:
        """Return the body of the replaced answer."""
        if self.body is not None:
            return self.body
        if self.status == 429:
            limited = {"message": "You are being rate limited.", "retry_after": self.retry_after}
            return {**limited, "global": False} | ({"code": self.code} if self.code else {})
        return {"message": f"{self.status}: simulated", "code": self.code}

    def make_headers(self) -> dict[str, str]:
        waiting = {"Retry-After": str(int(self.retry_after) or 1)} if self.status == 429 else {}
        return {**waiting, **self.headers}


class Uplink:
    """The studio's line: all uploads together get `speed` bytes a second (None: no limit).

    `carried` counts the bytes of files received, `begun` the requests with files, including those that were
    cut off. A 10 MiB file needs 2.8 Mbit/s to upload in 30 s.
    """

    def __init__(self) -> None:
        self.speed: float | None = None
        self.carried = 0
        self.begun = 0
        self._available_at = 0.0

    async def carry(self, size: int) -> None:
        """Wait until the line has carried `size` more bytes."""
        self.carried += size
        if self.speed is not None:
            now = asyncio.get_running_loop().time()
            self._available_at = max(now, self._available_at) + size / self.speed
            await asyncio.sleep(self._available_at - now)
