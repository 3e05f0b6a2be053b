"""The REST requests that the simulator received: one record each, with the body as sent."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

Authorization = Literal["bot", "none", "wrong"]


@dataclass(slots=True)
class Request:
    """One request. `template` is the path as Discord's OpenAPI file writes it (None: unknown route).

    `body` is the JSON body, or the `payload_json` of a multipart one; `status` is 0 when the
    connection was cut instead of an answer; `code` is Discord's error code, 0 if there was none;
    `port` is the client's port; `applied` says whether the request had an effect (a fault may hide that
    from the bot).
    """

    at: float
    method: str
    path: str
    template: str | None
    query: dict[str, str]
    headers: dict[str, str]
    authorization: Authorization
    port: int
    body: Any = None
    multipart: bool = False
    files: list[tuple[str, int]] = field(default_factory=list)
    status: int = 0
    code: int = 0
    applied: bool = False
    answer: Any = None

    def matches(self, method: str | None, pattern: str) -> bool:
        """Whether it has this method (None: any) and matches a path with `*`s, or a template."""
        same = pattern == self.template or fnmatchcase(self.path, pattern)
        return same and method in {None, self.method}


def matching(requests: Iterable[Request], method: str | None, pattern: str) -> list[Request]:
    return [request for request in requests if request.matches(method, pattern)]
