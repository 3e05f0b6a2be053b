"""A time limit for many requests at once, with one timer: one of its own for each costs a tenth of a look."""

import asyncio
from types import TracebackType
from typing import Any, Final, Self

TICK_SECONDS: Final = 0.05
"""How much later than due a request may be ended."""


class Deadline:
    """`with deadline.watch():` cancels what is awaited inside after `seconds` and raises TimeoutError.

    A task may be inside once at a time. As with `asyncio.timeout`, a cancellation from outside stays one.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds: Final = seconds
        self.inside: Final[dict[asyncio.Task[Any], Watched]] = {}
        """Who is inside, the longest first."""
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> "Watched":
        return Watched(self)

    def close(self) -> None:
        """Give up the timer; nobody may be inside."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set the timer, if it is not."""
        if self._timer is None:
            self._timer = loop.call_later(self.seconds, self._end_late, loop)

    def _end_late(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for task, watched in self.inside.items():
            left = watched.since + self.seconds - now
            if left > 0:
                self._timer = loop.call_later(max(left, TICK_SECONDS), self._end_late, loop)
                break
            if not watched.late:
                watched.late = True
                task.cancel()


class Watched:
    """One stay inside."""

    __slots__ = ("_cancelled", "_deadline", "_task", "late", "since")

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self.late = False

    def __enter__(self) -> Self:
        if (task := asyncio.current_task()) is None:
            raise RuntimeError("there is no task to cancel")
        loop = task.get_loop()
        self._task, self.since, self._cancelled = task, loop.time(), task.cancelling()
        self._deadline.inside[task] = self
        self._deadline.begin(loop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._deadline.inside[self._task]
        if self.late and self._task.uncancel() <= self._cancelled and kind is asyncio.CancelledError:
            raise TimeoutError from error
