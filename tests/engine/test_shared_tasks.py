"""Two processes on one server, in virtual time: a task that both watch is polled by one of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from made import NOW, STARTER, TASK, VIDEO
from sqlalchemy import URL, event
from store.places import opened, sql
from trackers import NullAudience

from bot.clock import Clock
from bot.core.budget import RequestBudget
from bot.core.events import ErrorKind, PollError
from bot.core.health import Mode
from bot.core.outcome import Ending
from bot.core.policy import PollPolicy
from bot.core.shards import Shard
from bot.core.task import Task, TaskState
from bot.engine.breaker import CircuitBreaker
from bot.engine.poller import Poller
from bot.engine.registry import Registry
from bot.engine.shared_tasks import ROUND_SECONDS, SharedTaskReader, SharedTasks
from bot.engine.tracker import Tracker
from bot.engine.tuner import PollTuner
from bot.engine.watch_service import WatchService
from bot.metrics import Metrics
from bot.store.database import Database
from bot.store.postgres import PostgresDatabase
from bot.store.records import observation_record
from bot.store.store import Store
from bot.veo.errors import BrokenAnswer, TaskNotFound, Unavailable, VeoError

pytestmark = pytest.mark.looptime(noop_cycles=0)  # no sockets are waited for here
GUILDS = tuple(number << 22 for number in range(2))
"""A server of each shard."""
MESSAGE_IDS = count(1)
PACE = 2.0
"""Seconds between two polls of a render that moves, at most."""


def running(progress: int, **more: Any) -> Task:
    return Task(TASK, TaskState.RUNNING, "running", progress, created_at=int(NOW), **more)


QUEUED = Task(TASK, TaskState.PENDING, "queued")
DONE = Task(TASK, TaskState.SUCCEEDED, "succeeded", 100, videos=(VIDEO,))


@dataclass
class Api:
    """A task API that knows one task, and who asked for it when."""

    answer: Task | VeoError = field(default_factory=lambda: running(10))
    asked: list[tuple[int, float]] = field(default_factory=list)
    down_for: set[int] = field(default_factory=set)
    """The processes that do not reach it."""
    moving: bool = False
    """Whether the render moves on, from one percent a second."""

    def by(self, number: int) -> list[float]:
        return [at for who, at in self.asked if who == number]


@dataclass
class Process:
    """One process with one shard."""

    number: int
    database: Database
    audience: NullAudience
    tracker: Tracker
    breaker: CircuitBreaker
    poller: Poller
    watch_service: WatchService
    reader: SharedTaskReader
    tasks: SharedTasks
    running: list["asyncio.Task[None]"] = field(default_factory=list)

    async def watch(self, channel: int = 1, first: Task | PollError | None = None) -> None:
        """Watch the task in a channel, as a command does."""
        await self.watch_service.begin(
            guild_id=GUILDS[self.number],
            channel_id=GUILDS[self.number] + channel,
            message_id=next(MESSAGE_IDS),
            starter_id=STARTER,
            language="en",
            observations={TASK: first or running(10)},
        )

    async def stop(self) -> None:
        for card_id in list(self.tracker.registry.cards):
            await self.tracker.stop(card_id, STARTER)

    async def kill(self) -> None:
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)
        await self.poller.close(0)

    @property
    def progress(self) -> int | None:
        task = self.tracker.registry.observed[TASK].task
        return None if task is None else task.progress


@asynccontextmanager
async def processes(
    place: URL, api: Api, policy: PollPolicy | None = None, *, notified: bool = True
) -> AsyncIterator[list[Process]]:
    """Run two processes, with a shard each, which are `notified` of what each other commits."""
    loop = asyncio.get_running_loop()
    policy = policy or PollPolicy(min_seconds=1.0, max_seconds=PACE)

    def clock() -> float:
        return NOW + loop.time()

    def told(payload: str) -> None:
        for process in made:
            process.reader.notified(payload)

    async with AsyncExitStack() as stack:
        made = list[Process]()
        for number in range(2):
            database = await stack.enter_async_context(opened(place, alone=False))
            assert isinstance(database, PostgresDatabase)
            if notified:
                database.on_notify = told
            made.append(process := _process(number, api, database, policy, clock))
            await process.tasks.begin(clock())
            for work in (process.poller.run(), process.breaker.run(), process.reader.run()):
                process.running.append(asyncio.create_task(work))
            stack.push_async_callback(process.kill)
        yield made


def _process(number: int, api: Api, database: Database, policy: PollPolicy, clock: Clock) -> Process:
    shard = Shard(number, 2)
    store = Store(database, shard)
    audience = NullAudience()
    tuner = PollTuner(policy)
    tracker = Tracker(Registry(), store, audience, tuner, clock=clock, chance=lambda: 0.5)

    async def poll(task_id: str, _known: Task | None = None) -> Task:
        if task_id != TASK:
            raise TaskNotFound("status 404")
        now = asyncio.get_running_loop().time()
        api.asked.append((number, now))
        if number in api.down_for:
            raise Unavailable("no answer")
        if isinstance(api.answer, VeoError):
            raise api.answer
        return running(int(now) % 100) if api.moving else api.answer

    breaker = CircuitBreaker(
        poll, tracker.registry.tasks, clock, on_change=lambda: None, budget=RequestBudget()
    )
    poller = Poller(breaker, tracker, clock, metrics=Metrics(), chance=lambda: 0.5)
    watch_service = WatchService(store, tracker, poller, clock)
    reader = SharedTaskReader(database)
    tasks = reader.add(shard, store, database, tracker, poller)
    assert tasks is not None
    return Process(number, database, audience, tracker, breaker, poller, watch_service, reader, tasks)


def row(place: URL) -> list[Any]:
    return sql(place, "SELECT task_id, at FROM answers")


def set_answer(place: URL, observation: str, at: float) -> None:
    sql(place, f"INSERT INTO answers VALUES ('{TASK}', '{observation}', {at})")


@pytest.mark.parametrize("notified", [True, False], ids=["notified", "by the next round"])
async def test_one_of_two_processes_polls_and_the_other_shows_the_same(
    notified: bool, postgres_place: URL
) -> None:
    api, late = Api(moving=True), 0.1 if notified else ROUND_SECONDS
    async with processes(postgres_place, api, notified=notified) as (first, second):
        await first.watch()
        await second.watch()
        await asyncio.sleep(10.0)
        polls = len(api.by(1))
        for _ in range(30):
            await asyncio.sleep(1.0)
            assert first.progress is not None
            assert second.progress is not None
            assert 0 <= first.progress - second.progress <= (0 if notified else PACE + late)
        assert len(api.by(0)) > 15
        api.moving, api.answer = False, DONE
        await asyncio.sleep(PACE + late)
        assert first.audience.ended == second.audience.ended == [Ending.SUCCEEDED]
        assert len(api.by(1)) == polls
        assert row(postgres_place) == []


async def test_an_unchanged_task_is_confirmed_so_that_nobody_else_polls_it(postgres_place: URL) -> None:
    api = Api()
    async with processes(postgres_place, api, PollPolicy(min_seconds=1.0, max_seconds=60.0)) as (
        first,
        second,
    ):
        await first.watch()
        await second.watch()
        await asyncio.sleep(60.0)
        polls = len(api.by(1))
        await asyncio.sleep(1_000.0)
        assert len(api.by(1)) == polls
        for process in (first, second):
            assert process.tracker.registry.observed[TASK].idle_seconds == pytest.approx(1_060, abs=70)
            assert process.tracker.registry.observed[TASK].no_change_since is not None


async def test_when_the_leaders_watch_ends_another_polls_at_once_and_writes_nothing(
    postgres_place: URL,
) -> None:
    api = Api()
    async with processes(postgres_place, api) as (first, second):
        await first.watch()
        await second.watch()
        await asyncio.sleep(20.0)
        await first.stop()
        stopped = asyncio.get_running_loop().time()
        await asyncio.sleep(ROUND_SECONDS + 0.1)
        assert [at for at in api.by(1) if at >= stopped]
        before = sql(postgres_place, "SELECT at FROM answers")
        await asyncio.sleep(30.0)
        assert max(api.by(1)) > stopped + 20
        assert max(api.by(0)) <= stopped
        assert sql(postgres_place, "SELECT at FROM answers") == before
        await second.stop()
        assert row(postgres_place) == []


async def test_a_watch_of_the_leading_process_that_goes_on_keeps_it_the_leader(postgres_place: URL) -> None:
    api = Api()
    async with processes(postgres_place, api) as (first, second):
        await second.watch()
        await first.watch()
        await second.watch(channel=2)
        await asyncio.sleep(20.0)
        polls = len(api.by(0))
        oldest = min(second.tracker.registry.cards)
        await second.tracker.stop(oldest, STARTER)
        await asyncio.sleep(20.0)
        assert len(api.by(0)) > polls + 2, "the oldest watch is now the other process's"
        assert max(api.by(1)) <= 20.0 + ROUND_SECONDS + 2 * PACE


async def test_what_is_left_of_an_earlier_watch_ends_no_new_one(postgres_place: URL) -> None:
    set_answer(postgres_place, json.dumps(observation_record(DONE)), NOW - 5)
    async with processes(postgres_place, Api()) as (first, second):
        await second.watch()
        await asyncio.sleep(3.0)
        await first.watch()
        await asyncio.sleep(30.0)
        assert first.audience.ended == second.audience.ended == []


async def test_a_card_does_not_go_back_behind_its_own_first_poll(postgres_place: URL) -> None:
    api = Api(answer=QUEUED)
    async with processes(postgres_place, api, notified=False) as (first, second):
        await first.watch(first=QUEUED)
        await second.watch(first=QUEUED)
        await asyncio.sleep(20.1)
        await second.stop()
        api.answer = running(1)  # it begins after the other's newest poll, which is not confirmed yet
        await second.watch()
        read, polled = row(postgres_place), len(api.asked)
        await asyncio.sleep(14 * ROUND_SECONDS - 20.0)
        assert row(postgres_place) != read, "it is confirmed"
        await second.reader.read()
        assert len(api.asked) == polled
        known = second.tracker.registry.observed[TASK].task
        assert known is not None
        assert known.state is TaskState.RUNNING


async def test_what_a_server_has_lost_is_made_up_for_by_the_next_poll(postgres_place: URL) -> None:
    api = Api(moving=True)
    async with processes(postgres_place, api) as (first, second):
        await first.watch()
        await second.watch()
        await asyncio.sleep(20.0)
        polls = len(api.by(1))
        sql(postgres_place, "UPDATE answers SET at = at - 5")
        await asyncio.sleep(PACE + ROUND_SECONDS)
        assert first.progress == second.progress
        await asyncio.sleep(30.0)
        assert first.progress == second.progress
        assert len(api.by(1)) == polls


@pytest.mark.parametrize("record", ["null", "{}", '{"task": {}}', '{"error": {"kind": "newer"}}', "[1]"])
async def test_what_another_version_wrote_is_ignored_and_the_task_is_polled(
    record: str, postgres_place: URL
) -> None:
    api = Api()
    async with processes(postgres_place, api) as (first, second):
        await first.watch()
        await second.watch()
        await asyncio.sleep(10.0)
        await first.kill()
        sql(postgres_place, f"UPDATE answers SET observation = '{record}', at = at + 1")
        killed = asyncio.get_running_loop().time()
        await asyncio.sleep(60.0)
        assert [at for at in api.by(1) if at > killed]


async def test_a_task_that_vanishes_ends_in_both_as_if_both_had_asked(postgres_place: URL) -> None:
    api = Api()
    async with processes(postgres_place, api) as (first, second):
        await first.watch()
        await second.watch()
        await asyncio.sleep(20.0)
        polls, api.answer = len(api.by(1)), TaskNotFound("status 404", "no such task")
        await asyncio.sleep(50.0)
        assert first.audience.ended == second.audience.ended == []
        await asyncio.sleep(40.0)
        assert first.audience.ended == second.audience.ended == [Ending.VANISHED]
        assert len(api.by(1)) == polls


async def test_errors_are_heard_and_counted_too(postgres_place: URL) -> None:
    api = Api()
    async with processes(postgres_place, api) as (first, second):
        await first.watch()
        await second.watch()
        await asyncio.sleep(20.0)
        polls, api.answer = len(api.by(1)), BrokenAnswer("no JSON", "what it said")
        await asyncio.sleep(40.0)
        for process in (first, second):
            observed = process.tracker.registry.observed[TASK]
            assert observed.is_failing
            assert observed.error is ErrorKind.BROKEN
            assert observed.message == "what it said"
        assert len(api.by(1)) == polls
        assert second.breaker.health.mode is Mode.CLOSED


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "its API is down"])
async def test_when_the_leader_falls_silent_the_other_polls(killed: bool, postgres_place: URL) -> None:
    api = Api(moving=True)
    async with processes(postgres_place, api) as (first, second):
        await first.watch()
        await second.watch()
        await asyncio.sleep(20.0)
        now = asyncio.get_running_loop().time()
        if killed:
            await first.kill()
        else:
            api.down_for.add(0)
        await asyncio.sleep(40.0)
        after = [at for at in api.by(1) if at > now]
        assert 15.0 < after[0] - now < 35.0
        assert second.progress is not None
        assert second.progress >= 50


async def test_what_could_not_be_saved_is_applied_in_the_next_round(postgres_place: URL) -> None:
    api = Api()
    async with processes(postgres_place, api) as (first, second):
        await first.watch()
        await second.watch()
        await asyncio.sleep(20.0)
        api.answer = DONE
        stuck = "ALTER TABLE watches ADD CONSTRAINT stuck CHECK (channel_id != {} OR state = 'live')"
        sql(postgres_place, stuck.format(GUILDS[1] + 1))
        try:
            await asyncio.sleep(10.0)
            assert first.audience.ended == [Ending.SUCCEEDED]
            assert second.audience.ended == []
        finally:
            sql(postgres_place, "ALTER TABLE watches DROP CONSTRAINT stuck")
        await asyncio.sleep(ROUND_SECONDS + 0.1)
        assert second.audience.ended == [Ending.SUCCEEDED]


async def test_a_task_that_is_not_shared_costs_no_statement(postgres_place: URL) -> None:
    api, statements = Api(), list[str]()
    async with processes(postgres_place, api) as (first, _):
        await first.watch()
        await asyncio.sleep(10.0)
        event.listen(
            first.database._engine,
            "before_cursor_execute",
            lambda *arguments: statements.append(arguments[2]),
        )
        polls = len(api.asked)
        await asyncio.sleep(15 * ROUND_SECONDS)
        assert len(api.asked) > polls + 2
        assert len(statements) == 15
        assert all("FROM answers" in statement for statement in statements)
