"""How a poll can fail: one class per reaction of the caller.

    VeoError
    ├── TaskNotFound   the API does not know the task
    ├── TaskRefused    it refuses this one task
    ├── KeyRefused     it refuses the API key, or this key for this task
    ├── RateLimited    it asks for fewer requests
    ├── Unavailable    no response, a timeout, a 5xx, or a proxy's page
    └── BrokenAnswer   a response that cannot be parsed: concerns only this task, no sign of an outage

The text of an error is for the log and contains no key, header or URL. `message` is the API's own message,
for people.
"""

from bot.core.events import ErrorKind, Missing, PollError


class VeoError(Exception):
    """The task API returned no task; `message` is what it said, "" if nothing."""

    def __init__(self, text: str, message: str = "") -> None:
        super().__init__(text)
        self.message = message


class TaskNotFound(VeoError):
    """The task API does not know this task."""


class TaskRefused(VeoError):
    """The task API refused a request about this task only."""


class KeyRefused(VeoError):
    """The task API refused the API key."""


class RateLimited(VeoError):
    """The task API asks for fewer requests, for `retry_after` seconds if it said so."""

    def __init__(self, text: str, retry_after: float | None = None, message: str = "") -> None:
        super().__init__(text, message)
        self.retry_after = retry_after


class Unavailable(VeoError):
    """The task API did not answer, or a proxy answered instead."""


class BrokenAnswer(VeoError):
    """The task API sent an answer that cannot be read."""


def as_event(error: VeoError) -> Missing | PollError:
    """Return an error as an observation."""
    message = error.message
    match error:
        case TaskNotFound():
            return Missing(message)
        case TaskRefused():
            return PollError(ErrorKind.TASK_REFUSED, message=message)
        case KeyRefused():
            return PollError(ErrorKind.KEY_REFUSED, message=message)
        case RateLimited(retry_after=seconds):
            return PollError(ErrorKind.RATE_LIMITED, seconds, message)
        case BrokenAnswer():
            return PollError(ErrorKind.BROKEN, message=message)
        case _:
            return PollError(ErrorKind.UNAVAILABLE, message=message)
