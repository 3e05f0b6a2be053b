"""The table of REST routes: method, path, token, rate limit, function."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import bad_form
from .forms import Upload
from .ids import Json
from .limits import RateLimiter
from .world import World


@dataclass(slots=True)
class Call:
    """A request as a route's function sees it."""

    world: World
    limiter: RateLimiter
    params: dict[str, str]
    query: dict[str, str]
    body: Any
    uploads: Sequence[Upload]

    def id(self, name: str) -> int:
        """Return an id from the path or the query, or raise 50035."""
        text = self.params.get(name) or self.query[name]
        if not text.isascii() or not text.isdigit():
            raise bad_form([name], "NUMBER_TYPE_COERCE", f'Value "{text}" is not snowflake.')
        return int(text)

    @property
    def form(self) -> Json:
        """Return the body as an object, or raise 50035."""
        if not isinstance(self.body, dict):
            text = "Only dictionaries may be used in a DictType"
            raise bad_form([], "DICT_TYPE_CONVERT", text)
        return self.body


@dataclass(slots=True)
class Answer:
    """A route's result; `body` None sends no body."""

    status: int = 200
    body: Any = None


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One route. `limit` names the field of `Limits`; `by_token` routes need no bot token."""

    method: str
    template: str
    handler: Handler
    limit: str
    by_token: bool
    pattern: re.Pattern[str]

    def place(self, params: dict[str, str]) -> str:
        """Return what the bucket is counted by: channel, interaction token, or route."""
        token = params.get("webhook_token") or params.get("interaction_token")
        return params.get("channel_id") or token or f"{self.method} {self.template}"


@dataclass(slots=True)
class Router:
    """The routes; a `{parameter}` never matches `@me` or `@original`, so at most one route matches."""

    routes: list[Route] = field(default_factory=list)

    def add(
        self, method: str, template: str, *, limit: str = "others", by_token: bool = False
    ) -> Callable[[Handler], Handler]:
        """Register a function for a method and a path template as in Discord's OpenAPI file."""
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/@]+)", template) + r"\Z")

        def register(handler: Handler) -> Handler:
            self.routes.append(Route(method, template, handler, limit, by_token, pattern))
            return handler

        return register

    def find(self, method: str, path: str) -> tuple[Route | None, dict[str, str], bool]:
        """Find the route; the last value says whether the path exists with another method."""
        known = False
        for route in self.routes:
            if match := route.pattern.match(path):
                if route.method == method:
                    return route, match.groupdict(), True
                known = True
        return None, {}, known
