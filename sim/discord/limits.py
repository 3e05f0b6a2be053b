"""Rate limits: fixed windows per route and channel, the bot's global limit, one for old messages."""

import hashlib
import math
from dataclasses import dataclass, field

from .errors import ApiError
from .ids import Clock


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` requests in `per` seconds."""

    limit: int
    per: float


@dataclass(slots=True)
class Limits:
    """The limits; may be changed at any time. None turns one limit off, `enabled=False` turns all off.

    `webhooks` counts per interaction token, the others per channel. Interaction callbacks and
    requests through an interaction's token do not count against `whole_bot`, which is 50 a second
    ("Rate Limits" in Discord's documentation). Discord publishes no other limits; users see about 5
    edits in 5 s per channel (discord.py#6073). `old_edits` is for messages older than `old_after`
    seconds: 30046, sent as a 429, about 3 in 6 s (community documentation).
    """

    enabled: bool = True
    posts: Rate | None = Rate(5, 5.0)
    edits: Rate | None = Rate(5, 5.0)
    deletes: Rate | None = Rate(5, 1.0)
    webhooks: Rate | None = Rate(5, 5.0)
    others: Rate | None = None
    whole_bot: Rate | None = Rate(50, 1.0)
    old_edits: Rate | None = Rate(3, 6.0)
    old_after: float = 3600.0

    @classmethod
    def off(cls) -> "Limits":
        return cls(enabled=False)


@dataclass(slots=True)
class _Window:
    ends: float = -math.inf
    used: int = 0


@dataclass(slots=True)
class RateLimiter:
    """Counts requests against `Limits`, on the simulator's clock."""

    limits: Limits
    clock: Clock
    _windows: dict[str, _Window] = field(default_factory=dict)

    def reset(self) -> None:
        """Reset all windows."""
        self._windows.clear()

    def _take(self, key: str, rate: Rate) -> tuple[bool, int, float]:
        """Count a request in a window; return whether it fits, how many are left, and when it ends."""
        now = self.clock()
        window = self._windows.setdefault(key, _Window())
        if now >= window.ends:
            window.ends, window.used = now + rate.per, 0
        fits = window.used < rate.limit
        window.used += fits
        return fits, rate.limit - window.used, window.ends

    def charge_bot(self) -> None:
        """Count a request against the bot's global limit, or raise a global 429."""
        rate = self.limits.whole_bot
        if not self.limits.enabled or rate is None:
            return
        fits, _, ends = self._take("whole bot", rate)
        if not fits:
            raise TooMany(ends - self.clock(), {}, whole_bot=True)

    def charge(self, kind: str, place: str) -> dict[str, str]:
        """Count a request against its bucket and return the headers, or raise a 429."""
        rate: Rate | None = getattr(self.limits, kind, None)
        if not self.limits.enabled or rate is None:
            return {}
        fits, left, ends = self._take(f"{kind} {place}", rate)
        headers = {
            "X-RateLimit-Limit": str(rate.limit),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": f"{ends:.3f}",
            "X-RateLimit-Reset-After": f"{_up(ends - self.clock()):.3f}",
            "X-RateLimit-Bucket": hashlib.md5(kind.encode()).hexdigest(),
        }
        if not fits:
            raise TooMany(ends - self.clock(), headers)
        return headers

    def charge_old_edit(self, channel_id: int, age: float) -> None:
        """Count an edit of an old message against its channel's limit, or raise 30046."""
        rate = self.limits.old_edits
        if not self.limits.enabled or rate is None or age <= self.limits.old_after:
            return
        fits, _, ends = self._take(f"old edits {channel_id}", rate)
        if not fits:
            raise TooMany(ends - self.clock(), {}, code=30046)


def _up(seconds: float) -> float:
    """Round up to a millisecond, so that a client that waits this long is not early."""
    return math.ceil(seconds * 1000) / 1000


class TooMany(ApiError):
    """A 429 as Discord sends it, with `retry_after` in seconds."""

    def __init__(
        self, wait: float, headers: dict[str, str], *, whole_bot: bool = False, code: int = 0
    ) -> None:
        wait = _up(wait)
        text = "You are being rate limited."
        if code:
            text = "Maximum number of edits to messages older than 1 hour reached. Try again later"
        super().__init__(429, code, text, retry_after=wait, **{"global": whole_bot})
        if not code:
            del self.body["code"]
        scope = {"X-RateLimit-Scope": "global" if whole_bot else "user"}
        if whole_bot:
            scope["X-RateLimit-Global"] = "true"
        self.headers = {**headers, **scope, "Retry-After": str(math.ceil(wait))}
