"""How watches end, and what each ending asks for."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.core.task import Task


class Ending(StrEnum):
    """How a watch ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EMPTY = "empty"
    """Succeeded, but without a video."""
    VANISHED = "vanished"
    """Known before, unknown now."""
    REFUSED = "refused"
    """The API answered nothing but refusals for ten minutes."""
    STALLED = "stalled"
    """Timed out: nothing changed for too long."""
    TOO_OLD = "too_old"
    """Timed out: watched for too long in all."""
    STOPPED = "stopped"
    NO_SUCH_TASK = "no_such_task"
    """Never seen within the first minute."""
    CARD_DELETED = "card_deleted"
    ACCESS_LOST = "access_lost"

    @property
    def announced(self) -> bool:
        """Whether a new message tells the followers; the others are nothing to be called for."""
        return self in _ANNOUNCED

    @property
    def shown(self) -> bool:
        """Whether there is a card left to bring to its final form."""
        return self not in {Ending.CARD_DELETED, Ending.ACCESS_LOST}


_ANNOUNCED: Final = frozenset(
    {
        Ending.SUCCEEDED,
        Ending.FAILED,
        Ending.EMPTY,
        Ending.VANISHED,
        Ending.REFUSED,
        Ending.STALLED,
        Ending.TOO_OLD,
    }
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a watch, for good: what is stored, shown and announced."""

    ending: Ending
    at: float
    task: Task | None = None
    by: int | None = None
    """The person who stopped it."""
    message: str = ""
    """What the API last said, if that was no answer about the task."""

    @property
    def last_message(self) -> str:
        """What the API last said in words; "" if it never said any."""
        return self.message or ("" if self.task is None else self.task.message)
