"""What can happen to a watch: a look at its task told something, a person stopped it, Discord closed it."""

from dataclasses import dataclass
from enum import StrEnum

from bot.core.task import Task


class Trouble(StrEnum):
    """Why a look told nothing about the task."""

    UNAVAILABLE = "unavailable"
    """No answer, too late, or one that makes no sense."""
    KEY_REFUSED = "key_refused"
    RATE_LIMITED = "rate_limited"


@dataclass(frozen=True, slots=True)
class Missing:
    """The API does not know the task."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A look that told nothing; `retry_after` in seconds where the API asked for a pause."""

    trouble: Trouble
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """A person ended the watch."""

    by: int


@dataclass(frozen=True, slots=True)
class CardDeleted:
    """Discord says that the card's message is gone."""


@dataclass(frozen=True, slots=True)
class AccessLost:
    """Discord says that the channel is gone or closed to us."""


Seen = Task | Missing | Failure
Event = Seen | Stopped | CardDeleted | AccessLost


def name_of(seen: Seen) -> str:
    """Return what a look told, in a word."""
    match seen:
        case Task():
            return seen.state
        case Failure():
            return seen.trouble
        case Missing():
            return "missing"
