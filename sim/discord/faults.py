"""Trouble on demand: slow answers, error statuses, HTML pages, lost answers, cut connections."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .records import Request


@dataclass(slots=True, eq=False)
class Fault:
    """Trouble for the requests that match `method` (None: any) and `path` (with `*`s, or a template).

    `when="before"`: the request takes no effect; `"after"`: it does, and only the answer is spoiled.
    The answer has `status` and either `body` (a string as it is, anything else as JSON) or an error
    body made of `code`; `drop` cuts the connection instead ("after" and `drop`: the lost answer).
    With neither `status`, `body` nor `drop` the fault only delays by `delay` seconds. It strikes
    `times` times (None: always), each time with `probability`. `via=False` leaves out the header
    that tells Discord's own 429s from a Cloudflare ban. `with_files` spares requests without files.

    aiohttp's client repeats a GET, PUT or DELETE once by itself when a kept connection drops.
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
    hits: int = 0

    @property
    def answers(self) -> bool:
        """Tell whether it replaces the answer, or only delays it."""
        return self.drop or self.status is not None or self.body is not None

    @property
    def spent(self) -> bool:
        return self.times is not None and self.hits >= self.times

    def strikes(self, request: Request, rng: random.Random) -> bool:
        """Decide whether it hits this request, and count it."""
        if self.spent or not request.matches(self.method, self.path):
            return False
        if self.with_files and not request.files:
            return False
        if self.probability < 1 and rng.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def make_body(self) -> Any:
        """Build the body of the spoiled answer."""
        if self.body is not None:
            return self.body
        if self.status == 429:
            limited = {"message": "You are being rate limited.", "retry_after": self.retry_after}
            return {**limited, "global": False} | ({"code": self.code} if self.code else {})
        return {"message": f"{self.status}: simulated", "code": self.code}

    def make_headers(self) -> dict[str, str]:
        waiting = {"Retry-After": str(int(self.retry_after) or 1)} if self.status == 429 else {}
        return {**waiting, **self.headers}
