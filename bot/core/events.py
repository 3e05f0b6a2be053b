"""What a poll of a task can return: an observation."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.core.task import Task


class ErrorKind(StrEnum):
    """Why a poll returned no task."""

    UNAVAILABLE = "unavailable"
    """No answer, a timeout, a server error or a proxy's page: it may concern every task."""
    BROKEN = "broken"
    """An answer that cannot be read: it concerns this task only."""
    TASK_REFUSED = "task_refused"
    """The API refuses this one task."""
    KEY_REFUSED = "key_refused"
    RATE_LIMITED = "rate_limited"


CONGESTED: Final = frozenset({ErrorKind.RATE_LIMITED, ErrorKind.UNAVAILABLE})
"""How polls fail if an API takes no more of them at once."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The API does not know the task; `message` is its own, "" if none."""

    message: str = ""


@dataclass(frozen=True, slots=True)
class PollError:
    """A poll that returned no task; `retry_after` in seconds if the API asked for a pause.

    `message` is the API's own, "" if none; at most as long as a task's.
    """

    kind: ErrorKind
    retry_after: float | None = None
    message: str = ""


MISSING: Final = "missing"
Observation = Task | Missing | PollError


def name_of(observation: Observation) -> str:
    """Return an observation as a metric's label."""
    match observation:
        case Task():
            return observation.state
        case PollError():
            return observation.kind
        case Missing():
            return MISSING
