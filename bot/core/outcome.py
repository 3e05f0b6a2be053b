"""How watches end, what each ending requires, and the messages that announce it."""

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
    """Known to the API before, unknown now."""
    REFUSED = "refused"
    """The API refused every poll for ten minutes."""
    STALLED = "stalled"
    """Timed out: nothing changed for too long."""
    TOO_OLD = "too_old"
    """Timed out: watched for too long in all."""
    STOPPED = "stopped"
    NO_SUCH_TASK = "no_such_task"
    """Unknown to the API for the first minute."""
    CARD_DELETED = "card_deleted"
    ACCESS_LOST = "access_lost"

    @property
    def announced(self) -> bool:
        """Whether followers are pinged in a new message."""
        return self in _ANNOUNCED

    @property
    def ready(self) -> bool:
        """Whether there is a video."""
        return self is Ending.SUCCEEDED

    @property
    def failed(self) -> bool:
        """Whether it ended by itself without a video: people are notified, and count it as failed."""
        return self.announced and not self.ready

    @property
    def shown(self) -> bool:
        """Whether the card still exists and can be updated."""
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
    """The final end of a watch: what is stored, shown and announced."""

    ending: Ending
    at: float
    task: Task | None = None
    by: int | None = None
    """The person who stopped it."""
    message: str = ""
    """The API's last message, if that came with an error."""

    @property
    def last_message(self) -> str:
        """The API's last message, "" if there was none."""
        return self.message or ("" if self.task is None else self.task.message)


@dataclass(frozen=True, slots=True)
class Message:
    """One planned message of a result or a summary, stored so that a crash repeats it unchanged.

    `content` is at most 2,000 characters, `mentions` the ids of the people it pings, `urls_file` the lines
    of the attached `urls.txt`, `error_file` the text of the attached `error.txt`, if there are any. A
    `silent` message notifies nobody.
    """

    content: str
    mentions: tuple[int, ...] = ()
    urls_file: tuple[str, ...] = ()
    error_file: str = ""
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One planned message; `part` from 1. Sent once `message_id` is known.

    `intended_at` is Unix seconds by Discord's clock: it is compared with the times of messages.
    """

    part: int
    message: Message
    intended_at: float | None = None
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """The one message that pings for a card with several tasks; stored as soon as it is due."""

    watch_id: int
    """The last watch of the card: the one that ended last or, if `early`, is still running."""
    at: float
    """When it became due, in Unix seconds."""
    early: bool = False
    """It did not wait for the last watch, whose result therefore pings by itself."""
