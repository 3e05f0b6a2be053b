"""How much of a channel's limit on edits progress may use: the last edit of each window is kept for ends.

Discord lets a bot edit about five messages in five seconds in one channel, and three in six of those that are
more than an hour old. Were progress to use them all, an end would wait until a window is over.
"""

from collections import deque
from typing import Final

from bot.core.watch import Card

YOUNG: Final = (4, 5.0)
"""Edits by the bot's own token, and the seconds in which progress may use so many."""
OLD: Final = (2, 6.0)
"""The same for cards that are old."""
OLD_AFTER: Final = 3_600.0


class EditBudget:
    """One channel's. Times are Unix seconds."""

    def __init__(self) -> None:
        self._young: Final[deque[float]] = deque(maxlen=YOUNG[0])
        self._old: Final[deque[float]] = deque(maxlen=OLD[0])

    def spend(self, card: Card, now: float) -> None:
        """Note that a card is edited now."""
        edits, _ = self._of(card, now)
        edits.append(now)

    def available_at(self, card: Card, now: float) -> float:
        """Return when progress of this card may be edited: a time that is over if it may be now."""
        edits, seconds = self._of(card, now)
        return edits[0] + seconds if len(edits) == edits.maxlen else 0.0

    @property
    def recovers_at(self) -> float:
        """When all that was edited here is too long ago to matter."""
        windows = (self._young, YOUNG[1]), (self._old, OLD[1])
        return max((edits[-1] + seconds for edits, seconds in windows if edits), default=0.0)

    def _of(self, card: Card, now: float) -> tuple[deque[float], float]:
        if now - card.created_at > OLD_AFTER:
            return self._old, OLD[1]
        return self._young, YOUNG[1]
