"""The gate, under a virtual clock: how many pass, who goes first, and who does not hold up the others."""

import asyncio
import random
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Final

import pytest

from bot.gateway.rate_limiter import AT_ONCE, LATE, PER_SECOND, Priority, RateLimiter

pytestmark = pytest.mark.looptime

MANY: Final = 1_000


def now() -> float:
    return asyncio.get_running_loop().time()


async def passed(gate: RateLimiter, urgencies: list[Priority]) -> list[tuple[float, int]]:
    """Let requests of these urgencies come at once; return when each passed, in the order of passing."""
    times: list[tuple[float, int]] = []

    async def enter(number: int) -> None:
        await gate.enter(urgencies[number])
        times.append((now(), number))

    await asyncio.gather(*map(enter, range(len(urgencies))))
    return times


def busiest(times: list[float]) -> int:
    """Return the most requests within any one second."""
    return max(sum(start <= time < start + 1 for time in times) for start in times)


async def test_a_thousand_at_once_pass_at_45_a_second_and_never_more_than_50_in_any() -> None:
    began = now()
    times = [time for time, _ in await passed(RateLimiter(), [Priority.PROGRESS] * MANY)]
    assert busiest(times) < 50
    assert MANY / PER_SECOND - 1 < times[-1] - began < MANY / PER_SECOND + 1


async def test_bursts_with_rests_between_them_never_pass_more_than_50_in_any_second() -> None:
    gate, chance, times = RateLimiter(), random.Random(7), []
    for _ in range(60):
        times += [time for time, _ in await passed(gate, [Priority.PROGRESS] * chance.randrange(1, 30))]
        await asyncio.sleep(chance.choice([0, 0.01, 0.1, 0.5, 2]))
    assert busiest(times) < 50


async def test_after_a_rest_a_few_pass_without_waiting() -> None:
    gate = RateLimiter()
    for _ in range(2):
        began = now()
        times = [time - began for time, _ in await passed(gate, [Priority.PROGRESS] * (AT_ONCE + 1))]
        assert times[:AT_ONCE] == pytest.approx([0] * AT_ONCE, abs=0.002)
        assert times[AT_ONCE] == pytest.approx(1 / PER_SECOND, abs=0.01)
        await asyncio.sleep(60)


async def test_the_urgent_go_first_and_equals_in_their_order() -> None:
    gate = RateLimiter()
    await passed(gate, [Priority.PROGRESS] * AT_ONCE)
    urgencies = [Priority.PROGRESS, Priority.FINAL, Priority.RESULT] * 5
    order = [number for _, number in await passed(gate, urgencies)]
    assert order == sorted(range(15), key=lambda number: (urgencies[number], number))


async def test_one_who_comes_later_does_not_overtake_equals() -> None:
    gate = RateLimiter()
    first = asyncio.create_task(passed(gate, [Priority.FINAL] * 20))
    await asyncio.sleep(0)
    await passed(gate, [Priority.FINAL])
    assert first.done()


async def test_the_cancelled_take_no_turn_and_hold_up_nobody() -> None:
    gate = RateLimiter()
    await passed(gate, [Priority.PROGRESS] * AT_ONCE)
    given_up = [asyncio.create_task(gate.enter(Priority.RESULT)) for _ in range(MANY)]
    await asyncio.sleep(0)
    for waiter in given_up:
        waiter.cancel()
    began = now()
    times = [time - began for time, _ in await passed(gate, [Priority.PROGRESS] * 45)]
    assert times[-1] == pytest.approx(1, abs=0.1)
    assert all(waiter.cancelled() for waiter in given_up)


async def test_a_gate_whose_only_waiter_gave_up_opens_again() -> None:
    gate = RateLimiter()
    await passed(gate, [Priority.PROGRESS] * AT_ONCE)
    waiter = asyncio.create_task(gate.enter(Priority.PROGRESS))
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.sleep(10)
    began = now()
    await passed(gate, [Priority.PROGRESS])
    assert now() == began


async def test_waiters_that_time_out_now_and_then_cost_the_others_nothing_but_their_own_turns() -> None:
    gate, chance = RateLimiter(), random.Random(3)
    times: list[float] = []

    async def enter() -> None:
        try:
            async with asyncio.timeout(chance.uniform(0.5, 6)):
                await gate.enter(chance.choice(list(Priority)))
        except TimeoutError:
            return
        times.append(now())

    async with asyncio.timeout(30):
        await asyncio.gather(*(enter() for _ in range(300)))
    assert len(times) >= 100
    assert busiest(times) < 50


@pytest.mark.slow
async def test_the_stalest_card_goes_first_however_many_cards_its_channel_has() -> None:
    gate, edits = RateLimiter(), dict[tuple[int, int], list[float]]()
    sizes = [1] * 40 + [2, 5, 20, 60] * 3

    async def channel(number: int) -> None:
        """Edit the card that has waited longest, one at a time, as a channel's queue does."""
        edited = {(number, card): [0.0] for card in range(sizes[number])}
        edits.update(edited)
        while True:
            newest = min(edited.values(), key=lambda times: times[-1])
            await gate.enter(Priority.PROGRESS, newest[-1])
            newest.append(now())
            await asyncio.sleep(0.1)

    channels = [asyncio.create_task(channel(number)) for number in range(len(sizes))]
    await asyncio.sleep(200)
    for running in channels:
        running.cancel()
    mean = 200 * len(edits) / sum(map(len, edits.values()))
    stalest = max(later - before for times in edits.values() for before, later in pairwise(times[1:]))
    assert stalest < 1.5 * mean


async def test_final_forms_wait_for_the_results_of_two_seconds_and_not_for_all() -> None:
    """Results keep coming faster than they can be sent."""
    gate = RateLimiter()
    first = asyncio.create_task(passed(gate, [Priority.RESULT] * 300 + [Priority.FINAL] * 10))
    later = []
    for _ in range(10):
        await asyncio.sleep(1)
        later.append(asyncio.create_task(passed(gate, [Priority.RESULT] * 100)))
    times = {number: time for time, number in await first}
    last = max(times[number] for number in range(300))
    finals = [times[number] for number in range(300, 310)]
    assert last < min(finals)
    assert max(finals) < last + 200 / PER_SECOND + 2
    await asyncio.gather(*later)


class SharedRow:
    """Hands out the turns of several limiters as `bot.store.turns` does; each take takes a while."""

    def __init__(self, takes: Callable[[], float]) -> None:
        self._takes: Final = takes
        self._next = 0.0

    async def take(self, _name: str, gap: float, at_once: int) -> float:
        await asyncio.sleep(self._takes() / 2)
        self._next = max(self._next, now()) + gap
        wait = self._next - at_once * gap - now()
        await asyncio.sleep(self._takes() / 2)
        return max(0.0, wait)


def sharing(row: SharedRow) -> RateLimiter:
    limiter = RateLimiter()
    limiter.take_turn = row.take
    return limiter


async def test_processes_that_share_turns_send_at_45_a_second_and_never_more_than_50_in_any() -> None:
    chance = random.Random(5)
    row = SharedRow(lambda: chance.choice([0.001, 0.002, 0.02]))
    began = now()
    found = await asyncio.gather(*(passed(sharing(row), [Priority.PROGRESS] * 60) for _ in range(3)))
    times = sorted(time for mine in found for time, _ in mine)
    assert busiest(times) <= 50
    assert 180 / (now() - began) >= 43
    first = min(mine[-1][0] for mine in found)
    assert all(sum(time <= first for time, _ in mine) >= 50 for mine in found)


async def test_a_shared_turn_goes_to_the_most_urgent_of_those_that_wait_when_it_comes() -> None:
    row = SharedRow(lambda: 0.001)
    busy, limiter = sharing(row), sharing(row)
    others = asyncio.create_task(passed(busy, [Priority.PROGRESS] * 200))
    progress = asyncio.create_task(passed(limiter, [Priority.PROGRESS] * 30))
    await asyncio.sleep(0.2)
    began = now()
    await passed(limiter, [Priority.RESULT])
    assert now() - began < 0.1
    assert not progress.done()
    await asyncio.gather(others, progress)


async def test_requests_wait_while_no_turns_are_given() -> None:
    given = asyncio.Event()

    async def take(_name: str, _gap: float, _at_once: int) -> float:
        await given.wait()
        return 0.0

    limiter = RateLimiter()
    limiter.take_turn = take
    waiting = asyncio.create_task(passed(limiter, [Priority.RESULT] * 3))
    await asyncio.sleep(3600)
    assert not waiting.done()
    given.set()
    await waiting


@pytest.mark.looptime(False)
async def test_a_turn_that_was_overslept_is_not_used() -> None:
    taken = 0

    async def take(_name: str, _gap: float, _at_once: int) -> float:
        nonlocal taken
        taken += 1
        if taken == 1:
            asyncio.get_running_loop().call_soon(time.sleep, 0.3)  # a stall of the event loop
        return 0.1

    limiter = RateLimiter()
    limiter.take_turn = take
    await limiter.enter(Priority.RESULT)
    assert taken > 1


@pytest.mark.looptime(False)
async def test_a_turn_that_has_come_already_is_used_however_busy_the_process_is() -> None:
    """A container that may use little of a CPU stands still for most of each tenth of a second."""
    limiter, passed = RateLimiter(), False

    async def take(_name: str, _gap: float, _at_once: int) -> float:
        await asyncio.sleep(0)
        return 0.0

    def stall() -> None:
        if not passed:
            time.sleep(2 * LATE)
            asyncio.get_running_loop().call_soon(stall)

    limiter.take_turn = take
    stall()
    try:
        await asyncio.wait_for(limiter.enter(Priority.RESULT), 30)
    finally:
        passed = True
