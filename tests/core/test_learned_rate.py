"""A rate learned from refusals alone, in front of limiters of every kind, in virtual time."""

from heapq import heappop, heappush
from itertools import count, pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.budget import RequestBudget
from bot.core.learned_rate import LONGEST_HOLD, LOWEST_RATE, LearnedRate
from sim.task_api.limiter import Kind, Limiter

START = 1_800_000_000.3
LIMITS = [(1, 1.0), (5, 1.0), (10, 1.0), (20, 10.0), (50, 60.0), (100, 60.0), (600, 60.0)]
"""Per second as in the benchmark; the others are published limits of relays."""


def meet(
    limiter: Limiter, seconds: float, wanted: float, round_trip: float = 0.05
) -> tuple[list[float], ...]:
    """Send so many a second as far as the budget allows; return when they were accepted, and refused."""
    budget, number = RequestBudget(), count()
    accepted, refused, wish = list[float](), list[float](), START
    under_way: list[tuple[float, int, float, bool]] = []
    while True:
        now = max(wish, budget.at(spaced=True))
        if now > START + seconds:
            return accepted, refused
        if under_way and under_way[0][0] <= now:
            now, _, begun, fine = heappop(under_way)
            if fine:
                budget.learned.accepted(begun, now)
            else:
                retry_after = float(limiter.headers(now, refused=True).get("Retry-After", "0")) or None
                budget.learned.refused(begun, now, retry_after)
            continue
        budget.sent(now)
        fine = limiter.accepts(now + round_trip / 2)
        (accepted if fine else refused).append(now - START)
        heappush(under_way, (now + round_trip, next(number), now, fine))
        wish = max(wish, now) + 1 / wanted


def between(times: list[float], begin: float, end: float) -> int:
    return sum(begin <= at < end for at in times)


@pytest.mark.parametrize("kind", ["sliding", "fixed", "bucket"])
@pytest.mark.parametrize("style", ["silent", "retry-after"])
@pytest.mark.parametrize(("requests", "seconds"), LIMITS)
def test_it_uses_what_is_allowed_and_is_rarely_refused(
    kind: Kind, style: str, requests: int, seconds: float
) -> None:
    limiter = Limiter(kind, requests, seconds, style)  # type: ignore[arg-type]
    allowed = requests / seconds
    accepted, refused = meet(limiter, 600.0, wanted=max(4.0, 2 * allowed))
    assert between(accepted, 0, 60) >= 0.6 * 60 * allowed
    assert between(accepted, 60, 600) >= 0.75 * 540 * allowed
    assert between(refused, 60, 600) <= 0.12 * between(accepted, 60, 600) + 5
    if seconds == 1.0:
        assert between(accepted, 60, 600) >= 0.9 * 540 * allowed, "learned within a minute"


@pytest.mark.parametrize("kind", ["sliding", "fixed"])
@pytest.mark.parametrize("requests", [10, 30, 60, 300])
def test_a_minutes_window_is_used_evenly_not_in_bursts(kind: Kind, requests: int) -> None:
    """A burst would leave every render unpolled for the rest of each minute.

    Windows of a minute are what relays have (new-api's model requests, OpenAI's "RPM").
    """
    accepted, refused = meet(Limiter(kind, requests, 60.0), 600.0, wanted=max(4.0, requests / 30))
    later = [at for at in accepted if at >= 60]
    gaps = sorted(after - before for before, after in pairwise(later))
    assert gaps[-1] <= 40, "a spell that finds out whether the limit is still there"
    assert sum(gap > 15 for gap in gaps) <= 2
    assert len(later) >= 0.9 * 540 * requests / 60
    assert between(refused, 60, 600) <= 30


def test_a_lower_limit_is_found_and_a_lifted_one_forgotten() -> None:
    limiter = Limiter("sliding", 10, 1.0)
    budget = RequestBudget()
    now, log = START, dict.fromkeys(("ten", "two", "free"), 0)
    for phase, requests in (("ten", 10), ("two", 2), ("free", 10**6)):
        limiter = Limiter("sliding", requests, 1.0)
        until = now + 240
        while now < until:
            now = max(now + 0.05, budget.at(spaced=True))
            budget.sent(now)
            if limiter.accepts(now):
                budget.learned.accepted(now, now)
                log[phase] += now >= until - 60
            else:
                budget.learned.refused(now, now, None)
    assert log["ten"] >= 60 * 10 * 0.85
    assert log["two"] >= 60 * 2 * 0.75
    assert not budget.is_limited(now + 600)


def test_one_refusal_pauses_briefly_and_more_of_them_as_long_as_they_say() -> None:
    rate = LearnedRate()
    rate.refused(START, START, 30.0)
    assert rate.not_before <= START + 1, "it may be about its task alone"
    rate.refused(START + 1, START + 1, 30.0)
    assert rate.not_before == START + 31
    rate.refused(START + 40, START + 40, 1e9)
    assert rate.not_before == START + 40 + LONGEST_HOLD
    rate.refused(START + 10, START + 41, 1e9)
    assert rate.not_before == START + 40 + LONGEST_HOLD, "sent before: nothing new"
    rate.accepted(START + 101, START + 101)
    assert rate.not_before == -inf


@given(
    st.lists(
        st.tuples(
            st.floats(0, 200), st.booleans(), st.none() | st.floats(allow_nan=False, allow_infinity=False)
        )
    )
)
def test_whatever_happens_there_is_always_a_next_attempt(
    answers: list[tuple[float, bool, float | None]],
) -> None:
    rate, now = LearnedRate(), START
    for after, fine, retry_after in answers:
        begun, now = now, now + after
        if fine:
            rate.accepted(begun, now)
        else:
            rate.refused(begun, now, retry_after)
        assert rate.not_before <= now + LONGEST_HOLD
        assert rate.at(now) >= LOWEST_RATE


def test_a_long_retry_after_does_not_make_it_forget_the_limit() -> None:
    """Otherwise each spell would be the first one: nothing would tell that the same rate is refused again."""
    rate = LearnedRate()
    for number in range(100):
        rate.accepted(START + number / 10, START + number / 10)
    spell = START + 10
    for begun in (spell, spell + 1):
        rate.sent(begun)
        rate.refused(begun, begun + 0.1, 60.0)
    rate.accepted(spell + 70, spell + 70)
    learned = rate.at(spell + 70)
    again = spell + 80
    rate.refused(again, again, 60.0)
    rate.refused(again + 1, again + 1, 60.0)
    assert rate.at(again + 60) < inf
    rate.accepted(again + 61, again + 61)
    assert rate.at(again + 61) <= learned * 1.5
