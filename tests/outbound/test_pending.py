"""What a channel is still to be shown: the newest form wins, results go first, nothing due is forgotten."""

import asyncio
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import NOW, STARTER, watch

from bot.cards.cards import CardForm
from bot.core.watch import Card
from bot.gateway.rate_limiter import Priority
from bot.gateway.servers import ServerState
from bot.outbound.attachments import Videos
from bot.outbound.items import InFlight, Item, Result, Slot
from bot.outbound.pending import REQUEST_SECONDS, RESULTS_AT_ONCE, TOKEN_EDITS_AT_ONCE, AccessPause, Pending

OLD: Final = CardForm(("old",), 1)
NEW: Final = CardForm(("new",), 1)
END: Final = CardForm(("end",), 1, pointer="see below")


def card(number: int) -> Card:
    return Card(number, 1, 2, 1000 + number, STARTER, "en", NOW)


def result(number: int = 1, *, ready: bool = True, not_before: float = 0.0) -> Result:
    return Result(card(number), watch=watch(), ready=ready, not_before=not_before)


@pytest.fixture
def request_() -> Iterator["asyncio.Future[None]"]:
    """A request that has not been answered."""
    loop = asyncio.new_event_loop()
    yield loop.create_future()
    loop.close()


def fly(item: Item, request: "asyncio.Future[None]", at: float = NOW, form: CardForm | None = None) -> None:
    item.inflight = InFlight(request, at, ServerState.AVAILABLE, form=form)


def test_the_newest_form_replaces_the_one_that_was_wanted() -> None:
    pending = Pending()
    assert not pending.want(card(1), OLD, set())
    assert pending.want(card(1), NEW, set()), "the edit to the older one is spared"
    assert pending.slots == {1: Slot(card(1), form=NEW)}
    assert pending.next(NOW) is pending.slots[1]


def test_a_form_that_is_shown_already_is_not_sent() -> None:
    pending = Pending({1: Slot(card(1), form=OLD, shown=OLD)})
    assert not pending.want(card(1), OLD, set())
    assert (pending.next(NOW), pending.wait(NOW)) == (None, None)
    assert not pending.want(card(1), NEW, set())
    assert pending.next(NOW) is pending.slots[1]


def test_ends_are_gathered_and_not_shared_with_the_caller() -> None:
    pending, ends = Pending(), {7}
    pending.want(card(1), OLD, ends)
    ends.add(8)
    pending.want(card(1), NEW, {9})
    pending.want(card(1), NEW, set())
    assert pending.slots[1].ends == {7, 9}
    assert pending.slots[1].priority is Priority.FINAL


@pytest.mark.parametrize(
    ("form", "ends", "plain", "not_before"),
    [
        (OLD, set(), True, NOW + 60),
        (NEW, set(), False, NOW + 60),
        (OLD, {7}, True, NOW + 60),
        (OLD, {8}, True, 0.0),
        (NEW, {8}, False, 0.0),
    ],
)
def test_a_new_form_gets_its_own_chance_and_a_new_end_does_not_wait(
    form: CardForm, ends: set[int], plain: bool, not_before: float
) -> None:
    pending = Pending({1: Slot(card(1), 3, NOW + 60, form=OLD, ends={7}, plain=True)})
    pending.want(card(1), form, ends)
    slot = pending.slots[1]
    assert (slot.form, slot.plain, slot.not_before, slot.tries) == (form, plain, not_before, 3)


def test_results_go_before_ended_cards_and_these_before_progress() -> None:
    pending = Pending()
    pending.want(card(1), OLD, set())
    pending.want(card(2), OLD, set())
    pending.want(card(3), OLD, {7})
    pending.results[9] = result(9)
    order: list[object] = []
    while (item := pending.next(NOW)) is not None:
        order.append(item.card.id)
        pending.results.clear() if isinstance(item, Result) else pending.slots.pop(item.card.id)
    assert order == [9, 3, 1, 2]


def test_what_shows_its_form_waits_behind_the_others_when_it_changes() -> None:
    pending = Pending({number: Slot(card(number), form=OLD, shown=OLD) for number in (1, 2)})
    pending.want(card(2), NEW, set())
    pending.want(card(1), NEW, set())
    assert pending.next(NOW) is pending.slots[2]
    pending.want(card(2), END, set())
    assert pending.next(NOW) is pending.slots[2], "one that waits keeps its place"


def test_what_was_refused_holds_up_nothing_else() -> None:
    pending = Pending()
    pending.results[1] = result(not_before=NOW + 60)
    pending.results[2] = result(ready=False)
    pending.slots[3] = Slot(card(3), form=OLD, ends={7}, not_before=NOW + 30)
    pending.slots[2] = Slot(card(2), form=OLD)
    assert pending.next(NOW) is pending.slots.pop(2)
    assert pending.next(NOW) is None
    assert pending.wait(NOW) == 30
    assert pending.next(NOW + 30) is pending.slots[3]
    assert pending.next(NOW + 60) is pending.results[1]


def test_a_result_that_is_not_ready_is_waited_for_without_an_end() -> None:
    pending = Pending(results={1: result(ready=False)})
    assert (pending.next(NOW), pending.wait(NOW)) == (None, None)
    pending.results[1].ready = True
    assert pending.wait(NOW) == 0
    assert pending.next(NOW) is pending.results[1]


def test_an_ended_card_waits_for_its_result_and_says_the_end_without_it_when_that_is_late() -> None:
    pending = Pending({1: Slot(card(1), form=END, ends={7}, shown=OLD)}, {7: result(ready=False)})
    assert pending.next(NOW) is None
    pending.results[7].tries = 1
    assert pending.next(NOW) is pending.slots[1]
    assert pending.target(pending.slots[1]) == END.answerless
    pending.slots[1].shown = END.answerless
    assert pending.next(NOW) is None, "it shows all that it can"
    pending.results.clear()
    assert pending.next(NOW) is pending.slots[1]
    assert pending.target(pending.slots[1]) == END


def test_an_edit_in_flight_is_not_doubled_and_holds_up_other_edits_for_a_while(
    request_: "asyncio.Future[None]",
) -> None:
    slots = {number: Slot(card(number), form=NEW) for number in (1, 2)}
    pending = Pending(slots, uses_channel_limit=lambda _card: True)
    fly(pending.slots[1], request_, form=OLD)
    assert pending.next(NOW) is None
    assert pending.wait(NOW) == REQUEST_SECONDS
    assert pending.next(NOW + REQUEST_SECONDS) is pending.slots.pop(2)
    assert pending.next(NOW + 9 * REQUEST_SECONDS) is None, "nor ever"
    assert pending.answered() is None
    request_.set_result(None)
    assert pending.answered() is pending.slots[1]


def test_some_edits_by_token_are_in_flight_together(request_: "asyncio.Future[None]") -> None:
    numbers = range(TOKEN_EDITS_AT_ONCE + 1)
    by_bot = {TOKEN_EDITS_AT_ONCE + 5}
    pending = Pending(
        {number: Slot(card(number), form=NEW) for number in (*by_bot, *numbers)},
        uses_channel_limit=lambda wanted: wanted.id in by_bot,
    )
    fly(pending.slots[0], request_)
    for number in numbers[1:-1]:
        assert pending.next(NOW) is pending.slots[number], "one by the bot's own token waits for its turn"
        fly(pending.slots[number], request_)
    assert pending.next(NOW) is None
    pending.slots[0].inflight = None
    pending.slots[0].shown = NEW
    assert pending.next(NOW) is pending.slots[TOKEN_EDITS_AT_ONCE]


def test_edits_hold_up_no_result_and_results_no_edit(request_: "asyncio.Future[None]") -> None:
    pending = Pending({1: Slot(card(1), form=NEW)}, {7: result(7)})
    fly(pending.slots[1], request_)
    assert pending.next(NOW) is pending.results[7]
    fly(pending.results[7], request_)
    assert pending.next(NOW) is None
    pending.slots[1].inflight = None
    assert pending.next(NOW) is pending.slots[1]


def test_some_results_are_in_flight_together_and_one_upload(request_: "asyncio.Future[None]") -> None:
    pending = Pending(results={number: result(number) for number in range(6)})
    for number in (0, 1):
        pending.results[number].videos = Videos({"https://a": None})  # type: ignore[dict-item]  # any file
    fly(pending.results[0], request_)
    assert pending.next(NOW) is pending.results[2], "it overtakes the second upload"
    fly(pending.results[2], request_)
    fly(pending.results[3], request_)
    assert RESULTS_AT_ONCE == 3
    assert pending.next(NOW) is None
    pending.results.pop(0)
    assert pending.next(NOW) is pending.results[1]


def test_a_closed_channel_is_tried_with_one_thing_at_a_time(request_: "asyncio.Future[None]") -> None:
    pending = Pending({1: Slot(card(1), form=NEW)}, {7: result(7), 8: result(8)})
    pending.pause = AccessPause(2, "view_channel", NOW)
    pending.pause.refused(NOW)
    assert pending.next(NOW) is None
    assert pending.wait(NOW) == 60
    assert pending.next(NOW + 60) is pending.results[7]
    fly(pending.results[7], request_, NOW + 60)
    assert pending.next(NOW + 60) is None
    assert pending.wait(NOW + 60) == REQUEST_SECONDS
    pending.access_changed(NOW + 1)
    assert pending.pause.not_before == NOW + 10


@given(
    st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=5),
    st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=5),
    st.floats(0, 100),
)
def test_something_may_be_sent_exactly_when_the_wait_is_over(
    results: list[tuple[float, bool]], forms: list[tuple[float, bool]], now: float
) -> None:
    pending = Pending(
        {
            key: Slot(card(key), form=OLD, ends={1} if end else set(), not_before=at)
            for key, (at, end) in enumerate(forms)
        },
        {key: result(9, ready=ready, not_before=at) for key, (at, ready) in enumerate(results)},
    )
    wait = pending.wait(now)
    assert (pending.next(now) is not None) == (wait == 0)
    if wait:
        assert pending.next(now + wait + 1e-6) is not None


def test_progress_leaves_room_for_ends_where_it_counts_towards_the_channels_limit() -> None:
    pending = Pending(uses_channel_limit=lambda wanted: wanted.id != 3)
    for number in range(4):
        pending.budget.spend(card(number), NOW)
    pending.want(card(1), NEW, set())
    assert pending.next(NOW) is None
    assert pending.wait(NOW) == 5.0
    pending.want(card(3), NEW, set())
    assert pending.next(NOW) is pending.slots[3], "its token has a limit of its own"
    pending.want(card(2), NEW, {7})
    assert pending.next(NOW) is pending.slots[2], "an end takes what was kept for it"
