"""When the next poll is due, and of which task: everything that has a say, in order of precedence.

    1. the breaker        no poll while the API is down or refuses the key (`core.health`, `engine.breaker`)
    2. `Retry-After`      a task that was answered 429 waits at least so long (`policy.retry_after_delay`)
    3. backoff            a task whose polls fail waits longer each time (`policy.failure_delay`), and behind
                          all others: at most half of the places, and one poll in ten while others are due
    4. the budget         no more requests than are set, announced or learned (`core.budget`). People's own
                          polls go first, but take turns with the watched tasks that are due
    5. concurrency        no more polls in flight than round trips bear (`core.concurrency`)
    6. the tuner          when a watched task is due (`policy.poll_delay`); if a limit keeps several waiting,
                          the one whose end would be noticed latest (`observed.urgency`)

2, 3 and 6 give a task its due time, 1, 4 and 5 can only postpone it.
"""

from collections.abc import Callable, Collection
from heapq import heappop, heappush, nsmallest
from math import inf
from typing import Final

from bot.core.budget import RequestBudget
from bot.core.concurrency import Concurrency

FAILING_SHARE: Final = 10
"""While other tasks are always due, one poll in so many is of a failing task."""
PEOPLE_AHEAD: Final = 3
"""So many polls of people may begin before one of a watched task that is due; then they take turns."""
RANKED: Final = 256
"""How many of the tasks that have waited longest are ranked by urgency."""

UrgencyFn = Callable[[str, float], float]
"""Returns how urgent a task is that was due at a time."""


class PollQueue:
    """Each of the `watched` tasks once, scheduled or in flight. Times are seconds of any one clock."""

    def __init__(self, watched: Collection[str], budget: RequestBudget) -> None:
        self.in_flight: Final[dict[str, float]] = {}
        """The tasks being polled, and since when; the oldest first."""
        self.budget: Final = budget
        self.limit: Final = Concurrency()
        self.people_waiting = 0
        """People who wait for a poll of their own."""
        self._watched: Final = watched
        self._due: Final[dict[str, float]] = {}
        self._failing: Final[set[str]] = set()
        self._heaps: Final[tuple[list[tuple[float, str]], ...]] = ([], [])
        """Two heaps, the second for failing tasks. If a task is rescheduled or changes queues, its old entry
        stays in the heap and is dropped when it comes up: `_due` and `_failing` are the truth."""
        self._failing_in_flight = 0
        self._others_in_a_row = 0
        self._people_ahead = 0

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._due or task_id in self.in_flight

    def schedule(self, task_id: str, due: float, *, failing: bool = False) -> None:
        """Schedule a poll, unless it is in flight or due earlier; `failing` if a poll elsewhere failed."""
        if task_id in self.in_flight:
            return  # scheduled by `done`, with what that poll returns
        if failing:
            self._failing.add(task_id)
        self._push(task_id, min(due, self._due.get(task_id, due)))

    def reschedule(self, task_id: str, due: float) -> None:
        """Schedule a poll in place of the one that was due, unless it is in flight."""
        if task_id not in self.in_flight:
            self._push(task_id, due)

    def next_at(self) -> float:
        """Return when `take` may return a task; `inf` if something else has to happen first.

        That is a new schedule, the end of a poll, or the poll of a person whose turn it is.
        """
        if self.people_waiting and self._people_ahead < PEOPLE_AHEAD:
            return inf
        due = min(self._first(failing=False), self._first(failing=True))
        return due if due == inf else max(due, self.budget.at(spaced=True))

    def person_at(self, now: float, *, alone: bool) -> float:
        """Return when a person's poll may begin; `inf` if it is the turn of a watched task that is due.

        `alone` if no watched task is polled at all.
        """
        at = max(now, self.budget.at(spaced=False))
        if alone or self._people_ahead < PEOPLE_AHEAD:
            return at
        due = min(self._first(failing=False), self._first(failing=True))
        return inf if due <= at else at

    def begin_persons(self) -> None:
        """Record that a person's poll begins."""
        self._people_ahead = min(self._people_ahead + 1, PEOPLE_AHEAD)

    def take(self, now: float, urgency: UrgencyFn | None = None) -> tuple[str, float]:
        """Take the task to poll now, and when it was due; `next_at` must have come.

        The most urgent of the tasks that are due, or without `urgency` the one that has waited longest.
        """
        others, failing = self._first(failing=False), self._first(failing=True)
        take_failing = failing <= now and (others > now or self._others_in_a_row >= FAILING_SHARE - 1)
        due, task_id = self._heaps[take_failing][0]
        if urgency is not None and not take_failing:
            due, task_id = self._most_urgent(now, urgency)
        del self._due[task_id]
        self.budget.turn_used()
        self.in_flight[task_id] = now
        self._people_ahead = max(0, self._people_ahead - 1)
        self._failing_in_flight += take_failing
        self._others_in_a_row = 0 if take_failing else self._others_in_a_row + 1
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
        heappush(self._heaps[task_id in self._failing], (due, task_id))

    def _most_urgent(self, now: float, urgency: UrgencyFn) -> tuple[float, str]:
        waiting = (
            (due, task_id)
            for task_id, due in self._due.items()
            if due <= now and task_id not in self._failing and task_id in self._watched
        )
        return max(nsmallest(RANKED, waiting), key=lambda entry: urgency(entry[1], entry[0]))

    def _first(self, *, failing: bool) -> float:
        """Return when the first task of a queue is due, `inf` if it is empty or there is no capacity."""
        full = failing and self._failing_in_flight >= self.limit.limit // 2
        if full or len(self.in_flight) >= self.limit.limit:
            return inf
        heap = self._heaps[failing]
        while heap:
            due, task_id = heap[0]
            if self._due.get(task_id) == due and (task_id in self._failing) == failing:
                if task_id in self._watched:
                    return due
                del self._due[task_id]
                self._failing.discard(task_id)
            heappop(heap)
        return inf
