"""Made-up renders: how long each takes, and what it tells of its progress on the way. Times are seconds of age."""

import random
from bisect import bisect
from collections.abc import Callable
from typing import Final

Progress = Callable[[float], int]
Kind = Callable[[random.Random], tuple[float, Progress]]
"""Draws one render: its duration, and its progress at an age."""


def _even(chance: random.Random) -> float:
    return chance.uniform(60, 600)


def smooth(chance: random.Random) -> tuple[float, Progress]:
    seconds = _even(chance)
    return seconds, lambda age: int(100 * age / seconds)


def coarse(chance: random.Random) -> tuple[float, Progress]:
    seconds = _even(chance)
    steps = [
        (share * chance.uniform(1 - spread, 1 + spread), percent)
        for share, spread, percent in ((0.1, 0.5, 10), (0.35, 0.2, 30), (0.6, 0.1, 60), (0.85, 0.05, 90))
    ]
    return seconds, lambda age: max(
        (percent for share, percent in steps if age >= share * seconds), default=0
    )


def stalled(chance: random.Random) -> tuple[float, Progress]:
    moving, top = chance.uniform(60, 400), chance.choice((90, 95, 99))
    return moving + min(600 - moving, chance.expovariate(1 / 60)), lambda age: int(
        min(top, top * age / moving)
    )


def silent(chance: random.Random) -> tuple[float, Progress]:
    return _even(chance), lambda _age: 0


def front_loaded(chance: random.Random) -> tuple[float, Progress]:
    seconds = _even(chance)
    return seconds, lambda age: int(100 * (age / seconds) ** 0.5)


def s_curve(chance: random.Random) -> tuple[float, Progress]:
    seconds = _even(chance)
    return seconds, lambda age: int(100 * (3 * (age / seconds) ** 2 - 2 * (age / seconds) ** 3))


def two_models(chance: random.Random) -> tuple[float, Progress]:
    seconds = _of_two_models(chance)
    return seconds, lambda age: int(100 * age / seconds)


def two_silent_models(chance: random.Random) -> tuple[float, Progress]:
    return _of_two_models(chance), lambda _age: 0


def long_tail(chance: random.Random) -> tuple[float, Progress]:
    seconds = min(3000.0, 60 + chance.lognormvariate(4, 1))
    return seconds, lambda age: int(100 * age / seconds)


def jumpy(chance: random.Random) -> tuple[float, Progress]:
    seconds = _even(chance)
    at = sorted(chance.random() for _ in range(12))
    percent = [0, *sorted(chance.randint(1, 99) for _ in range(12))]
    return seconds, lambda age: percent[bisect(at, age / seconds)]


def _of_two_models(chance: random.Random) -> float:
    return max(20.0, chance.gauss(80, 8) if chance.random() < 0.5 else chance.gauss(400, 30))


TUNED: Final[dict[str, Kind]] = {
    "smooth": smooth,
    "coarse": coarse,
    "stalled near the end": stalled,
    "no progress at all": silent,
}
"""What the pace was tuned on."""
UNSEEN: Final[dict[str, Kind]] = {
    "fast at first": front_loaded,
    "slow, fast, slow": s_curve,
    "two models": two_models,
    "two models, no progress": two_silent_models,
    "long tail": long_tail,
    "jumpy": jumpy,
}
"""What it was not."""
