"""When a render may end: from the recent slope of its progress, if that can be trusted.

All times are Unix seconds. A sample is a time and the percentage first observed then.
"""

from typing import Final

ProgressSample = tuple[float, int]

SAMPLES_KEPT: Final = 5
MOVES_NEEDED: Final = 2
"""Moves of progress before a slope means anything."""
STALLED_AFTER: Final = 3.0
"""Mean pauses between moves after which progress counts as stalled."""
SHORTEST_STALL: Final = 20.0
"""Fewer seconds without a move are never a stall."""


def with_sample(
    samples: tuple[ProgressSample, ...], now: float, progress: int | None
) -> tuple[ProgressSample, ...]:
    """Return the samples with the current progress, if it has moved; only the newest are kept."""
    if progress is None or (samples and progress <= samples[-1][1]):
        return samples
    return (*samples, (now, progress))[-SAMPLES_KEPT:]


def expected_end(samples: tuple[ProgressSample, ...], now: float, next_poll: float) -> float | None:
    """Return when the render may end, None if that cannot be said.

    `next_poll` is when we will know more: an estimate that has passed by then is not returned.
    """
    if len(samples) <= MOVES_NEEDED:
        return None
    (began, first), (moved, last) = samples[0], samples[-1]
    if moved <= began:
        return None
    pause = (moved - began) / (len(samples) - 1)
    if now - moved > max(STALLED_AFTER * pause, SHORTEST_STALL):
        return None
    end = moved + (100 - last) * (moved - began) / (last - first)
    return end if end > next_poll else None
