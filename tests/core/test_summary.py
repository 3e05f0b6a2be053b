"""When a card's summary is due: each rule, as a decision about values."""

from dataclasses import replace
from typing import Final

import pytest
from made import NOW, STARTER

from bot.core.observed import UNOBSERVED, Observed
from bot.core.outcome import Ending, Outcome, Summary
from bot.core.summary import EARLY_AFTER, early_summaries, final_summaries
from bot.core.watch import Card, CardState, Watch

READY: Final = Ending.SUCCEEDED
RUNNING: Final = None
POLLED: Final = Observed(polled_at=NOW)


def card(*ends: Ending | None, batch: bool = True, summary: Summary | None = None) -> CardState:
    """Return a card whose watches 1, 2, … ended like this, all at `NOW`."""
    watches = tuple(
        Watch(n, 1, f"task-{n}", n - 1, NOW - 60, outcome=None if end is None else Outcome(end, NOW))
        for n, end in enumerate(ends, 1)
    )
    return CardState(Card(1, 1, 2, 3, STARTER, "en", NOW - 60, batch), watches, (STARTER,), summary)


def final(state: CardState, *ends: Ending) -> Summary | None:
    """Return the summary that is due once the live watches of a card have ended like this."""
    ended = [replace(watch, outcome=Outcome(end, NOW)) for watch, end in zip(state.live, ends, strict=True)]
    return final_summaries({1: state}, ended, NOW).get(1)


def early(state: CardState, after: float, observed: Observed = POLLED) -> Summary | None:
    return early_summaries(
        [state], dict.fromkeys([f"task-{n}" for n in range(9)], observed), NOW + after
    ).get(1)


def test_it_is_due_when_the_last_task_has_ended() -> None:
    assert final(card(READY, Ending.FAILED, RUNNING), READY) == Summary(3, NOW)


def test_it_is_due_once_however_many_end_at_the_same_time() -> None:
    assert final(card(READY, RUNNING, RUNNING), Ending.STOPPED, Ending.STOPPED) == Summary(3, NOW)


def test_it_is_not_due_while_others_are_running() -> None:
    state = card(RUNNING, RUNNING)
    (first, _) = state.live
    assert final_summaries({1: state}, [replace(first, outcome=Outcome(READY, NOW))], NOW) == {}
    assert early(card(READY, RUNNING, RUNNING), 10 * EARLY_AFTER) is None


@pytest.mark.parametrize(
    "ending", [Ending.EMPTY, Ending.VANISHED, Ending.REFUSED, Ending.STALLED, Ending.TOO_OLD, Ending.FAILED]
)
def test_a_failure_is_a_result(ending: Ending) -> None:
    assert final(card(Ending.STOPPED, RUNNING), ending) == Summary(2, NOW)


@pytest.mark.parametrize("last", [Ending.STOPPED, Ending.NO_SUCH_TASK])
def test_if_the_last_is_stopped_or_unknown_while_others_had_results_it_comes(last: Ending) -> None:
    assert final(card(READY, RUNNING), last) == Summary(2, NOW)


@pytest.mark.parametrize("one", [Ending.STOPPED, Ending.NO_SUCH_TASK])
@pytest.mark.parametrize("last", [Ending.STOPPED, Ending.NO_SUCH_TASK])
def test_none_if_all_were_stopped_or_unknown(one: Ending, last: Ending) -> None:
    assert final(card(one, RUNNING), last) is None


@pytest.mark.parametrize("lost", [Ending.CARD_DELETED, Ending.ACCESS_LOST])
def test_none_if_the_card_is_gone(lost: Ending) -> None:
    assert final(card(READY, RUNNING, RUNNING), lost, lost) is None


def test_none_for_a_card_with_one_task_nor_for_one_begun_before_this_version() -> None:
    assert final(card(RUNNING, batch=False), READY) is None
    assert final(card(READY, RUNNING, batch=False), READY) is None
    assert early(card(READY, RUNNING, batch=False), EARLY_AFTER) is None


def test_one_that_goes_on_for_half_an_hour_is_not_waited_for() -> None:
    state = card(READY, RUNNING, Ending.FAILED)
    assert early(state, EARLY_AFTER - 1) is None
    assert early(state, EARLY_AFTER) == Summary(2, NOW + EARLY_AFTER, early=True)


def test_half_an_hour_is_counted_from_the_newest_end() -> None:
    state = card(READY, READY, RUNNING)
    older = replace(state.watches[0], outcome=Outcome(READY, NOW - EARLY_AFTER))
    assert early(state.with_watch(older), EARLY_AFTER - 1) is None


def test_a_task_that_nobody_has_asked_for_since_the_start_may_have_ended() -> None:
    assert early(card(READY, RUNNING), EARLY_AFTER, UNOBSERVED) is None


def test_no_early_one_without_a_result_to_point_to() -> None:
    assert early(card(Ending.STOPPED, Ending.NO_SUCH_TASK, RUNNING), EARLY_AFTER) is None


@pytest.mark.parametrize("last", [READY, Ending.STOPPED])
def test_after_an_early_one_there_is_no_other(last: Ending) -> None:
    state = card(READY, RUNNING, summary=Summary(2, NOW, early=True))
    assert early(state, 10 * EARLY_AFTER) is None
    assert final(state, last) is None
