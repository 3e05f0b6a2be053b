"""Turns: the newest interaction first, late ones not at all; polls on request person by person."""

import asyncio

import pytest

from bot.commands.turns import RESPONSE_SECONDS, NewestFirst, TooLate, Turn

pytestmark = pytest.mark.looptime


async def test_the_newest_goes_first_and_who_is_late_not_at_all() -> None:
    turns, order = NewestFirst(at_once=1), list[str]()

    async def use(name: str, seconds: float = 0.0) -> None:
        turn = Turn(turns)
        try:
            await turn.take()
        except TooLate:
            order.append(f"{name} late")
            return
        order.append(name)
        await asyncio.sleep(seconds)
        turn.give_back()
        turn.give_back()

    async with asyncio.TaskGroup() as group:
        group.create_task(use("first", RESPONSE_SECONDS - 0.5))
        for name in "ab":
            await asyncio.sleep(0)
            group.create_task(use(name))
        await asyncio.sleep(1)
        group.create_task(use("c", 1.0))
        group.create_task(use("d"))
    assert order == ["first", "d", "c", "b late", "a late"]
    await use("after")
    assert order[-1] == "after"


async def test_a_turn_may_be_given_back_and_taken_again_until_its_time_is_over() -> None:
    turns = NewestFirst(at_once=1)
    waiting, other = Turn(turns), Turn(turns)
    await waiting.take()
    waiting.give_back()
    await other.take()
    again = asyncio.create_task(waiting.take())
    await asyncio.sleep(0)
    other.give_back()
    await again
    waiting.give_back()
    await asyncio.sleep(RESPONSE_SECONDS)
    with pytest.raises(TooLate):
        await waiting.take()
    await Turn(turns).take()


@pytest.mark.parametrize("when", ["while it waits", "when it is given"])
async def test_who_is_cancelled_keeps_no_turn(when: str) -> None:
    turns = NewestFirst(at_once=1)
    holder = Turn(turns)
    await holder.take()
    waiting = asyncio.create_task(Turn(turns).take())
    await asyncio.sleep(0)
    if when == "while it waits":
        waiting.cancel()
        await asyncio.sleep(0)
    holder.give_back()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.wait_for(Turn(turns).take(), 1)
