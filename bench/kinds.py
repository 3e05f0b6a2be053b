"""Fourteen kinds of renders, as they are seen through the task API: when they end, and what they tell on the way.

All times are seconds of age. A kind draws one render from chance and from the time of day, a share in [0, 1).
"""

import math
import random
from bisect import bisect
from collections.abc import Callable
from typing import Final, NamedTuple


class Trace(NamedTuple):
    """One render. Its progress is None where the API tells none; a queued one has not begun before `begins`."""

    ends: float
    progress: Callable[[float], int | None]
    begins: float = 0.0
    fails: bool = False


Kind = Callable[[random.Random, float], Trace]


def nothing(_age: float) -> None:
    return None


def steady(ends: float, begins: float = 0.0) -> Callable[[float], int]:
    return lambda age: max(0, min(99, int(100 * (age - begins) / (ends - begins))))


def true_progress(chance: random.Random, _day: float) -> Trace:
    ends = chance.uniform(60, 600)
    return Trace(ends, steady(ends))


def queued(chance: random.Random, _day: float) -> Trace:
    begins = chance.uniform(300, 900)
    ends = begins + chance.uniform(25, 35)
    return Trace(ends, steady(ends, begins), begins)


def short_or_long(chance: random.Random, _day: float) -> Trace:
    ends = _short_or_long(chance)
    return Trace(ends, steady(ends))


def silent_short_or_long(chance: random.Random, _day: float) -> Trace:
    return Trace(_short_or_long(chance), nothing)


def _short_or_long(chance: random.Random) -> float:
    return max(10.0, chance.gauss(20, 2) if chance.random() < 0.5 else chance.gauss(480, 20))


def half_minute_relay(chance: random.Random, _day: float) -> Trace:
    """A relay asks for all renders twice a minute, at moments that have nothing to do with this one."""
    ends, phase = chance.uniform(60, 600), chance.uniform(0, 30)
    linear = steady(ends)
    return Trace(
        phase + 30 * math.ceil((ends - phase) / 30),
        lambda age: linear(max(0.0, phase + 30 * math.floor((age - phase) / 30))),
    )


def plateaus(chance: random.Random, _day: float) -> Trace:
    ends = chance.uniform(60, 600)
    steps = sorted(chance.uniform(0.02, 0.98) * ends for _ in range(9))
    return Trace(ends, lambda age: 10 * bisect(steps, age))


def early_failures(chance: random.Random, _day: float) -> Trace:
    ends = chance.uniform(60, 300)
    if chance.random() < 0.45:
        return Trace(chance.uniform(3, 20), steady(ends), fails=True)
    return Trace(ends, steady(ends))


def all_at_the_end(chance: random.Random, _day: float) -> Trace:
    return Trace(chance.uniform(83, 253), lambda _age: 0)


def fast_and_standard(chance: random.Random, _day: float) -> Trace:
    return Trace(chance.gauss(73, 5) if chance.random() < 0.5 else chance.gauss(161, 10), nothing)


def drifting(chance: random.Random, day: float) -> Trace:
    mean = 150 - 90 * math.cos(2 * math.pi * day)
    return Trace(max(10.0, chance.gauss(mean, 0.15 * mean)), nothing)


def own_clock(chance: random.Random, _day: float) -> Trace:
    """A relay counts to 95 % in two minutes, whatever the render does."""
    return Trace(chance.uniform(60, 300), lambda age: min(95, int(95 * age / 120)))


def thirty_until_done(chance: random.Random, _day: float) -> Trace:
    """A relay asks every 15 s and says 30 % until it is done."""
    return Trace(15 * math.ceil(chance.uniform(60, 300) / 15), lambda age: 30 if age >= 15 else 0)


def silent_evenly(chance: random.Random, _day: float) -> Trace:
    return Trace(chance.uniform(11, 360), nothing)


def heavy_tail(chance: random.Random, _day: float) -> Trace:
    return Trace(min(3000.0, 30 + chance.lognormvariate(4, 1)), nothing)


KINDS: Final[dict[str, Kind]] = {
    "true progress, 1-10 min": true_progress,
    "queued 5-15 min, then 30 s": queued,
    "20 s or 8 min, progress": short_or_long,
    "20 s or 8 min, silent": silent_short_or_long,
    "a relay refreshes every 30 s": half_minute_relay,
    "steps of ten, plateaus": plateaus,
    "45 % fail early": early_failures,
    "0 to 100 at the end, 83-253 s": all_at_the_end,
    "Fast 73 s, Standard 161 s, silent": fast_and_standard,
    "mean drifts 60-240 s over the day": drifting,
    "a relay's own clock to 95 %": own_clock,
    "a relay asks every 15 s, says 30 %": thirty_until_done,
    "11 s to 6 min, silent": silent_evenly,
    "log-normal, heavy tail, silent": heavy_tail,
}
