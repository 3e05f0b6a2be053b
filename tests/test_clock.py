"""The wake-up: one sleeper, woken by a call or by time; Discord's time; loops in slices."""

import asyncio

import pytest

from bot.clock import ANSWERS, SLICE_SECONDS, DiscordTime, WakeUp, in_slices

pytestmark = pytest.mark.looptime


async def asleep(wake_up: WakeUp, seconds: float | None) -> float:
    """Sleep, and return the seconds that it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await wake_up.sleep(seconds)
    return loop.time() - began


async def test_time_ends_a_sleep() -> None:
    assert await asleep(WakeUp(), 20.0) == 20.0


async def test_a_call_ends_a_sleep_of_any_length() -> None:
    wake_up = WakeUp()
    for seconds in (None, 3_600.0):
        asyncio.get_running_loop().call_later(5.0, wake_up.set)
        assert await asleep(wake_up, seconds) == 5.0


async def test_a_call_while_nobody_sleeps_ends_the_next_sleep_and_no_other() -> None:
    wake_up = WakeUp()
    wake_up.set()
    wake_up.set()
    assert await asleep(wake_up, None) == 0.0
    assert await asleep(wake_up, 7.0) == 7.0


async def test_calls_and_time_at_once_wake_only_once() -> None:
    wake_up, loop = WakeUp(), asyncio.get_running_loop()
    for _ in range(2):
        loop.call_later(5.0, wake_up.set)
    assert await asleep(wake_up, 5.0) == 5.0
    assert await asleep(wake_up, 3.0) == 3.0, "the calls woke the sleep before"


async def test_no_time_left_still_gives_others_their_turn() -> None:
    turns: list[int] = []
    asyncio.get_running_loop().call_soon(turns.append, 1)
    await WakeUp().sleep(0.0)
    assert turns


async def test_a_cancelled_sleep_leaves_nothing_behind() -> None:
    wake_up = WakeUp()
    sleeping = asyncio.create_task(wake_up.sleep(60.0))
    await asyncio.sleep(1.0)
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    wake_up.set()
    assert await asleep(wake_up, None) == 0.0


async def test_discords_clock_is_not_taken_from_one_answers_wrong_date() -> None:
    now = 1_767_225_600.0
    discord = DiscordTime(lambda: now)
    for date in ("Thu, 01 Jan 2026 00:00:09 GMT", "Tue, 01 Jan 2030 00:00:00 GMT", "soon", ""):
        discord.update(date)
        assert discord() == now + 9.5


async def test_discords_clock_is_learned_again_after_our_clock_stood_still() -> None:
    discord = DiscordTime(lambda: 1_767_225_600.0)
    discord.update("Thu, 01 Jan 2026 00:00:00 GMT")
    for _ in range(ANSWERS):
        discord.update("Thu, 01 Jan 2026 08:00:00 GMT")
    assert discord.ahead == 8 * 3_600 + 0.5


async def test_a_loop_over_many_things_lets_others_run_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, now, done = asyncio.get_running_loop(), 0.0, list[int | str]()
    monkeypatch.setattr(loop, "time", lambda: now)

    async def other() -> None:
        while True:
            done.append("other")
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async for number in in_slices(range(5)):
        done.append(number)
        now += 0.6 * SLICE_SECONDS
    task.cancel()
    assert done == [0, 1, "other", 2, 3, "other", 4]
