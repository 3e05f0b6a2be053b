"""Decides which task is polled next: the one that is due first, with failing tasks behind all others.

A poll without an answer takes the full time limit of a request. So tasks whose newest poll failed or was slow
wait in a second queue: they use at most half of the capacity, and while other tasks are always due, one poll
in ten. Even hundreds of failing tasks do not delay the others.
"""

from collections.abc import Callable, Collection
from heapq import heappop, heappush
from math import inf
from typing import Final

IN_FLIGHT: Final = 192
"""Maximum of concurrent polls."""
FAILING_IN_FLIGHT: Final = 96
"""How many of them may be of failing tasks."""
FAILING_SHARE: Final = 10
"""While other tasks are always due, one poll in so many is of a failing task."""


class PollQueue:
    """Each of the `watched` tasks once, scheduled or in flight. Times are seconds of any one clock."""

    def __init__(self, watched: Collection[str]) -> None:
        self.in_flight: Final[dict[str, float]] = {}
        """The tasks being polled, and since when; the oldest first."""
        self._watched: Final = watched
        self._due: Final[dict[str, float]] = {}
        self._failing: Final[set[str]] = set()
        self._lines: Final[tuple[list[tuple[float, str]], ...]] = ([], [])
        """Two heaps, the second for failing tasks. If a task is rescheduled or changes queues, its old entry
        stays in the heap and is dropped when it comes up: `_due` and `_failing` are the truth."""
        self._failing_in_flight = 0
        self._others_in_a_row = 0

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._due or task_id in self.in_flight

    def schedule(self, task_id: str, due: float, *, failing: bool = False) -> None:
        """Schedule a poll, unless it is in flight or due earlier; `failing` if a poll elsewhere failed."""
        if task_id in self.in_flight:
            return  # scheduled by `done`, with what that poll returns
        if failing:
            self._failing.add(task_id)
        self._push(task_id, min(due, self._due.get(task_id, due)))

    def next_at(self) -> float:
        """Return when `take` may return a task; `inf` if that needs a new schedule or the end of a poll."""
        return min(self._first(failing=False), self._first(failing=True))

    def take(self, now: float) -> tuple[str, float]:
        """Take the task to poll now, and when it was due; `next_at` must have come."""
        others, failing = self._first(failing=False), self._first(failing=True)
        turn = failing <= now and (others > now or self._others_in_a_row >= FAILING_SHARE - 1)
        due, task_id = heappop(self._lines[turn])
        del self._due[task_id]
        self.in_flight[task_id] = now
        self._failing_in_flight += turn
        self._others_in_a_row = 0 if turn else self._others_in_a_row + 1
        return task_id, due

    def done(self, task_id: str, due: float | None, *, failing: bool) -> None:
        """Record that a poll has ended, whether it failed or was slow, and when the next one is due."""
        del self.in_flight[task_id]
        self._failing_in_flight -= task_id in self._failing
        self._failing.discard(task_id)
        if due is not None and task_id in self._watched:
            self.schedule(task_id, due, failing=failing)

    def is_failing(self, task_id: str) -> bool:
        """Return whether a task's newest poll failed or was slow."""
        return task_id in self._failing

    def spread(self, now: float, longest: float, per_second: float, chance: Callable[[], float]) -> None:
        """Reschedule the tasks that are overdue at `now`, evenly over some time but not over `longest`."""
        overdue = [task_id for task_id, due in self._due.items() if due <= now]
        seconds = min(longest, len(overdue) / per_second)
        for task_id in overdue:
            self._push(task_id, now + seconds * chance())

    def _push(self, task_id: str, due: float) -> None:
        self._due[task_id] = due
        heappush(self._lines[task_id in self._failing], (due, task_id))

    def _first(self, *, failing: bool) -> float:
        """Return when the first task of a queue is due, `inf` if it is empty or there is no capacity."""
        full = failing and self._failing_in_flight >= FAILING_IN_FLIGHT
        if full or len(self.in_flight) >= IN_FLIGHT:
            return inf
        line = self._lines[failing]
        while line:
            due, task_id = line[0]
            if self._due.get(task_id) == due and (task_id in self._failing) == failing:
                if task_id in self._watched:
                    return due
                del self._due[task_id]
                self._failing.discard(task_id)
            heappop(line)
        return inf
