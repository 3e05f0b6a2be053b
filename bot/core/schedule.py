"""What is due when: each task once, at the earliest time that it was planned for.

Time is cut into slots, and what is due in one is taken at its end, together: planning and taking cost the
same for ten tasks and for a hundred thousand. An entry is left behind when its task is planned anew, and is
dropped when its slot comes. Times are seconds of any one clock.
"""

from heapq import heappop, heappush
from typing import Final

SLOT_SECONDS: Final = 0.05
"""How much later than planned a task may be taken; nobody waits for a poll so exactly."""


class Schedule:
    """Tasks by id and when they are due."""

    def __init__(self) -> None:
        self._due: Final[dict[str, float]] = {}
        self._slots: Final[dict[int, list[str]]] = {}
        """Tasks by the slot in which they are due, those planned anew since then, too. A slot's number says
        at how many times its length it ends."""
        self._order: Final[list[int]] = []
        """A heap of the slots that there are."""

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._due

    def __len__(self) -> int:
        return len(self._due)

    @property
    def soonest(self) -> float | None:
        """When something may be taken next; never later than it may. None if there is no slot.

        A slot of which everything was planned for another time counts too: `plan` says whether it opens one
        before all others, so whoever sleeps until a plan must know of the very slots that `plan` goes by.
        """
        return self._order[0] * SLOT_SECONDS if self._order else None

    def plan(self, task_id: str, due: float) -> bool:
        """Plan a task unless it is planned for earlier; return whether it opens a slot before all others."""
        if (before := self._due.get(task_id)) is not None and before <= due:
            return False
        return self.put_off(task_id, due)

    def put_off(self, task_id: str, due: float) -> bool:
        """Plan a task as `plan` does, also where it was planned for earlier."""
        self._due[task_id] = due
        number = int(due / SLOT_SECONDS) + 1
        if (slot := self._slots.get(number)) is not None:
            slot.append(task_id)
            return False
        self._slots[number] = [task_id]
        heappush(self._order, number)
        return self._order[0] == number

    def take(self, now: float, *, early: bool = False) -> tuple[str, float] | None:
        """Take a task whose slot is over, or `early` one of the next slot; return it and when it was due."""
        while self._order and (early or self._order[0] * SLOT_SECONDS <= now):
            number = self._order[0]
            slot = self._slots[number]
            while slot:
                task_id = slot.pop()
                due = self._due.get(task_id)
                if due is not None and int(due / SLOT_SECONDS) + 1 == number:
                    del self._due[task_id]
                    if not slot:  # the next plan may open the first slot of all
                        del self._slots[heappop(self._order)]
                    return task_id, due
            del self._slots[heappop(self._order)]
        return None

    def late(self, now: float) -> list[str]:
        """Return what is due."""
        return [task_id for task_id, due in self._due.items() if due <= now]
