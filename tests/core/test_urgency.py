"""Which of the tasks that a limit keeps waiting is polled first: the one of which a poll is worth most."""

from dataclasses import replace
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import NOW

from bot.core.hazard import NOTHING_LEARNED, PRICE, USUAL_RATE, pause, worth
from bot.core.observed import UNOBSERVED, Observed, urgency
from bot.core.policy import PollPolicy
from bot.core.position import BUCKETS, position
from bot.core.task import Task, TaskState

POLICY = PollPolicy()


def render(progress: int, age: float) -> Observed:
    """Return what a poll has just observed."""
    task = Task("a", TaskState.RUNNING, "running", progress=progress)
    began = NOW - age
    return replace(UNOBSERVED, task=task, polled_at=NOW, began_at=began, samples=((NOW, progress),))


@given(st.floats(1e-4, 0.1), st.integers(0, 99), st.floats(1.5, 3_000))
def test_under_a_constant_rate_a_poll_is_due_when_it_is_worth_its_price(
    rate: float, progress: int, age: float
) -> None:
    rates = (rate,) * BUCKETS
    place = position(((NOW, progress),), NOW - age, NOW)._replace(moves=0.0)
    assert worth(rates, place, pause(rates, place, 600.0)) == pytest.approx(PRICE, rel=0.1)


def test_behind_a_peak_a_poll_is_worth_more_than_at_its_foot() -> None:
    """At the foot it would most likely be followed by another; behind it nothing is left to wait for."""
    rates, reached = [1e-3] * BUCKETS, position(((NOW, 95),), NOW - 95, NOW)
    for bucket, _ in reached.buckets(8.0):
        rates[bucket] = 0.5
    constant = worth((1e-3,) * BUCKETS, reached, 30.0)
    assert worth(tuple(rates), reached, 20.0) > 100 * worth(tuple(rates), reached, 0.5)
    assert worth(tuple(rates), reached, 20.0) > 10 * constant


@given(
    st.lists(st.floats(1e-9, 1.0), min_size=BUCKETS, max_size=BUCKETS),
    st.integers(0, 99),
    st.floats(0, 1e6),
)
def test_whatever_was_learned_a_poll_is_worth_a_number(some: list[float], progress: int, wait: float) -> None:
    assert isfinite(worth(tuple(some), position(((NOW, progress),), NOW - 60, NOW), wait))


def test_the_longer_the_wait_and_the_likelier_the_end_the_more_urgent() -> None:
    peak = [1e-3] * BUCKETS
    for bucket, _ in position(((NOW, 95),), NOW - 95, NOW).buckets(20.0):
        peak[bucket] = 0.3
    policy = replace(POLICY, learned={"": NOTHING_LEARNED._replace(rates=tuple(peak))})
    near, far = render(95, 95.0), render(20, 20.0)
    for wait in (1.0, 5.0, 20.0, 60.0):
        assert urgency(near, NOW, NOW + wait, policy) > urgency(far, NOW, NOW + wait, policy)
        assert urgency(far, NOW, NOW + wait + 1, policy) > urgency(far, NOW, NOW + wait, policy) > 0
    assert urgency(far, NOW, NOW + 900, policy) > urgency(near, NOW, NOW + 5, policy), "nobody starves"


@pytest.mark.parametrize("state", [None, TaskState.PENDING, TaskState.UNKNOWN])
def test_one_that_is_not_rendered_waits_as_long_as_usual(state: TaskState | None) -> None:
    task = None if state is None else Task("a", state, "")
    observed = replace(UNOBSERVED, task=task, polled_at=None if task is None else NOW)
    assert urgency(observed, NOW, NOW + 10, POLICY) == pytest.approx(USUAL_RATE * 50)
