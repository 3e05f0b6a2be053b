"""Learns from finished renders when renders end, and how often to poll because of that.

For each cell of `bot.core.course` it records how long renders were watched there and how many ended there,
which gives a hazard: the chance of ending in the next second. For a given number of polls, ends are noticed
soonest if the polling rate is proportional to the square root of the hazard. Older ends count less and less.
A cell with few ends uses the hazard of its row, and at first a guess.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite, sqrt
from typing import Any, Final

from bot.core.course import AXES, CELLS, FIRST_CELLS, Course

Rhythm = tuple[float, ...]
"""Polls a second, by cell."""

POLLS: Final = 1.8
"""Polls a second at a hazard of one; the rate is this times the square root of the hazard."""
REMEMBERED: Final = 500.0
"""Ends after which an older one counts for about a third."""
TRUSTED: Final = 2.0
"""A cell's own ends weigh as much as its row's hazard once there are so many."""
GUESSED: Final = (150.0, 400.0, 200.0, 80.0, 30.0, 12.0)
"""Seconds between ends in each row, as long as nothing is known."""
MEAN_FROM: Final = 2.5
"""A mean is used from this many ends: three, because the older ones have faded a little."""
SHAPE: Final = f"1:{CELLS}"
"""Version and number of the cells: records with other cells cannot be used."""


@dataclass(slots=True)
class Experience:
    """By cell: the seconds in which renders were watched there, and how many ended there, both faded.

    Of the queue: the seconds in which tasks were watched in it, and how many left it.
    """

    seconds: list[float] = field(default_factory=lambda: [0.0] * CELLS)
    ends: list[float] = field(default_factory=lambda: [0.0] * CELLS)
    queue: list[float] = field(default_factory=lambda: [0.0, 0.0])

    def lived(self, course: Course, seconds: float) -> None:
        """Learn that a render went on for so long."""
        for cell, stay in course.cells(seconds):
            self.seconds[cell] += stay

    def ended(self, course: Course) -> None:
        """Learn that a render ended here, and let everything else fade a little."""
        kept = 1 - 1 / REMEMBERED
        self.seconds = [seconds * kept for seconds in self.seconds]
        self.ends = [ends * kept for ends in self.ends]
        self.ends[course.cell] += 1

    def queued(self, seconds: float, *, left: bool) -> None:
        """Learn that a task was queued for so long, and whether it then left the queue."""
        self.queue[0] += seconds
        if left:
            kept = 1 - 1 / REMEMBERED
            self.queue = [self.queue[0] * kept, self.queue[1] * kept + 1]

    @property
    def usual_queue(self) -> float:
        """The mean time in the queue in seconds, 0 while too little is known."""
        return _mean(*self.queue)

    @property
    def usual_render(self) -> float:
        """The mean time of rendering in seconds, 0 while too little is known."""
        return _mean(sum(self.seconds), sum(self.ends))

    def rhythm(self) -> Rhythm:
        """Return how often to poll in each cell."""
        polls = []
        for first, axis, guess in zip(FIRST_CELLS, AXES, GUESSED, strict=True):
            cells = slice(first, first + len(axis) + 1)
            row = _hazard(sum(self.ends[cells]), sum(self.seconds[cells]), 1 / guess)
            polls += [
                POLLS * sqrt(_hazard(ends, seconds, row))
                for ends, seconds in zip(self.ends[cells], self.seconds[cells], strict=True)
            ]
        return tuple(polls)

    def record(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        numbers = {"seconds": self.seconds, "ends": self.ends, "queue": self.queue}
        return {"shape": SHAPE} | {name: [round(n, 3) for n in kept] for name, kept in numbers.items()}


def experience_from(record: object) -> Experience:
    """Return the recorded experience, or an empty one if the record cannot be used."""
    if isinstance(record, Mapping) and record.get("shape") == SHAPE:
        seconds, ends = (_numbers(record.get(name), CELLS) for name in ("seconds", "ends"))
        if seconds is not None and ends is not None:
            # Records of earlier versions say nothing of the queue.
            return Experience(seconds, ends, _numbers(record.get("queue"), 2) or [0.0, 0.0])
    return Experience()


def pause(rhythm: Rhythm, course: Course, longest: float) -> float:
    """Return the seconds until the next poll is due on this course, `longest` at most."""
    row, place, speed = course
    axis, first = AXES[row], FIRST_CELLS[row]
    waited, due, index = 0.0, 1.0, bisect_right(axis, place)
    while waited < longest:  # as `Course.cells` goes through them: a generator costs as much again
        often = rhythm[first + index]
        stay = (axis[index] - place) / speed if index < len(axis) else inf
        if often * stay >= due:
            return min(longest, waited + due / often)
        waited, due, place, index = waited + stay, due - often * stay, axis[index], index + 1
    return longest


def _hazard(ends: float, seconds: float, expected: float) -> float:
    """Return ends per second, as if `TRUSTED` more ends had come at the expected rate."""
    return (ends + TRUSTED) / (seconds + TRUSTED / expected)


def _mean(seconds: float, ends: float) -> float:
    """Return the mean time until an end, from all the time watched, including that of unfinished ones."""
    return seconds / ends if ends >= MEAN_FROM else 0.0


def _numbers(values: object, count: int) -> list[float] | None:
    if not isinstance(values, Sequence) or len(values) != count:
        return None
    if not all(isinstance(value, int | float) and isfinite(value) and value >= 0 for value in values):
        return None
    return [float(value) for value in values]
