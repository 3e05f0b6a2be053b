"""How many polls may be in flight at once, learned from their round trips.

Additive increase, multiplicative decrease (RFC 5681), judged once per `limit` answers: it grows while they
come as fast as ever, and shrinks once most of them take much longer, or the API refuses many or cuts them
off: some allow so many at once and no more.
"""

from math import inf
from statistics import median
from typing import Final

START: Final = 128
BOUNDS: Final = (32, 512)
LEAST_REFUSED: Final = 4
"""It may fall below the bounds only while requests are refused."""
MANY: Final = 0.2
"""The share from which refusals are many. Of those that fail for their own reasons there are fewer."""
MORE: Final = 16
QUICKLY: Final = 1.5
"""By how much it grows instead until it has fallen once, and below the bounds: TCP's slow start."""
LESS: Final = 0.8
MUCH_LONGER: Final = 2.0
TOLERATED: Final = 0.1
"""A median round trip is much longer at so many times the usual one, plus these seconds."""


class Concurrency:
    """Counts polls; `limit` is how many may be in flight."""

    def __init__(self) -> None:
        self.limit = START
        self._has_fallen = False
        self._usual = inf
        self._seconds: Final[list[float]] = []
        self._refused = 0
        self._in_use = False

    def ended(self, seconds: float, in_flight: int, *, refused: bool = False) -> None:
        """Learn how long a poll took, how many were in flight with it, and if it was refused or cut."""
        self._seconds.append(seconds)
        self._refused += refused
        self._in_use |= in_flight >= self.limit
        if len(self._seconds) >= self.limit:
            self._judge(median(self._seconds))
            self._seconds.clear()
            self._refused, self._in_use = 0, False

    def _judge(self, seconds: float) -> None:
        low, high = BOUNDS
        if self._refused > MANY * len(self._seconds):
            self.limit, self._has_fallen = max(LEAST_REFUSED, int(self.limit * LESS)), True
            return  # how fast they are refused says nothing
        if seconds > self._usual * MUCH_LONGER + TOLERATED:
            if self.limit <= low:  # that it is slow is not our doing
                self._usual = seconds
            self.limit, self._has_fallen = max(min(low, self.limit), int(self.limit * LESS)), True
        elif self._in_use:
            carefully = self._has_fallen and self.limit >= low
            self.limit = min(high, self.limit + MORE if carefully else int(self.limit * QUICKLY))
        self._usual = min(seconds, self._usual)
