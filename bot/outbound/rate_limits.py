"""How many edits in a channel Discord allows, and which of them may show progress."""

from collections import deque
from typing import Final

from bot.core.watch import Card

YOUNG: Final = (4, 5.0)
"""Edits with the bot's own token that progress may use, and in how many seconds."""
OLD: Final = (2, 6.0)
"""The same for old cards."""
OLD_AFTER: Final = 3_600.0


class EditBudget:
    """How many edits in one channel may show progress: the last of each window is reserved for ends.

    Discord allows about five edits in five seconds per channel, and three in six seconds of messages older
    than an hour. If progress used them all, an end would have to wait for the next window. Times are Unix
    seconds.
    """

    def __init__(self) -> None:
        self._young: Final[deque[float]] = deque(maxlen=YOUNG[0])
        self._old: Final[deque[float]] = deque(maxlen=OLD[0])

    def spend(self, card: Card, now: float) -> None:
        """Count an edit of a card."""
        edits, _ = self._of(card, now)
        edits.append(now)

    def available_at(self, card: Card, now: float) -> float:
        """Return when progress of this card may be shown; in the past if it may be now."""
        edits, seconds = self._of(card, now)
        return edits[0] + seconds if len(edits) == edits.maxlen else 0.0

    @property
    def recovers_at(self) -> float:
        """When all edits counted here have left their windows."""
        windows = (self._young, YOUNG[1]), (self._old, OLD[1])
        return max((edits[-1] + seconds for edits, seconds in windows if edits), default=0.0)

    def _of(self, card: Card, now: float) -> tuple[deque[float], float]:
        if now - card.created_at > OLD_AFTER:
            return self._old, OLD[1]
        return self._young, YOUNG[1]
