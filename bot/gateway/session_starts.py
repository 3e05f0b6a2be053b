"""When the bot may begin a session with Discord's gateway (IDENTIFY). Pure.

More than 1,000 IDENTIFYs in a day reset the bot's token, and whatever fails after an IDENTIFY asks for
another one. So each waits longer than the one before, and a day has a fixed number of them.
Times are seconds.
"""

from collections import deque
from typing import Final

HOUR: Final = 3_600.0
DAY: Final = 24 * HOUR
PAUSES: Final = (5.0, 15.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1_800.0)
"""From the newest IDENTIFY to the next, by how many there were in the last `REMEMBERED` seconds."""
REMEMBERED: Final = 4 * HOUR
MOST_A_DAY: Final = 55
READY_WAITS: Final = (120.0, 240.0, 480.0, 960.0, 1_800.0)
"""How long READY is waited for, by how many times in a row it did not come."""
MOMENT: Final = 0.001
"""What is shorter is no wait: a sleep of it may end before the clock has moved."""
LEAST_LEFT: Final = 50
"""Discord's `session_start_limit.remaining` below which no session is begun: a person may need the rest."""


class SessionStarts:
    """The IDENTIFYs of one shard."""

    def __init__(self) -> None:
        self._at: Final = deque[float](maxlen=MOST_A_DAY)

    def note(self, now: float) -> None:
        self._at.append(now)

    def wait(self, now: float) -> float:
        """Return the seconds until the next IDENTIFY may be sent."""
        if not self._at:
            return 0.0
        lately = sum(1 for at in self._at if now - at < REMEMBERED)
        earliest = self._at[-1] + PAUSES[min(lately, len(PAUSES)) - 1] if lately else 0.0
        if len(self._at) == MOST_A_DAY:
            earliest = max(earliest, self._at[0] + DAY)
        left = earliest - now
        return left if left > MOMENT else 0.0


def ready_wait(unanswered: int) -> float:
    """Return how long to wait for READY after it did not come `unanswered` times in a row."""
    return READY_WAITS[min(unanswered, len(READY_WAITS) - 1)]
