"""The board without a store and without Discord's side: what a look that tells nothing new leaves undone."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from boards import card_state, filled_board, render, task_id

from bot.board import Board
from bot.core.events import Failure, Missing, PollError, Seen
from bot.core.outcome import Ending
from bot.core.pace import Pace
from bot.core.task import TaskState
from bot.core.transitions import advance
from bot.learning import Learning
from bot.store.errors import StoreFailed

NAME = task_id(1)


async def look(board: Board, seen: Seen) -> float | None:
    """Let the board know of a look as the poller does."""
    pause = board.told_again(NAME, seen)
    return await board.see(NAME, seen) if pause is None else pause


class Clock:
    def __init__(self) -> None:
        self.now = 1_767_225_600.0

    def __call__(self) -> float:
        return self.now


async def test_the_same_answer_again_changes_nothing_and_is_taken_in_with_the_next_step() -> None:
    clock = Clock()
    board, audience, store = filled_board(1, clock)
    answer = render(NAME, 40, clock.now - 60)
    await look(board, answer)
    state, shown = board.roster.card(1), audience.shown
    for _ in range(10):
        clock.now += 10
        assert await look(board, answer) is not None
    assert board.roster.card(1) is state
    assert (audience.shown, store.saved) == (shown, 0)
    clock.now += 10
    await board.see(NAME, render(NAME, 40, clock.now - 60))
    taken_in = board.roster.card(1).watches[0]
    assert (taken_in.quiet, taken_in.looked_at) == (110.0, clock.now)
    assert sum(board._learning._experience.seconds) == pytest.approx(110.0)


async def test_a_time_in_which_nobody_looked_is_neither_quiet_nor_learned_from() -> None:
    clock = Clock()
    board, _, _ = filled_board(1, clock)
    answer = render(NAME, 40, clock.now - 60)
    await look(board, answer)
    for pause in (10, 3_600, 10):
        clock.now += pause
        await look(board, answer)
    await board.see(NAME, Failure(PollError.UNAVAILABLE))
    assert board.roster.card(1).watches[0].quiet == 10 + Pace().max_seconds + 10
    assert sum(board._learning._experience.seconds) == pytest.approx(20.0)


async def test_what_never_changes_stalls_when_it_should() -> None:
    clock = Clock()
    board, audience, _ = filled_board(1, clock)
    answer = render(NAME, 40, clock.now - 60)
    began = clock.now
    after: Any = await look(board, answer)
    while after is not None:
        clock.now += after
        after = await look(board, answer)
    assert audience.ended == [Ending.STALLED]
    assert 7_200 <= clock.now - began < 7_200 + Pace().max_seconds
    assert not board.roster.tasks


async def test_a_card_that_begins_meanwhile_is_given_no_quiet_time_of_others() -> None:
    clock = Clock()
    board, _, _ = filled_board(1, clock)
    answer = render(NAME, 40, clock.now - 60)
    await board.see(NAME, answer)
    for _ in range(10):
        clock.now += 10
        await look(board, answer)
    begun = card_state(2, clock.now)
    begun = replace(begun, watches=(replace(begun.watches[0], task_id=NAME, seen_at=None),))
    assert list(await board.begin(begun, {NAME: render(NAME, 40, clock.now - 60)})) == [NAME]
    old, new = (board.roster.card(number).watches[0] for number in (1, 2))
    assert (old.quiet, old.looked_at) == (100.0, clock.now)
    assert (new.quiet, new.looked_at) == (0.0, clock.now)
    assert sum(board._learning._experience.seconds) == pytest.approx(100.0)


@pytest.mark.parametrize(
    "seen",
    [render(NAME, 40, 0), Missing(), Failure(PollError.UNAVAILABLE)],
    ids=["task", "missing", "failure"],
)
async def test_a_card_is_shown_once_when_it_begins_and_nothing_is_written(seen: Seen) -> None:
    clock = Clock()
    board, audience, store = filled_board(0, clock)
    begun = card_state(1, clock.now)
    shown = audience.shown
    pauses = await board.begin(begun, {NAME: seen})
    assert pauses[NAME] > 0
    assert (audience.shown - shown, store.saved) == (1, 0)


async def test_the_watch_that_wants_it_soonest_decides_when_a_task_is_looked_at() -> None:
    clock = Clock()
    board, _, _ = filled_board(1, clock)
    queued = replace(render(NAME, 0, clock.now - 60), state=TaskState.PENDING)
    older = card_state(2, clock.now)
    quiet = replace(older.watches[0], task_id=NAME, task=queued, quiet=40.0, looked_at=clock.now)
    board.roster.add(replace(older, watches=(quiet,)))
    await board.see(NAME, queued)
    clock.now += 3
    assert board.told_again(NAME, queued) == 4.0, "the first has been quiet for three seconds only"


async def test_what_is_learned_while_a_save_is_under_way_or_fails_is_saved_later() -> None:
    records: list[str] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Store:
        async def remember(self, _key: str, value: str) -> None:
            records.append(value)
            begun.set()
            await go_on.wait()
            if len(records) == 2:
                raise StoreFailed("full")

    anything: Any = Store()
    learning = Learning(anything, Pace())
    before = advance(card_state(1, 0.0).watches[0], render(NAME, 50, 1.0), 100.0, Pace()).watch
    ended = replace(render(NAME, 100, 1.0), state=TaskState.SUCCEEDED)
    learning.see(before, ended, 110.0)
    saving = asyncio.create_task(learning.save())
    await begun.wait()
    learning.see(before, ended, 110.0)
    go_on.set()
    await saving
    for _ in range(3):
        await learning.save()
    assert len(records) == 3, "the second failed, the third was the same again, and then all was saved"
    assert records[0] != records[1] == records[2]
