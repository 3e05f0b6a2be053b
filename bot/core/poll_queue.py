"""Whose poll begins next: whoever is due, but tasks in trouble behind all others.

A poll that gets no answer takes the whole time limit of a request. So a task whose newest poll failed or took
long waits in a queue of its own, such tasks never fill every place, and while others are due all the time (a
low request rate) they get one poll in ten: hundreds of them leave the others their times.
"""

from collections.abc import Collection
from typing import Final

from bot.core.schedule import Schedule

IN_FLIGHT: Final = 192
"""Polls under way at once."""
TROUBLED_IN_FLIGHT: Final = 96
"""How many of them may be of tasks in trouble."""
TROUBLED_SHARE: Final = 10
"""While others are due all the time, one poll in so many is of a task in trouble."""


class PollQueue:
    """Each of the `watched` tasks once: planned, waiting or in flight. Times are seconds of any one clock."""

    def __init__(self, watched: Collection[str]) -> None:
        self.flying: Final[dict[str, float]] = {}
        """The tasks that are being polled, and since when; the oldest first."""
        self._watched: Final = watched
        self._schedule: Final = Schedule()
        self._troubled: Final[set[str]] = set()
        self._waiting: Final[dict[str, float]] = {}
        """The troubled tasks that are due, in the order in which they came, and since when."""
        self._troubled_flying = 0
        self._others_in_a_row = 0

    def __len__(self) -> int:
        return len(self._schedule) + len(self._waiting) + len(self.flying)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._schedule or task_id in self._waiting or task_id in self.flying

    def plan(self, task_id: str, due: float, *, troubled: bool = False) -> bool:
        """Plan a poll unless one is under way or planned for earlier; return whether it may be the first.

        `troubled` where the newest poll failed that did not come from here.
        """
        if task_id in self.flying:
            return False
        self._waiting.pop(task_id, None)
        if troubled:
            self._troubled.add(task_id)
        return self._schedule.plan(task_id, due)

    def take(self, now: float) -> tuple[str, float] | None:
        """Take the task that is polled from now on, and when it was due; None if nobody is, or no place."""
        if len(self.flying) >= IN_FLIGHT:
            return None
        if self._others_in_a_row >= TROUBLED_SHARE - 1 and (taken := self._take_waiting(now)):
            return taken
        while (taken := self._schedule.take(now)) is not None:
            task_id, due = taken
            if task_id not in self._watched:
                self._troubled.discard(task_id)
            elif task_id in self._troubled:
                self._waiting[task_id] = due
            else:
                self._others_in_a_row += 1
                self.flying[task_id] = now
                return taken
        return self._take_waiting(now)

    def done(self, task_id: str, *, troubled: bool) -> None:
        """Note that a poll has ended, and whether it failed or took long."""
        del self.flying[task_id]
        if task_id in self._troubled:
            self._troubled_flying -= 1
            self._troubled.discard(task_id)
        if troubled and task_id in self._watched:
            self._troubled.add(task_id)

    def next_take(self, now: float) -> float | None:
        """Return when `take` may return a task, None if only a plan or an end can bring that about."""
        if len(self.flying) >= IN_FLIGHT:
            return None
        if self._waiting and self._troubled_flying < TROUBLED_IN_FLIGHT:
            return now
        return self._schedule.soonest

    def in_trouble(self, task_id: str) -> bool:
        """Tell whether a task's newest poll failed or took long."""
        return task_id in self._troubled

    def late(self, now: float) -> list[str]:
        """Return the tasks that are due and do not wait behind others."""
        return self._schedule.late(now)

    def put_off(self, task_id: str, due: float) -> None:
        """Plan a task for later than it was."""
        self._schedule.put_off(task_id, due)

    def _take_waiting(self, now: float) -> tuple[str, float] | None:
        while self._waiting and self._troubled_flying < TROUBLED_IN_FLIGHT:
            task_id = next(iter(self._waiting))
            due = self._waiting.pop(task_id)
            if task_id in self._watched:
                self._others_in_a_row = 0
                self._troubled_flying += 1
                self.flying[task_id] = now
                return task_id, due
            self._troubled.discard(task_id)
        self._others_in_a_row = 0
        return None
