"""How far a render is, in a form in which different renders can be compared.

A render with progress is at a *share*: its age divided by the age at which it would be done at its speed so
far; above 1 if it has slowed down. One without progress only has an age. What was learned about ends is kept
by row (how much progress was reported) and by place on the row's axis (a share, or seconds).
"""

from bisect import bisect_right
from collections.abc import Iterator
from math import inf
from typing import Final, NamedTuple

from bot.core.task import Task

ProgressSample = tuple[float, int]
"""Unix seconds, and the percentage first observed then."""

PERCENTS: Final = (1, 40, 70, 90, 97)
"""The progress from which each row counts; the first row, before these, has none."""
AGES: Final = tuple(8.0 * 2.0 ** (step / 4) for step in range(36))
"""Where the cells of the first row end: from 8 seconds to an hour, each a fifth longer than the last."""
SHARES: Final = (
    *(0.3, 0.5, 0.65, 0.75, 0.82, 0.87, 0.91, 0.94, 0.96, 0.98),
    *(1.0, 1.02, 1.05, 1.1, 1.2, 1.4, 1.8, 2.5),
)
"""Where the cells of the other rows end: close together where renders end."""
AXES: Final = (AGES, *(SHARES for _ in PERCENTS))
FIRST_CELLS: Final = tuple(sum(len(axis) + 1 for axis in AXES[:row]) for row in range(len(AXES)))
CELLS: Final = sum(len(axis) + 1 for axis in AXES)
USUAL_SPEED: Final = 1 / 300
"""The share per second if the speed of a render is unknown: five minutes in all."""
SHORTEST_AGE: Final = 1.0
"""Seconds of age from which progress says something about speed."""
SLOWEST: Final = 1e-9
"""No course stands still, even without progress."""


class Course(NamedTuple):
    """A row, a place on its axis, and how far along the axis a second is."""

    row: int
    place: float
    speed: float

    def after(self, seconds: float) -> "Course":
        """Return the course some time later if there is no news."""
        return Course(self.row, self.place + seconds * self.speed, self.speed)

    @property
    def cell(self) -> int:
        return FIRST_CELLS[self.row] + bisect_right(AXES[self.row], self.place)

    def cells(self, seconds: float) -> Iterator[tuple[int, float]]:
        """Yield the cells passed in the next `seconds`, with the seconds spent in each."""
        axis, place = AXES[self.row], self.place
        index = bisect_right(axis, place)
        while seconds > 0:
            edge = axis[index] if index < len(axis) else inf
            stay = min(seconds, (edge - place) / self.speed)
            yield FIRST_CELLS[self.row] + index, stay
            seconds -= stay
            index, place = index + 1, edge


def beginning(task: Task, now: float, oldest: float) -> float:
    """Return when a running render began: when its task was created, if that is plausible, else now."""
    created_at = task.created_at
    return created_at if created_at is not None and now - oldest < created_at < now else now


def course(samples: tuple[ProgressSample, ...], began_at: float, now: float) -> Course:
    """Return the course at `now` of a render that began at `began_at`, by the moves of its progress."""
    age = max(0.0, now - began_at)
    if not samples or samples[-1][1] < PERCENTS[0]:
        return Course(0, age, 1.0)
    moved_at, percent = samples[-1]
    row = bisect_right(PERCENTS, percent)
    if moved_at - began_at < SHORTEST_AGE:
        return Course(row, percent / 100 + age * USUAL_SPEED, USUAL_SPEED)
    # Progress divided by the age at which it was first observed is the mean speed so far.
    speed = max(SLOWEST, percent / 100 / (moved_at - began_at))
    return Course(row, age * speed, speed)
