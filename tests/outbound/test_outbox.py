"""What a channel is still to see: the newest form wins, results go first, nothing due is forgotten."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import NOW, STARTER, watch

from bot.cards.cards import CardForm
from bot.core.card import Card
from bot.outbound.gate import Urgency
from bot.outbound.outbox import Outbox, Result, Wanted

OLD: Final = CardForm(("old",), 1)
NEW: Final = CardForm(("new",), 1)


def card(number: int) -> Card:
    return Card(number, 1, 2, 1000 + number, STARTER, "en", NOW)


def result(ready: bool = True, not_before: float = 0.0) -> Result:
    return Result(card(1), watch(), ready, 0, not_before)


def test_the_newest_form_replaces_the_one_that_was_wanted() -> None:
    outbox = Outbox()
    outbox.want(card(1), OLD, set())
    outbox.want(card(1), NEW, set())
    assert outbox.wanted == {1: Wanted(card(1), NEW)}
    assert outbox.next(NOW) is outbox.wanted[1]


def test_ends_are_gathered_and_not_shared_with_the_caller() -> None:
    outbox, ends = Outbox(), {7}
    outbox.want(card(1), OLD, ends)
    ends.add(8)
    outbox.want(card(1), NEW, {9})
    outbox.want(card(1), NEW, set())
    assert outbox.wanted[1].ends == {7, 9}
    assert outbox.wanted[1].urgency is Urgency.FINAL


@pytest.mark.parametrize(
    ("form", "ends", "plainly", "not_before"),
    [
        (OLD, set(), True, NOW + 60),
        (NEW, set(), False, NOW + 60),
        (OLD, {7}, True, NOW + 60),
        (OLD, {8}, True, 0.0),
        (NEW, {8}, False, 0.0),
    ],
)
def test_a_new_form_gets_its_own_chance_and_a_new_end_does_not_wait(
    form: CardForm, ends: set[int], plainly: bool, not_before: float
) -> None:
    outbox = Outbox({1: Wanted(card(1), OLD, {7}, 3, NOW + 60, plainly=True)})
    outbox.want(card(1), form, ends)
    wanted = outbox.wanted[1]
    assert (wanted.form, wanted.plainly, wanted.not_before, wanted.tries) == (form, plainly, not_before, 3)


def test_results_go_before_ended_cards_and_these_before_progress() -> None:
    outbox = Outbox()
    outbox.want(card(1), OLD, set())
    outbox.want(card(2), OLD, set())
    outbox.want(card(3), OLD, {7})
    outbox.results[9] = result()
    order: list[object] = []
    while (item := outbox.next(NOW)) is not None:
        order.append(item.about["card"] if isinstance(item, Wanted) else "result")
        outbox.results.clear() if isinstance(item, Result) else outbox.wanted.pop(item.card.id)
    assert order == ["result", 3, 1, 2]
    assert outbox.empty


def test_what_was_refused_holds_up_nothing_else() -> None:
    outbox = Outbox()
    outbox.results[1] = result(not_before=NOW + 60)
    outbox.results[2] = result(ready=False)
    outbox.wanted[3] = Wanted(card(3), OLD, {7}, not_before=NOW + 30)
    outbox.wanted[2] = Wanted(card(2), OLD)
    assert outbox.next(NOW) is outbox.wanted.pop(2)
    assert outbox.next(NOW) is None
    assert outbox.wait(NOW) == 30
    assert outbox.next(NOW + 30) is outbox.wanted[3]
    assert outbox.next(NOW + 60) is outbox.results[1]


def test_a_result_that_is_not_ready_is_waited_for_without_an_end() -> None:
    outbox = Outbox(results={1: result(ready=False)})
    assert (outbox.next(NOW), outbox.wait(NOW), outbox.empty) == (None, None, False)
    outbox.results[1].ready = True
    assert outbox.wait(NOW) == 0
    assert outbox.next(NOW) is outbox.results[1]


@given(
    st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=5),
    st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=5),
    st.floats(0, 100),
)
def test_something_may_be_sent_exactly_when_the_wait_is_over(
    results: list[tuple[float, bool]], forms: list[tuple[float, bool]], now: float
) -> None:
    outbox = Outbox(
        {
            key: Wanted(card(key), OLD, {1} if end else set(), not_before=at)
            for key, (at, end) in enumerate(forms)
        },
        {key: result(ready, at) for key, (at, ready) in enumerate(results)},
    )
    wait = outbox.wait(now)
    assert (outbox.next(now) is not None) == (wait == 0)
    if wait:
        assert outbox.next(now + wait + 1e-6) is not None
    assert outbox.empty == (not results and not forms)


def test_progress_leaves_room_for_ends_where_it_takes_of_the_channels_limit() -> None:
    outbox = Outbox(spends=lambda wanted: wanted.id != 3)
    for number in range(4):
        outbox.room.take(card(number), NOW)
    outbox.want(card(1), NEW, set())
    assert outbox.next(NOW) is None
    assert outbox.wait(NOW) == 5.0
    outbox.want(card(3), NEW, set())
    assert outbox.next(NOW) is outbox.wanted[3], "its token has a limit of its own"
    outbox.want(card(2), NEW, {7})
    assert outbox.next(NOW) is outbox.wanted[2], "an end takes what was kept for it"
