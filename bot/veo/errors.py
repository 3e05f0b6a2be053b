"""What can go wrong with a look at a task: one class for each reaction that a caller can have.

    VeoError
    ├── TaskNotFound   the API does not know the task
    ├── KeyRefused     it refuses the key, or this key for this task
    ├── RateLimited    it wants fewer requests
    └── Unavailable    no answer, too late, or a server's error
        └── BrokenAnswer   an answer that makes no sense

The text of an error is for the log: it names no key, no header and no URL.
"""

from bot.core.events import Failure, Missing, Trouble


class VeoError(Exception):
    """The API told nothing about the task."""


class TaskNotFound(VeoError):
    """The task API does not know this task."""


class KeyRefused(VeoError):
    """The task API refused the API key."""


class RateLimited(VeoError):
    """The task API wants fewer requests; `retry_after` in seconds if it said for how long."""

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class Unavailable(VeoError):
    """The task API gave no answer that could be used."""


class BrokenAnswer(Unavailable):
    """The task API answered something that is not in its document."""


def as_event(error: VeoError) -> Missing | Failure:
    """Return what an error means to a watch."""
    match error:
        case TaskNotFound():
            return Missing()
        case KeyRefused():
            return Failure(Trouble.KEY_REFUSED)
        case RateLimited(retry_after=seconds):
            return Failure(Trouble.RATE_LIMITED, seconds)
        case _:
            return Failure(Trouble.UNAVAILABLE)
