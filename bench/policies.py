"""Ways to choose when to poll, and how each fares on a kind of renders, in virtual time."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from bench.kinds import Kind, Trace
from bench.measure import percentile
from bench.tuner import Answer

START: Final = 1_767_225_600.0
FIRST_POLL: Final = 3.0
"""A person pastes the id of a render that is up to so many seconds old."""
LONGEST: Final = 60.0
"""Seconds that an ETA policy sleeps at most."""
SEED: Final = 3


class Policy(Protocol):
    """Chooses pauses; it is told of each render's beginning."""

    def begin(self, now: float) -> None: ...

    def pause(self, answer: Answer, now: float) -> float: ...


@dataclass(frozen=True)
class Fixed:
    """Polls every so many seconds."""

    seconds: float

    def begin(self, now: float) -> None:
        pass

    def pause(self, answer: Answer, now: float) -> float:  # noqa: ARG002
        return self.seconds


@dataclass
class Eta:
    """Sleeps for a share of what progress says is left (half, or less to poll more), `least` seconds at least."""

    least: float
    _queued_at: float | None = None

    def begin(self, now: float) -> None:  # noqa: ARG002
        self._queued_at = None

    def pause(self, answer: Answer, now: float) -> float:
        if not answer.begun:
            self._queued_at = now
        if not answer.begun or not answer.progress:
            return self.least
        # One that was never seen queued has been under way since it was created, as far as anybody knows.
        began = answer.created if self._queued_at is None else self._queued_at
        left = (now - began) * (100 - answer.progress) / answer.progress
        return max(self.least, min(LONGEST, left * min(0.5, self.least / 8)))


class Found(NamedTuple):
    """Polls a render, and how late its end was seen in seconds: in the mean, and at 95 %."""

    polls: float
    late: float
    late_95: float


def renders(kind: Kind, count: int, seed: int) -> Iterator[Trace]:
    """Draw renders evenly over one day."""
    chance = random.Random(seed)
    return (kind(chance, number / count) for number in range(count))


def follow(traces: Iterator[Trace] | Sequence[Trace], policy: Policy, seed: int) -> tuple[int, list[float]]:
    """Poll each render until its end is seen; return how many polls that took, and how late each end was seen."""
    chance, polls, late = random.Random(seed), 0, []
    created = START
    for trace in traces:
        now = created + chance.uniform(0, FIRST_POLL)
        policy.begin(now)
        moved, before = created, None
        while True:
            polls += 1
            age = now - created
            ended = age >= trace.ends
            progress = 100 if ended else trace.progress(age) if age >= trace.begins else 0
            if progress != before:
                moved, before = now, progress
            updated = created + trace.ends if ended else min(now, moved)
            pause = policy.pause(
                Answer(created, updated, age >= trace.begins, ended, trace.fails, progress), now
            )
            if ended:
                late.append(age - trace.ends)
                break
            now += pause
        created += trace.ends + 60
    return polls, late


def found(traces: Sequence[Trace], policy: Policy) -> Found:
    polls, late = follow(traces, policy, SEED)
    return Found(polls / len(late), sum(late) / len(late), percentile(late, 0.95) or 0.0)


class Range(NamedTuple):
    """The settings among which to look, a greater one meaning fewer polls, and how often to halve them."""

    low: float
    high: float
    rounds: int = 12


def at_equal_polls(
    traces: Sequence[Trace], policy: Callable[[float], Policy], polls: float, among: Range
) -> Found:
    """Return how a policy fares with the setting at which it polls so often.

    Between the two nearest settings, lateness is taken on the line.
    """
    low, high, rounds = among
    few, many = found(traces, policy(high)), found(traces, policy(low))
    for _ in range(rounds):
        middle = (low * high) ** 0.5
        now = found(traces, policy(middle))
        if now.polls > polls:
            low, many = middle, now
        else:
            high, few = middle, now
    apart = many.polls - few.polls
    share = min(1.0, max(0.0, (polls - few.polls) / apart)) if apart else 0.0
    return Found(*(less + share * (more - less) for less, more in zip(few, many, strict=True)))
