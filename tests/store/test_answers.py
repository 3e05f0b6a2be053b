"""Which tasks are shared between shards, and what their leaders write: on a real server, with real races."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from made import MARKUP, NOW, TASK, VIDEO, polls
from sqlalchemy import URL, NullPool, create_engine, text
from store.places import add, opened, sql, wait_for_waiting

from bot.core.events import ErrorKind, Missing, Observation, PollError
from bot.core.outcome import Ending, Outcome
from bot.core.shards import Shard
from bot.core.task import Task, TaskState
from bot.core.watch import CardState
from bot.store.answers import Answer, Answers, read_answers
from bot.store.database import Database
from bot.store.records import observation_from, observation_record
from bot.store.store import Store

STOPPED = Outcome(Ending.STOPPED, NOW + 9)
SHARDS = [Shard(number, 2) for number in range(2)]
GUILDS = [number << 22 for number in range(2)]


@asynccontextmanager
async def two(place: URL) -> AsyncIterator[tuple[list[Store], list[Answers], Database]]:
    """Open the data for two shards, each on a thread and a connection of its own."""
    async with AsyncExitStack() as stack:
        stores, databases = [], []
        for shard in SHARDS:
            executor = stack.enter_context(ThreadPoolExecutor(1))
            databases.append(await stack.enter_async_context(opened(place, executor, alone=False)))
            stores.append(store := Store(databases[-1], shard))
            store.answers = Answers(databases[-1], shard)
        yield stores, [store.answers for store in stores if store.answers is not None], databases[0]


async def watch(store: Store, number: int, *tasks: str, channel: int = 1) -> CardState:
    where = GUILDS[number] + channel
    return await add(store, *tasks, message_id=where, channel_id=where, guild_id=GUILDS[number])


async def stop(store: Store, state: CardState) -> None:
    await store.save_outcomes([(watch.id, STOPPED) for watch in state.watches])


def shared(place: URL) -> list[str]:
    return [task_id for (task_id,) in sql(place, "SELECT task_id FROM answers ORDER BY task_id")]


@asynccontextmanager
async def both_waiting(place: URL, statement: str) -> AsyncIterator[Callable[..., Any]]:
    """Hold a lock until two transactions wait; yields what begins one."""
    engine, begun = create_engine(place, poolclass=NullPool), []
    with engine.begin() as gate:
        gate.execute(text(statement))
        yield lambda work: begun.append(asyncio.ensure_future(work))
        await asyncio.to_thread(wait_for_waiting, place, 2)
    await asyncio.gather(*begun)


@given(polls)
def test_an_observation_is_read_as_it_was_written(observation: Observation) -> None:
    assert observation_from(json.loads(json.dumps(observation_record(observation)))) == observation


async def test_a_task_is_shared_from_the_second_shards_watch_to_the_last_one(postgres_place: URL) -> None:
    async with two(postgres_place) as (stores, answers, database):
        first = await watch(stores[0], 0, TASK, "a")
        again = await watch(stores[0], 0, TASK, channel=2)
        assert shared(postgres_place) == []
        second = await watch(stores[1], 1, "b", TASK)
        assert shared(postgres_place) == [TASK]
        (answer,) = (await read_answers(database)).values()
        assert answer == Answer((GUILDS[0], GUILDS[0], GUILDS[1]), NOW, None)
        assert answer.is_led_by(SHARDS[0])
        assert not answer.is_led_by(SHARDS[1])
        await stop(stores[0], first)
        assert (await read_answers(database))[TASK].is_led_by(SHARDS[0])
        await stop(stores[0], again)
        (answer,) = (await read_answers(database)).values()
        assert answer.is_led_by(SHARDS[1])
        assert not answer.is_shared(SHARDS[1])
        await stop(stores[1], second)
        assert shared(postgres_place) == []
        assert await answers[0].write(TASK, Missing()) is None
        assert shared(postgres_place) == []


@pytest.mark.parametrize(
    "observation",
    [
        Task(TASK, TaskState.SUCCEEDED, "succeeded", 100, message=MARKUP, videos=(VIDEO,) * 40),
        Task(TASK, TaskState.ERROR, "error", message="\x00 \ud800 \U0001f3ac 镜头" * 4_000),
        Missing("no such task \x00"),
        PollError(ErrorKind.RATE_LIMITED, 0.1 + 0.2, "slow down \udfff"),
    ],
    ids=["videos", "longest message", "missing", "error"],
)
async def test_what_was_observed_comes_back_whole(observation: Observation, postgres_place: URL) -> None:
    async with two(postgres_place) as (stores, answers, database):
        await watch(stores[0], 0, TASK)
        await watch(stores[1], 1, TASK)
        at = await answers[0].write(TASK, observation)
        assert (await read_answers(database))[TASK][1:] == (at, observation)


async def test_each_write_is_later_than_the_one_before(postgres_place: URL) -> None:
    async with two(postgres_place) as (stores, answers, database):
        for number, store in enumerate(stores):
            await watch(store, number, TASK, "a")
        ats = [NOW, *[await each.write(TASK, Missing()) or 0.0 for each in answers]]
        confirmed = await answers[0].confirm([TASK, "a", "unknown"])
        assert confirmed.keys() == {TASK, "a"}
        ats.append(confirmed[TASK])
        assert ats == sorted(set(ats))
        rows = await read_answers(database)
        assert rows[TASK][1:] == (ats[-1], Missing())
        assert rows["a"].observation is None


async def test_two_beginnings_at_once_see_each_other(postgres_place: URL) -> None:
    async with two(postgres_place) as (stores, _, _):
        async with both_waiting(postgres_place, "LOCK TABLE cards IN SHARE MODE") as begin:
            begin(watch(stores[0], 0, TASK, "a"))
            begin(watch(stores[1], 1, "b", TASK))
        assert shared(postgres_place) == [TASK]


async def test_two_ends_at_once_leave_nothing_behind(postgres_place: URL) -> None:
    async with two(postgres_place) as (stores, _, _):
        states = [await watch(store, number, TASK) for number, store in enumerate(stores)]
        async with both_waiting(postgres_place, "SELECT * FROM answers FOR UPDATE") as begin:
            for store, state in zip(stores, states, strict=True):
                begin(stop(store, state))
        assert shared(postgres_place) == []


async def test_a_start_shares_what_is_watched_already_and_forgets_the_rest(postgres_place: URL) -> None:
    async with two(postgres_place) as (stores, answers, database):
        for number, store in enumerate(stores):
            store.answers = None  # as with another number of shards
            await watch(store, number, TASK, f"only {number}")
        sql(postgres_place, "INSERT INTO answers VALUES ('gone', 'null', 1), ('only 0', 'null', 1)")
        await answers[0].share(NOW)
        assert shared(postgres_place) == [TASK, "only 0"]
        await answers[1].write(TASK, Missing())
        before = await read_answers(database)
        await answers[1].share(NOW + 9)
        assert await read_answers(database) == before
