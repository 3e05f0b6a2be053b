"""Ten more kinds of renders, on which the tuner was never tuned: `python -m bench.aside` prints how it fares on them.

Look at them after a change, not while making it.
"""

import math
import random
import sys
from typing import Final

from bench.freshness import judge, taught
from bench.kinds import Kind, Trace, nothing, steady
from bench.tables import kinds_table


def decaying_speed(chance: random.Random, _day: float) -> Trace:
    ends = chance.uniform(60, 400)
    return Trace(ends, lambda age: min(99, int(105 * (1 - math.exp(-3 * age / ends)))))


def accelerating(chance: random.Random, _day: float) -> Trace:
    ends = chance.uniform(60, 400)
    return Trace(ends, lambda age: min(99, int(100 * (age / ends) ** 2)))


def stalls(chance: random.Random, _day: float) -> Trace:
    work = chance.uniform(60, 300)
    at = chance.uniform(0.1, 0.95) * work
    still = chance.uniform(60, 240) if chance.random() < 0.3 else 0.0
    return Trace(work + still, lambda age: min(99, int(100 * min(age, max(at, age - still)) / work)))


def two_jumps(chance: random.Random, _day: float) -> Trace:
    ends = chance.uniform(40, 240)
    first, second = sorted(chance.uniform(0, ends) for _ in range(2))
    low, high = sorted(chance.randint(1, 95) for _ in range(2))
    return Trace(ends, lambda age: 0 if age < first else low if age < second else high)


def queue_then_burst(chance: random.Random, _day: float) -> Trace:
    begins = chance.uniform(20, 200)
    return Trace(begins + max(3.0, chance.gauss(8, 2)), nothing, begins)


def pareto(chance: random.Random, _day: float) -> Trace:
    return Trace(min(3000.0, 20 * chance.paretovariate(1.2)), nothing)


def three_lengths(chance: random.Random, _day: float) -> Trace:
    mean = chance.choice((15, 60, 240))
    return Trace(max(3.0, chance.gauss(mean, 0.05 * mean)), nothing)


def time_limit(chance: random.Random, _day: float) -> Trace:
    if chance.random() < 0.2:
        return Trace(300 + chance.uniform(0, 2), nothing, fails=True)
    return Trace(chance.uniform(40, 80), nothing)


def upload_after_99(chance: random.Random, _day: float) -> Trace:
    work = chance.uniform(40, 200)
    return Trace(work + max(5.0, chance.gauss(45, 5)), lambda age: min(99, int(99 * age / work)))


def images(chance: random.Random, _day: float) -> Trace:
    ends = chance.uniform(3, 12) if chance.random() < 0.95 else chance.uniform(60, 200)
    return Trace(ends, steady(ends))


ASIDE: Final[dict[str, Kind]] = {
    "its speed decays": decaying_speed,
    "it accelerates": accelerating,
    "30 % stand still for 1-4 min": stalls,
    "two jumps of progress": two_jumps,
    "queued, then 8 s, silent": queue_then_burst,
    "Pareto tail, silent": pareto,
    "15 s, 1 min or 4 min, silent": three_lengths,
    "40-80 s, 20 % fail after 5 min": time_limit,
    "45 s of upload at 99 %": upload_after_99,
    "3-12 s, 5 % some minutes": images,
}


def main() -> int:
    """Print the table of the kinds kept aside."""
    tuners = {name: taught(kind) for name, kind in ASIDE.items()}
    figures = {name: judge(name, kind, tuners) for name, kind in ASIDE.items()}
    print("\n".join(kinds_table(figures)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
