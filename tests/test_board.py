"""The board without a store and without Discord's side: what a look that tells nothing new leaves undone."""

from typing import Any

import pytest

from bench.world import filled_board, render, task_id
from bot.board import Board
from bot.core.events import Failure, Seen, Trouble
from bot.core.outcome import Ending
from bot.core.pace import Pace

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
    await board.see(NAME, Failure(Trouble.UNAVAILABLE))
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
