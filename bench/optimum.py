"""The best there is: when to poll if the distribution of a kind's renders were known, by dynamic programming.

A state is the age of a render and the progress that it tells there. Backwards from the greatest age, each state gets the
pause for which the expected lateness, and a price for each poll, are least. Pauses have no bounds. What is
expected is taken from drawn renders, other ones than those on which the policy is then judged.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from bench.kinds import Trace
from bench.tuner import Answer

AGES: Final = 500
SLACK: Final = 1.15
"""Each pause that is tried is so many times the one before, or a step longer."""
PERCENTS: Final = (*range(5, 91, 5), 92, 94, 96, 98)
QUEUED: Final = len(PERCENTS) + 1
STATES: Final = QUEUED + 1


class Optimum:
    """The tables of a kind: for any price of a poll, `policy(price)` gives the best pauses."""

    def __init__(self, traces: Sequence[Trace]) -> None:
        traces = sorted(traces, key=lambda trace: trace.ends)  # so those alive at an age are the last ones
        self._ends: Final = np.array([trace.ends for trace in traces])
        self.step: Final = traces[-1].ends / (AGES - 1)
        self._told: Final = np.array(
            [[_told(trace, age * self.step) for trace in traces] for age in range(AGES)]
        )
        pauses = [1]
        while pauses[-1] < AGES:
            pauses.append(max(pauses[-1] + 1, int(pauses[-1] * SLACK)))
        self._pauses: Final = np.array(pauses)

    def policy(self, price: float) -> "Planned":
        """Return the pauses that are best if a poll costs as much as so many seconds of lateness."""
        value = np.zeros(AGES * STATES)
        best = np.ones((AGES, STATES), dtype=int)
        for index in range(AGES - 2, -1, -1):
            first = int(np.searchsorted(self._ends, index * self.step, side="right"))
            states = self._told[index, first:]
            order = np.argsort(states, kind="stable")
            known, starts, counts = np.unique(states[order], return_index=True, return_counts=True)
            later = np.minimum(index + self._pauses, AGES - 1)[:, None]
            late = (index + self._pauses)[:, None] * self.step - self._ends[None, first:]
            onward = value.take(later * STATES + self._told[later[:, 0], first:])
            cost = price + np.where(late >= 0, late, onward)
            means = np.add.reduceat(cost[:, order], starts, axis=1) / counts
            # What no drawn render told at this age is taken for what the nearest told.
            nearest = np.abs(known[None, :] - np.arange(STATES)[:, None]).argmin(axis=1)
            best[index] = self._pauses[means.argmin(axis=0)][nearest]
            value[index * STATES : (index + 1) * STATES] = means.min(axis=0)[nearest]
        return Planned(best.tolist(), self.step)


class Planned:
    """Polls by a table: from age and progress to the pause."""

    def __init__(self, best: Any, step: float) -> None:
        self._best: Final = best
        self._step: Final = step

    def begin(self, now: float) -> None:
        pass

    def pause(self, answer: Answer, now: float) -> float:
        age = now - answer.created
        index = round(age / self._step)
        state = _state(answer.progress) if answer.begun else QUEUED
        if index >= AGES:
            return age / 20  # older than any render that was drawn
        pause: int = self._best[index][state]
        # To the edge of the step that was meant, wherever in its own step the poll came.
        return max(self._step / 4, (index + pause) * self._step - age)


def _state(progress: int | None) -> int:
    return sum(percent <= (progress or 0) for percent in PERCENTS)


def _told(trace: Trace, age: float) -> int:
    return _state(trace.progress(age)) if age >= trace.begins else QUEUED
