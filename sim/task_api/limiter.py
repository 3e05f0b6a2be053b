"""Request limits as relays have them: how they count, and what their answers say about it."""

from collections import deque
from collections.abc import Mapping
from typing import Final, Literal

Kind = Literal["sliding", "fixed", "bucket"]
Style = Literal["silent", "retry-after", "github", "openai", "draft"]


class Limiter:
    """Accepts so many requests in so many seconds; one that is refused does not count.

    `sliding` counts the seconds before each request, `fixed` begins again with every window
    (express-rate-limit), `bucket` refills evenly (nginx's limit_req with a burst). `style` is what the
    headers say: nothing at all (new-api, whose 429 is bare), `Retry-After` on a 429, GitHub's three headers,
    OpenAI's with a Go duration ("6m0s"), or draft-ietf-httpapi-ratelimit-headers-10 (Cloudflare's API).
    """

    def __init__(self, kind: Kind, requests: int, seconds: float, style: Style = "retry-after") -> None:
        self.kind: Final = kind
        self.requests: Final = requests
        self.seconds: Final = seconds
        self.style: Final = style
        self.accepted = 0
        self.refused = 0
        self._times: Final = deque[float]()
        self._left, self._at = float(requests), 0.0

    def accepts(self, now: float) -> bool:
        """Count a request that arrives now; tell whether it is accepted."""
        self._move_to(now)
        accepted = self._left >= 1
        if accepted:
            self._left -= 1
            self._times.append(now)
        self.accepted += accepted
        self.refused += not accepted
        return accepted

    def headers(self, now: float, *, refused: bool) -> Mapping[str, str]:
        """Return the headers of an answer that is sent now."""
        self._move_to(now)
        left, reset = int(self._left), self._reset(now)
        match self.style:
            case "retry-after" if refused:
                return {"Retry-After": str(-(-reset // 1))}
            case "github":
                return {
                    "X-RateLimit-Limit": str(self.requests),
                    "X-RateLimit-Remaining": str(left),
                    "X-RateLimit-Reset": str(int(now + reset) + 1),
                }
            case "openai":
                return {
                    "x-ratelimit-limit-requests": str(self.requests),
                    "x-ratelimit-remaining-requests": str(left),
                    "x-ratelimit-reset-requests": f"{int(reset) // 60}m{reset % 60:.3f}s",
                }
            case "draft":
                return {
                    "RateLimit-Policy": f'"default";q={self.requests};w={self.seconds:.0f}',
                    "RateLimit": f'"default";r={left};t={-(-reset // 1):.0f}',
                }
        return {}

    def _move_to(self, now: float) -> None:
        match self.kind:
            case "sliding":
                while self._times and self._times[0] <= now - self.seconds:
                    self._times.popleft()
                self._left = self.requests - len(self._times)
            case "fixed" if now // self.seconds != self._at // self.seconds:
                self._left = self.requests
            case "bucket":
                refilled = self._left + (now - self._at) * self.requests / self.seconds
                self._left = min(self.requests, refilled)
        self._at = now

    def _reset(self, now: float) -> float:
        """Return the seconds until something is left again, or everything if something is."""
        match self.kind:
            case "sliding":
                return self._times[0] + self.seconds - now if self._times else 0.0
            case "fixed":
                return self.seconds - now % self.seconds
            case "bucket":
                return (self.requests - self._left) * self.seconds / self.requests
