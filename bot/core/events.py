"""What a poll of a task can return."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.core.task import Task


class ErrorKind(StrEnum):
    """Why a poll returned no task."""

    UNAVAILABLE = "unavailable"
    """No answer, too late, a server error, or a page of a proxy: it may concern every task."""
    BROKEN = "broken"
    """An answer that cannot be read: this task's own, and no sign of an outage."""
    TASK_REFUSED = "task_refused"
    """The API refuses this one task."""
    KEY_REFUSED = "key_refused"
    RATE_LIMITED = "rate_limited"


@dataclass(frozen=True, slots=True)
class Missing:
    """The API does not know the task; `message` is what it said, "" if nothing."""

    message: str = ""


@dataclass(frozen=True, slots=True)
class PollError:
    """A poll without a task; `retry_after` in seconds where the API asked for a pause.

    `message` is what the API said, "" if nothing, at most as long as a task's message.
    """

    kind: ErrorKind
    retry_after: float | None = None
    message: str = ""


MISSING: Final = "missing"
Observation = Task | Missing | PollError


def name_of(observation: Observation) -> str:
    """Return what a poll returned, in a word."""
    match observation:
        case Task():
            return observation.state
        case PollError():
            return observation.kind
        case Missing():
            return MISSING
