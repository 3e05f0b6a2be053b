"""How far a render is, so that renders of different lengths can be compared.

A render without progress is at its age. One with progress is at a *share*: its newest progress, and what it
has done since then if it keeps its speed; above 1 if it has slowed down. Each stage (how much progress was
reported) has its own axis, cut into buckets that are narrow where renders end.
"""

from bisect import bisect_right
from collections.abc import Iterator
from math import inf
from typing import Final, NamedTuple

from bot.core.task import Task

ProgressSample = tuple[float, int]
"""Unix seconds, and the percentage first observed then."""


STAGES: Final = (1, 50, 90)
"""The progress from which each stage counts; the first stage, before these, has none."""
AGES: Final = (*range(2, 66, 2), *(66 * 1.03**step for step in range(136)))
"""Edges between the buckets of the first stage up to an hour, in seconds; relays that ask every 15 seconds
show in renders of up to some minutes.
"""
SHARES: Final = (
    *(1 - 0.01 * 1.27**step for step in reversed(range(20))),
    *(1 + 0.01 * 1.27**step for step in range(27)),
)
"""Edges between the buckets of the other stages, from 0.06 to 6: a hundredth from 1, then ever farther."""
AXES: Final = (AGES, *(SHARES for _ in STAGES))
FIRST_BUCKETS: Final = tuple(sum(len(axis) + 1 for axis in AXES[:stage]) for stage in range(len(AXES)))
BUCKETS: Final = sum(len(axis) + 1 for axis in AXES)
ASSUMED_SPEED: Final = 1 / 60
"""The share per second until progress has been observed to move: that of a render of a minute."""
MOVE: Final = 0.02
NOTICED: Final = 3.0
"""People notice that progress on a card is this share behind, and so many seconds more."""
SHORTEST_AGE: Final = 1.0
"""Seconds of age from which progress says something about speed."""
SLOWEST: Final = 1e-9
"""No render stands still, even without progress."""


class Position(NamedTuple):
    """A stage, a place on its axis, and how far along the axis a second is."""

    stage: int
    place: float
    speed: float
    moves: float = 0.0
    """How often people will see progress move, in moves a second; less, the longer it has not moved."""

    def buckets(self, seconds: float) -> Iterator[tuple[int, float]]:
        """Yield the buckets passed in the next `seconds` without news, with the seconds spent in each."""
        axis, first, place = AXES[self.stage], FIRST_BUCKETS[self.stage], self.place
        index = bisect_right(axis, place)
        while True:
            edge = axis[index] if index < len(axis) else inf
            stay = (edge - place) / self.speed
            if stay >= seconds:
                yield first + index, seconds
                return
            yield first + index, stay
            seconds, index, place = seconds - stay, index + 1, edge


def beginning(task: Task, now: float, oldest: float) -> float:
    """Return when a running render began: when its task was created, if that is plausible, else now."""
    created_at = task.created_at
    return created_at if created_at is not None and now - oldest < created_at < now else now


def position(samples: tuple[ProgressSample, ...], began_at: float, now: float) -> Position:
    """Return where a render that began at `began_at` is at `now`, by the moves of its progress."""
    age = max(0.0, now - began_at)
    if not samples:
        return Position(0, age, 1.0)
    (first_at, first), (moved_at, percent) = samples[0], samples[-1]
    still = max(0.0, now - moved_at)
    if percent < STAGES[0]:
        return Position(0, age, 1.0, 1 / (NOTICED + MOVE / ASSUMED_SPEED + still))
    # The mean since the beginning is too low if that includes a queue that was never observed; the observed
    # moves are faster then. The faster of both: a poll too early costs less than an end noticed late.
    known = moved_at - began_at >= SHORTEST_AGE
    mean = percent / 100 / (moved_at - began_at) if known else 0.0
    recent = (percent - first) / 100 / (moved_at - first_at) if moved_at > first_at else ASSUMED_SPEED
    speed = max(SLOWEST, mean, recent)
    place = percent / 100 + still * speed
    return Position(bisect_right(STAGES, percent), place, speed, 1 / (NOTICED + MOVE / speed + still))
