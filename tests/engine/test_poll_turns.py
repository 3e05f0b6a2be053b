"""Two processes that share `POLL_PER_MINUTE` by turns, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest
from made import NOW
from trackers import filled_tracker, render, task_id

from bot.core.budget import RequestBudget
from bot.core.health import IMPOSSIBLE_ID
from bot.core.task import Task
from bot.engine.breaker import CircuitBreaker
from bot.engine.poll_turns import LONGEST_TAKING, NAME, PollTurns
from bot.engine.poller import Poller
from bot.metrics import Metrics
from bot.veo.errors import TaskNotFound, Unavailable

pytestmark = pytest.mark.looptime(noop_cycles=0)  # there are no sockets here
PER_MINUTE = 60
TASKS = 40


@dataclass
class Turns:
    """The turns as a server's row hands them out; `there` is cleared while the server is away."""

    there: asyncio.Event = field(default_factory=asyncio.Event)
    next_at: float = 0.0
    taken: int = 0

    async def take(self, name: str, gap: float, at_once: int) -> float:
        await self.there.wait()
        now = asyncio.get_running_loop().time()
        assert name == NAME
        self.taken += 1
        self.next_at = max(self.next_at, now) + gap
        return max(0.0, self.next_at - gap * at_once - now)


@dataclass
class Shared:
    turns: Turns
    pollers: list[Poller]
    asked: list[tuple[int, str, float]] = field(default_factory=list)
    """Who asked for which task when."""

    def times(self, number: int | None = None) -> list[float]:
        return [at for who, _, at in self.asked if number in {None, who}]


@asynccontextmanager
async def sharing() -> AsyncIterator[Shared]:
    """Run two processes, each with more tasks that are due than it may poll."""
    loop, shared = asyncio.get_running_loop(), Shared(Turns(), [])
    shared.turns.there.set()

    def clock() -> float:
        return NOW + loop.time()

    async with AsyncExitStack() as stack:
        for number in range(2):

            async def poll(name: str, _known: Task | None = None, who: int = number) -> Task:
                shared.asked.append((who, name, loop.time()))
                await asyncio.sleep(0.1)
                if name == IMPOSSIBLE_ID:
                    raise TaskNotFound("status 404")
                return render(name, 40, NOW - 60)

            tracker, _, _ = filled_tracker(TASKS, clock)
            budget = RequestBudget(PER_MINUTE, takes_turns=True)
            breaker = CircuitBreaker(
                poll,
                tracker.registry.tasks,
                clock,
                on_change=lambda: None,
                budget=budget,
                turns=PollTurns(shared.turns.take, budget, PER_MINUTE, clock),
            )
            poller = Poller(breaker, tracker, clock, metrics=Metrics())
            for task in tracker.registry.tasks:
                poller.schedule(task, 0.0)
            shared.pollers.append(poller)
            running = asyncio.create_task(poller.run())
            stack.push_async_callback(asyncio.wait, {running})
            stack.callback(running.cancel)
            stack.push_async_callback(poller.close, 0)
        yield shared


async def test_together_they_send_no_more_than_is_set_and_both_get_turns() -> None:
    async with sharing() as shared:
        await asyncio.sleep(300.0)
        times = shared.times()
        assert all(late - early > 60 for early, late in zip(times, times[PER_MINUTE:], strict=False))
        assert len(times) > 300 * 0.9
        assert min(len(shared.times(number)) for number in range(2)) > len(times) / 3
        assert shared.turns.taken <= len(times) + 2, "turns are lost"


async def test_people_are_answered_at_once_though_all_turns_are_taken() -> None:
    async with sharing() as shared:
        await asyncio.sleep(100.0)
        for poller in shared.pollers:
            began = asyncio.get_running_loop().time()
            await poller.poll_for_person(task_id(900))
            assert asyncio.get_running_loop().time() - began < 0.5
        await asyncio.sleep(60.0)
        times = shared.times()
        assert all(late - early > 60 for early, late in zip(times, times[PER_MINUTE:], strict=False))


async def test_while_the_server_is_away_nobody_polls() -> None:
    async with sharing() as shared:
        await asyncio.sleep(100.0)
        shared.turns.there.clear()
        await asyncio.sleep(3.0)  # until the turns that are taken are used
        asked = len(shared.asked)
        with pytest.raises(Unavailable):
            await shared.pollers[0].poll_for_person(task_id(900))
        await asyncio.sleep(100.0)
        assert len(shared.asked) == asked
        assert max(poller.overdue for poller in shared.pollers) <= LONGEST_TAKING
        shared.turns.there.set()
        await asyncio.sleep(20.0)
        assert len(shared.asked) > asked + 10
