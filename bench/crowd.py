"""Many watched renders in virtual time: how late ends are seen, polls begin and cards are. `bench.limited` prints it.

Poller, breaker, budget and tuner are the shipped ones. The task API has a limit of requests and a round trip, Discord
takes no time: a card shows what a poll tells as soon as it is answered.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import looptime

from bench.crowd_heard import Heard, Render, figures
from bench.kinds import Kind
from bench.measure import Figures
from bench.policies import START
from bot.core.budget import RequestBudget
from bot.core.health import IMPOSSIBLE_ID
from bot.core.policy import PollPolicy
from bot.core.task import Task
from bot.core.watch import Card, CardState, Watch
from bot.engine.breaker import CircuitBreaker
from bot.engine.poller import Poller
from bot.engine.registry import Registry
from bot.engine.tracker import Tracker
from bot.engine.tuner import PollTuner
from bot.metrics import Metrics
from bot.veo.errors import RateLimited, TaskNotFound, VeoError, as_event
from bot.veo.quotas import read_quotas, retry_after
from sim.task_api.limiter import Limiter

AGAIN: Final = 0.2
"""Seconds after a result until its watcher begins another watch."""


@dataclass(frozen=True)
class Crowd:
    """What is watched, and how the API takes it. Times are seconds."""

    name: str
    kind: Kind
    watches: int
    limiter: Callable[[], Limiter] | None = None
    per_minute: int | None = None
    """`POLL_PER_MINUTE`."""
    round_trip: float = 0.0
    began_within: float = 7.5
    """Seconds within which all watches begin."""
    settling: float = 60.0
    window: float = 300.0
    stored: bool = False


class Nothing:
    """Saves nothing."""

    async def save_seen(self, *_: object) -> None:
        pass

    async def save_outcomes(self, *_: object) -> None:
        pass


class Playing:
    """A crowd under way: task API, audience and people in one."""

    def __init__(self, crowd: Crowd, seed: int) -> None:
        self.crowd: Final = crowd
        self.chance: Final = random.Random(seed)
        self.heard: Final = Heard()
        self.renders: Final = self.heard.renders
        self._limiter: Final = None if crowd.limiter is None else crowd.limiter()
        self.people: Final = set[asyncio.Task[None]]()
        store: Any = Nothing()
        self.budget: Final = RequestBudget(crowd.per_minute)
        self.tracker: Final = Tracker(
            Registry(), store, self, PollTuner(PollPolicy()), clock=self.clock, chance=self.chance.random
        )
        self.breaker: Final = CircuitBreaker(
            self.poll, self.tracker.registry.tasks, self.clock, on_change=self._changed, budget=self.budget
        )
        self.metrics: Final = Metrics()
        self.poller: Final = Poller(
            self.breaker, self.tracker, self.clock, metrics=self.metrics, chance=self.chance.random
        )
        metrics: Any = self.metrics
        metrics.poll_lateness.observe = self._began_late

    def _began_late(self, seconds: float) -> None:
        self.heard.late.append((self.clock(), seconds))

    def clock(self) -> float:
        return START + asyncio.get_running_loop().time()

    def _changed(self) -> None:
        self.poller.wake()

    async def poll(self, task_id: str, _known: Task | None = None) -> Task:
        half = self.crowd.round_trip / 2
        if task_id == IMPOSSIBLE_ID:
            raise TaskNotFound("status 404")
        render = self.renders[task_id]
        render.polls.append(self.clock())
        await asyncio.sleep(half)
        now = self.clock()
        self.heard.asked.append(now)
        accepted = self._limiter is None or self._limiter.accepts(now)
        task = render.task(now)
        headers: Mapping[str, str] = {}
        if self._limiter is not None:
            headers = self._limiter.headers(now, refused=not accepted)
        await asyncio.sleep(half)
        now = self.clock()
        if quotas := read_quotas(headers, now):
            self.budget.announced(quotas, now)
        if not accepted:
            self.heard.refused.append(now)
            raise RateLimited("status 429", retry_after(headers, now))
        render.answers.append((now, task.progress or 0))
        return task

    def show(self, state: CardState) -> None:
        pass

    def summarize(self, state: CardState) -> None:
        pass

    def announce(self, _state: CardState, watch: Watch) -> None:
        self.renders[watch.task_id].seen = self.clock()
        self.start_watch(AGAIN, fresh=True)

    def start_watch(self, after: float, *, fresh: bool) -> None:
        person = asyncio.create_task(self._watch(after, fresh=fresh))
        self.people.add(person)
        person.add_done_callback(self.people.discard)

    def draw(self, *, fresh: bool) -> Render:
        number = len(self.renders) + 1
        now = self.clock()
        while True:
            trace = self.crowd.kind(self.chance, number % 400 / 400)
            if fresh or self.chance.random() < trace.ends / 600:
                break
        age = self.chance.uniform(0, 3) if fresh else self.chance.random() * (trace.ends - 1)
        render = Render(
            f"{number:08x}-0000-4000-8000-000000000000", now - min(age, trace.ends - 0.5), trace, now
        )
        self.renders[render.id] = render
        return render

    async def _watch(self, after: float, *, fresh: bool) -> None:
        await asyncio.sleep(after)
        render = self.draw(fresh=fresh)
        number, now = len(self.renders), self.clock()
        card = Card(number, 1, 1, number, 1, "en", now)
        watch = Watch(id=number, card_id=number, task_id=render.id, position=0, started_at=now)
        try:
            first: Any = await self.poller.poll_for_person(render.id)
        except VeoError as error:
            first = as_event(error)
        self.heard.acks.append((now, self.clock() - now))
        state = CardState(card, (watch,), (1,))
        for task_id, pause in (await self.tracker.begin(state, {render.id: first})).items():
            self.poller.schedule(task_id, pause, failing=not isinstance(first, Task))

    def store_watches(self) -> None:
        for number in range(1, self.crowd.watches + 1):
            render, now = self.draw(fresh=False), self.clock()
            card = Card(number, 1, 1, number, 1, "en", now)
            watch = Watch(
                id=number, card_id=number, task_id=render.id, position=0, started_at=now, seen_at=now
            )
            self.tracker.registry.add(CardState(card, (watch,), (1,)))
        self.poller.resume()


async def _play(crowd: Crowd, seed: int) -> Figures:
    playing = Playing(crowd, seed)
    running = [asyncio.create_task(playing.poller.run()), asyncio.create_task(playing.breaker.run())]
    if crowd.stored:
        playing.store_watches()
    else:
        for number in range(crowd.watches):
            playing.start_watch(number * crowd.began_within / crowd.watches, fresh=False)
    await asyncio.sleep(crowd.settling)
    begin = playing.clock()
    await asyncio.sleep(crowd.window)
    end = playing.clock()
    found = figures(playing.heard, begin, end)
    await playing.poller.close(0)
    running += playing.people
    for each in running:
        each.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return found


def play(crowd: Crowd, seed: int = 1) -> Figures:
    """Play a crowd in virtual time."""
    loop = looptime.new_event_loop(noop_cycles=0)
    try:
        return loop.run_until_complete(_play(crowd, seed))
    finally:
        loop.close()
