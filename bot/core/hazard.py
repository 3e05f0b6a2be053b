"""Learns from finished renders when renders end, and how long to pause between polls because of that.

`HazardModel` counts, for each bucket of `bot.core.position`, the seconds in which renders were watched there
and the renders that ended there. The rate of a bucket is the chance to end in the next second. Buckets with
few ends lean on wider ones, and those on `USUAL_RATES`. Old ends fade. Once `USUAL_RATES` would have
predicted better than what was learned, that is forgotten.

`pause` lasts until the expected lateness has grown to the price of a poll. Under a constant rate that is the
square-root law: polls per second are proportional to the root of the rate. Before a peak it waits for it.
Moves of the progress that cards show count like ends, for less. If a limit keeps several renders waiting, a
poll of each is `worth` the price at which one would poll now.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, inf, log, sqrt
from operator import add, mul
from typing import Any, Final, NamedTuple

from bot.core.position import AGES, AXES, BUCKETS, FIRST_BUCKETS, Position

PRICE: Final = 0.075
"""Seconds of expected lateness that a poll is worth."""
MOVE_WORTH: Final = 0.018
"""A move of the progress shown a second late is worth as much as an end shown so many seconds late."""
USUAL_RATE: Final = 1 / 50
"""The rate where nothing is known: a poll every 2.7 seconds."""
EARLY_RATE: Final = 1 / 170
NEAR: Final = 0.95
"""The same before this share of the end that progress promises: a poll every five seconds."""
USUAL_RATES: Final = (
    *(USUAL_RATE for _ in range(len(AGES) + 1)),
    *(EARLY_RATE if edge <= NEAR else USUAL_RATE for axis in AXES[1:] for edge in (*axis, inf)),
)
"""The rate of each bucket where nothing is known."""
REMEMBERED: Final = 150.0
"""Ends after which an older one counts for about a third."""
TRUSTED: Final = (1.0, 1.5, 2.0, 2.5, 3.0)
"""What the rate of wider buckets is worth, in ends: to 16 buckets together, to 8, 4, 2 and to one."""
FRESH: Final = 0.04
"""The rates are worked out again once this share of the ends is new."""
SURPRISED: Final = 4.0
"""Everything is forgotten once `USUAL_RATES` is more likely by this many powers of e."""
RAREST: Final = 1e-6
"""No chance to end in the next second is smaller."""
MEAN_FROM: Final = 2.5
"""A mean is used from this many ends: three, because the older ones have faded a little."""
MOST: Final = 1e9
"""No sensible record holds a greater number."""
SHAPE: Final = f"2:{BUCKETS}"
"""Version and number of the buckets: records with other buckets cannot be used."""

Rates = tuple[float, ...]
"""The chance to end in the next second, by bucket."""


class Learned(NamedTuple):
    """What is known of the renders of one action; the means are 0 until they are learned."""

    rates: Rates = USUAL_RATES
    usual_queue: float = 0.0
    usual_render: float = 0.0
    """Seconds for which a task is usually queued, and rendered."""


NOTHING_LEARNED: Final = Learned()


@dataclass(slots=True)
class HazardModel:
    """By bucket: the seconds in which renders were watched there, and how many ended there, both faded.

    Of the queue: the seconds in which tasks were watched in it, and how many left it.
    """

    seconds: list[float] = field(default_factory=lambda: [0.0] * BUCKETS)
    ends: list[float] = field(default_factory=lambda: [0.0] * BUCKETS)
    queue: list[float] = field(default_factory=lambda: [0.0, 0.0])
    learned: Learned = NOTHING_LEARNED
    surprise: float = 0.0
    """By how many powers of e `USUAL_RATES` has predicted better of late."""
    fresh: int = 0
    """Ends that the rates do not know yet."""

    def update(self, position: Position, seconds: float, *, ended: bool) -> None:
        """Learn that a render went on for `seconds` from a position, and whether it then ended."""
        rates, bucket = self.learned.rates, 0
        for bucket, stay in position.buckets(seconds):
            self.seconds[bucket] += stay
            self.surprise += stay * (rates[bucket] - USUAL_RATES[bucket])
        if ended:
            self.surprise += log(USUAL_RATES[bucket] / rates[bucket])
        self.surprise = max(0.0, self.surprise)
        if ended:
            self.ends[bucket] += 1
            kept = 1 - 1 / REMEMBERED
            if self.surprise > SURPRISED:
                kept = self.surprise = 0.0
            self.seconds = [kept * seconds for seconds in self.seconds]
            self.ends = [kept * ends for ends in self.ends]
            self.fresh += 1
            if not kept or self.fresh >= FRESH * sum(self.ends):
                self.learn()

    def update_queue(self, seconds: float, *, left: bool) -> None:
        """Learn that a task was queued for so long, and whether it then left the queue."""
        self.queue[0] += seconds
        if left:
            kept = 1 - 1 / REMEMBERED
            self.queue = [self.queue[0] * kept, self.queue[1] * kept + 1]
            self.learned = self.learned._replace(usual_queue=_mean(*self.queue))

    def learn(self) -> None:
        """Derive what is known from the counts."""
        rates: list[float] = []
        for first, axis in zip(FIRST_BUCKETS, AXES, strict=True):
            buckets = slice(first, first + len(axis) + 1)
            usual = USUAL_RATES[buckets]
            expected = list(map(mul, self.seconds[buckets], usual))
            rates += map(mul, usual, _ratios(self.ends[buckets], expected))
        self.learned = Learned(tuple(rates), _mean(*self.queue), _mean(sum(self.seconds), sum(self.ends)))
        self.fresh = 0

    def record(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        numbers = {"seconds": self.seconds, "ends": self.ends, "queue": self.queue}
        return {name: [round(n, 3) for n in kept] for name, kept in numbers.items()}


def model_from(record: object) -> HazardModel | None:
    """Return the recorded model, None if the record cannot be used."""
    if not isinstance(record, Mapping):
        return None
    seconds, ends = (_numbers(record.get(name), BUCKETS) for name in ("seconds", "ends"))
    queue = _numbers(record.get("queue"), 2)
    if seconds is None or ends is None or queue is None:
        return None
    model = HazardModel(seconds, ends, queue)
    model.learn()
    return model


def pause(rates: Rates, position: Position, longest: float) -> float:
    """Return the seconds until the next poll is due at this position, `longest` at most."""
    stage, place, speed, moves = position
    moves *= MOVE_WORTH
    axis, first = AXES[stage], FIRST_BUCKETS[stage]
    waited, left, ended = 0.0, PRICE, 0.0
    index = bisect_right(axis, place)
    while waited < longest:  # as `Position.buckets` yields them: a generator would cost as much again
        rate = rates[first + index] + moves
        stay = (axis[index] - place) / speed if index < len(axis) else inf
        # After s seconds the lateness has grown by ended * s + often * s² / 2.
        often = (1 - ended) * rate
        due = 2 * left / (ended + sqrt(ended * ended + 2 * often * left))
        if due <= stay:
            return min(longest, waited + due)
        left -= (ended + often * stay / 2) * stay
        ended = 1 - (1 - ended) * exp(-rate * stay)
        waited, place, index = waited + stay, axis[index], index + 1
    return longest


def worth(rates: Rates, position: Position, seconds: float) -> float:
    """Return what a poll of a render is worth now, in seconds of lateness; the newest was at a position then.

    At that price it would be best now: waiting any longer would cost as much lateness as it would save, for
    a poll too early is followed by another. Under a constant rate that is the expected lateness. Behind a
    peak it is more, because nothing is left to wait for, and at the foot of one it is less.
    """
    late = ended = rate = 0.0
    for bucket, stay in position.buckets(seconds):
        rate = rates[bucket]
        late += (ended + (1 - ended) * rate * stay / 2) * stay
        ended = 1 - (1 - ended) * exp(-rate * stay)
    return ended * ended / max(RAREST, (1 - ended) * rate) - late


def _ratios(ends: list[float], expected: list[float]) -> list[float]:
    """Return how many times as many ended in each bucket as expected, smoothed from wide to narrow."""
    counts = [(ends, expected)]
    for _ in TRUSTED[1:]:
        ends, expected = _pairs(ends), _pairs(expected)
        counts.append((ends, expected))
    ratios = [1.0] * len(counts[-1][0]) * 2
    for (wide_ends, wide_expected), trusted in zip(reversed(counts), TRUSTED, strict=True):
        ratios = [
            (n + trusted) / (usual + trusted / ratios[index // 2])
            for index, (n, usual) in enumerate(zip(wide_ends, wide_expected, strict=True))
        ]
    return ratios


def _pairs(numbers: list[float]) -> list[float]:
    """Add up neighbours, two by two."""
    return [*map(add, numbers[::2], numbers[1::2]), *numbers[len(numbers) // 2 * 2 :]]


def _mean(seconds: float, ends: float) -> float:
    """Return the mean time until an end, from all the time watched, including that of unfinished ones."""
    return seconds / ends if ends >= MEAN_FROM else 0.0


def _numbers(values: object, count: int) -> list[float] | None:
    if not isinstance(values, Sequence) or len(values) != count:
        return None
    if not all(isinstance(value, int | float) and 0 <= value <= MOST for value in values):
        return None
    return [float(value) for value in values]
