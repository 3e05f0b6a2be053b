"""A time limit for many requests at once, with one timer: one of its own for each costs a tenth of a look."""

import asyncio
from types import TracebackType
from typing import Any, Final

TICK_SECONDS: Final = 1.0
"""How much later than due a request may be ended."""


class Deadline:
    """`with deadline:` cancels what is awaited inside after `seconds`, and raises TimeoutError in its place.

    Each task may be inside once at a time. As with `asyncio.timeout`, a cancellation from outside stays one.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds: Final = seconds
        self._inside: Final[dict[asyncio.Task[Any], tuple[float, int]]] = {}
        """Since when, and how often the task had been cancelled before; the longest first."""
        self._late: Final[set[asyncio.Task[Any]]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        if (task := asyncio.current_task()) is None:
            raise RuntimeError("there is no task to cancel")
        loop = task.get_loop()
        self._inside[task] = loop.time(), task.cancelling()
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._end_late, loop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task: Any = asyncio.current_task()
        _, cancelled = self._inside.pop(task)
        if task in self._late:
            self._late.discard(task)
            if task.uncancel() <= cancelled and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def close(self) -> None:
        """Give up the timer; nobody may be inside."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_late(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for task, (since, _) in self._inside.items():
            if since + self._seconds > now:
                after = max(since + self._seconds - now, TICK_SECONDS)
                self._timer = loop.call_later(after, self._end_late, loop)
                break
            if task not in self._late:
                self._late.add(task)
                task.cancel()
