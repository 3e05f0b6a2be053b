"""The budget of requests: what is set is never exceeded, what is announced is spread, no value stops all."""

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.budget import (
    LONGEST_WINDOW,
    TURN_LASTS,
    Quota,
    RequestBudget,
    turn_gap,
    turns_ahead,
)
from bot.core.learned_rate import LONGEST_HOLD

START = 1_800_000_000.0


def send(budget: RequestBudget, until: float, *, spaced: bool = True, since: float = START) -> list[float]:
    """Send as soon as the budget allows, without end; return when."""
    sent, now = list[float](), since
    while (now := max(now, budget.at(spaced=spaced))) < until and len(sent) < 10_000:
        budget.sent(now)
        sent.append(now)
    return sent


def test_without_any_limit_nothing_waits() -> None:
    budget = RequestBudget()
    for _ in range(1_000):
        assert budget.at(spaced=True) <= START
        budget.sent(START)
    assert not budget.is_limited(START)


@given(
    st.integers(1, 400),
    st.lists(st.tuples(st.floats(0, 3), st.booleans()), min_size=50, max_size=300),
)
def test_never_more_than_is_set_in_any_minute(per_minute: int, acts: list[tuple[float, bool]]) -> None:
    """Whoever asks, and whenever: the next one is sent at the earliest time that the budget names."""
    budget, now, sent = RequestBudget(per_minute), START, []
    for after, spaced in acts:
        now = max(now + after, budget.at(spaced=spaced))
        budget.sent(now)
        sent.append(now)
    # One request may take a second longer to arrive than the next.
    assert all(later - earlier > 60 for earlier, later in zip(sent, sent[per_minute:], strict=False))
    assert budget.is_limited(now)


@pytest.mark.parametrize("per_minute", [1, 3, 20, 60, 600])
@pytest.mark.parametrize("spaced", [True, False])
def test_a_restart_does_not_allow_a_minutes_requests_twice(per_minute: int, *, spaced: bool) -> None:
    before = send(RequestBudget(per_minute), killed := START + 150)
    restarted = RequestBudget(per_minute)
    restarted.assume_used(killed)
    after = send(restarted, killed + 150, spaced=spaced, since=killed)
    sent = [*before, *after]
    assert all(later - earlier > 60 for earlier, later in zip(sent, sent[per_minute:], strict=False))
    assert after[0] <= killed + 62


@pytest.mark.parametrize("per_minute", [1, 20, 60, 600])
def test_polls_of_watched_tasks_are_spaced_and_use_what_is_set(per_minute: int) -> None:
    sent = send(RequestBudget(per_minute), START + 600)
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert min(gaps) >= min(60 / per_minute * 0.4, 60 / per_minute - 0.06)
    assert len(sent) >= per_minute * 10 * 60 / 62


def test_a_persons_poll_does_not_wait_for_the_spacing_and_delays_the_others_by_a_few_gaps_at_most() -> None:
    budget = RequestBudget(60)
    for number in range(10):
        assert budget.at(spaced=False) <= START + number * 0.1
        budget.sent(START + number * 0.1)
    assert 3 < budget.at(spaced=True) - START < 6


@pytest.mark.parametrize("burst", [1, 6, 20])
def test_a_burst_of_people_leaves_something_for_the_rest_of_each_minute(burst: int) -> None:
    """Otherwise all wait for its end: people for half a minute, and whatever ends meanwhile."""
    budget, sent, now = RequestBudget(60), list[float](), START
    for minute in range(5):
        for _ in range(burst):  # all at once
            now = max(now, budget.at(spaced=False))
            budget.sent(now)
            sent.append(now)
        sent += send(budget, START + (minute + 1) * 60, since=now)
        now = sent[-1]
    assert max(later - earlier for earlier, later in pairwise(sent)) <= 5
    assert len(sent) >= 5 * 60 * 0.9


def test_what_is_announced_is_spread_over_the_rest_of_its_window() -> None:
    budget = RequestBudget()
    budget.announced([Quota(30, 60.0), Quota(900, 3_000.0)], START)
    assert len(send(budget, START + 59)) == pytest.approx(30, abs=1)
    assert not budget.is_limited(START + 61)
    budget.announced([Quota(5, 1.0)], START + 100)
    assert budget.is_limited(START + 100.5)
    budget.announced([], START + 100.6)
    assert not budget.is_limited(START + 100.6), "the newest answer counts"


def test_when_nothing_is_left_all_wait_for_the_reset_but_not_for_ever() -> None:
    budget = RequestBudget()
    budget.announced([Quota(0, 12.0)], START)
    assert budget.at(spaced=False) == START + 12
    budget.announced([Quota(0, LONGEST_WINDOW)], START)
    assert budget.at(spaced=False) == START + LONGEST_HOLD
    budget.announced([Quota(1, LONGEST_WINDOW)], START + 70)
    assert budget.at(spaced=True) < START + 70 + LONGEST_WINDOW


def test_a_spell_is_a_limit_before_its_rate_is_known() -> None:
    budget = RequestBudget()
    budget.learned.refused(START, START, None)
    assert budget.is_limited(START)


def test_a_long_quota_that_is_used_up_holds_nothing_while_requests_are_answered() -> None:
    """SpaceTradersAPI/issues-and-suggestions#72; a server may, says ietf-wg-httpapi/ratelimit-headers#42."""
    budget = RequestBudget()
    for second in range(60):
        assert budget.at(spaced=True) <= START + second
        budget.sent(START + second)
        budget.learned.accepted(START + second, START + second)
        budget.announced([Quota(0, 3_600.0)], START + second)


@given(st.lists(st.tuples(st.integers(-5, 10**15), st.floats(1e-9, 1e15)), max_size=6))
def test_no_announcement_stops_polling(quotas: list[tuple[int, float]]) -> None:
    budget = RequestBudget()
    budget.announced([Quota(*quota) for quota in quotas], START)
    budget.sent(START)
    assert budget.at(spaced=True) <= START + LONGEST_HOLD
    assert budget.at(spaced=True) < inf


# Turns among several processes


class Row:
    """The turns as `bot.store.turns` hands them out."""

    def __init__(self) -> None:
        self.next_at = START

    def take(self, now: float, gap: float, ahead: int) -> float:
        self.next_at = max(self.next_at, now) + gap
        return max(now, self.next_at - gap * (ahead + 1))


@given(
    st.integers(1, 400),
    st.lists(
        st.tuples(st.floats(0, 3), st.integers(0, 2), st.booleans(), st.floats(0, TURN_LASTS)),
        min_size=50,
        max_size=300,
    ),
)
def test_processes_that_take_turns_never_send_more_than_is_set_together(
    per_minute: int, acts: list[tuple[float, int, bool, float]]
) -> None:
    """Whoever asks in whichever process; a turn is used late, or not at all."""
    row, gap, now, sent = Row(), turn_gap(per_minute), START, list[float]()
    budgets = [RequestBudget(per_minute, takes_turns=True) for _ in range(3)]
    for after, number, spaced, late in acts:
        budget, now = budgets[number], now + after
        if spaced:
            while budget.lacks_turn(now) or budget.at(spaced=True) > now:
                now = max(now, budget.at(spaced=True))
                if budget.lacks_turn(now):
                    budget.turn_taken(row.take(now, gap, 0))
            at = now
            budget.turn_used()
        else:
            now = max(now, budget.at(spaced=False))
            at = row.take(now, gap, turns_ahead(per_minute)) + late
        budget.sent(at)
        sent.append(at)
    sent.sort()
    assert all(later - earlier > 60 for earlier, later in zip(sent, sent[per_minute:], strict=False))


def test_a_turn_is_waited_for_used_once_and_lost_if_it_is_not_used() -> None:
    budget = RequestBudget(60, takes_turns=True)
    assert budget.lacks_turn(START)
    budget.turn_taken(START + 5)
    assert not budget.lacks_turn(START)
    assert (budget.at(spaced=True), budget.at(spaced=False)) == (START + 5, -inf)
    assert budget.lacks_turn(START + 5 + TURN_LASTS + 0.1)
    budget.turn_used()
    assert budget.lacks_turn(START + 5)
    assert not RequestBudget(60).lacks_turn(START)
    assert not RequestBudget(takes_turns=True).lacks_turn(START)


def test_what_an_earlier_process_sent_is_counted_by_the_turns() -> None:
    budget = RequestBudget(60, takes_turns=True)
    budget.assume_used(START)
    assert budget.at(spaced=False) == -inf


def test_a_budget_that_is_held_sends_nothing() -> None:
    budget = RequestBudget()
    budget.hold(START + 2)
    budget.hold(START + 1)
    assert budget.at(spaced=True) == budget.at(spaced=False) == START + 2
