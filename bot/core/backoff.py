"""Backoff: the delay between retries, and the rate of requests to the task API after a 429."""

from math import exp, inf
from typing import Final

LOWEST: Final = 1.0
"""Requests a second that are always allowed."""
STEP: Final = 0.2
"""Requests a second that an answer adds. More would hit a real limit more often; with less, it would take
minutes to recover from the lowest rate."""
MEASURED_OVER: Final = 10.0
"""Seconds over which the rate without a limit is averaged."""


def exponential_backoff(failures: int, first: float, longest: float) -> float:
    """Return the seconds to wait after so many failures in a row: `first`, then doubling to `longest`."""
    # Python raises OverflowError for a float power that is too large, so the exponent is bounded, too.
    return min(longest, first * 2.0 ** min(max(failures - 1, 0), 64))


class RequestRate:
    """How many requests a second are sent to the task API: as many as are due, fewer after a 429.

    Additive increase, multiplicative decrease, as in TCP (RFC 5681): every 429 halves the rate, every answer
    adds a little. The limit is lifted once it is back at the rate before the first 429 and no request waits
    for it. Times are seconds of any one clock.
    """

    def __init__(self) -> None:
        self.limit = inf
        """Requests a second."""
        self.not_before = 0.0
        """When the next request may be sent."""
        self._full = inf
        """The rate before the first 429."""
        self._recent = 0.0
        self._sent_at = 0.0
        self._halved_at = -inf

    def sent(self, now: float) -> None:
        """Count a request."""
        self._recent = self._recent * exp(min(0.0, self._sent_at - now) / MEASURED_OVER) + 1 / MEASURED_OVER
        self._sent_at = now
        if self.limit == inf:
            return
        if self.limit >= self._full and now - self.not_before > 1 / self.limit:
            self.limit, self.not_before = inf, 0.0
        else:
            self.not_before = max(now, self.not_before) + 1 / self.limit

    def limited(self, begun: float, now: float) -> None:
        """Halve the rate after a 429, unless the request was sent at a rate that has been halved since."""
        if begun < self._halved_at:
            return
        if self.limit == inf:
            self._full = max(self._recent, 2 * LOWEST)
        self.limit = max(LOWEST, min(self.limit, self._full) / 2)
        self._halved_at = now
        self.not_before = now + 1 / self.limit

    def answered(self) -> None:
        """Raise the rate a little."""
        self.limit += STEP
