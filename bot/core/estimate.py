"""When a render may end: from the recent slope of its progress, and silent where there is none to trust.

All times are Unix seconds. A mark is a time and the percent that was first seen then.
"""

from typing import Final

Mark = tuple[float, int]

MARKS_KEPT: Final = 5
MOVES_NEEDED: Final = 2
"""Times that progress must really have moved before a slope means anything."""
STALLED_AFTER: Final = 3.0
"""Mean pauses between moves after which progress counts as stalled."""
SHORTEST_STALL: Final = 20.0
"""Seconds without a move that never count as a stall."""


def with_mark(marks: tuple[Mark, ...], now: float, progress: int | None) -> tuple[Mark, ...]:
    """Return the marks with what was seen now, if it is a move; only the newest are kept."""
    if progress is None or (marks and progress <= marks[-1][1]):
        return marks
    return (*marks, (now, progress))[-MARKS_KEPT:]


def expected_end(marks: tuple[Mark, ...], now: float, next_look: float) -> float | None:
    """Return when the render may end, None if nothing can be said.

    `next_look` is when we will know more: an estimate that would be in the past by then is none.
    """
    if len(marks) <= MOVES_NEEDED:
        return None
    (began, first), (moved, last) = marks[0], marks[-1]
    if moved <= began:
        return None
    pause = (moved - began) / (len(marks) - 1)
    if now - moved > max(STALLED_AFTER * pause, SHORTEST_STALL):
        return None
    end = moved + (100 - last) * (moved - began) / (last - first)
    return end if end > next_look else None
