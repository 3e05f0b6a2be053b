"""Leases on both kinds of database: who holds what, who may write, and what the end of a lease means."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
from cutting_proxy import CuttingProxy
from postgres_server import Server
from sqlalchemy import URL
from store.places import add, sql

from bot.core.liveness import BEAT, SETTLED, SILENT, TRUSTED
from bot.core.outcome import Ending, Message, Outcome
from bot.core.shards import Shard
from bot.store.database import Database
from bot.store.errors import LeaseLost, ShardCountDiffers, StoreError, StoreFailed
from bot.store.fenced import FencedDatabase
from bot.store.leases import Leases
from bot.store.location import Location, database_at
from bot.store.notifications import FREE
from bot.store.postgres import PostgresDatabase
from bot.store.store import Store


class Group:
    """Several members on one database, in a time of the test's own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = 0.0
        self._connections: list[Database] = []

    def clock(self) -> float:
        return self.now

    def leases(self, name: str = "a:1") -> Leases:
        database = self.database
        if isinstance(database, PostgresDatabase):
            self._connections.append(database := database.another(None))
        return Leases(database, name, self.clock, self.clock)

    async def joined(self, count: int = 1) -> Leases:
        leases = self.leases()
        await leases.join(None, count)
        await leases.round()
        return leases

    async def pass_time(self, seconds: float, *alive: Leases) -> None:
        """Let time pass, in which these beat."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + BEAT)
            for leases in alive:
                await leases.round()

    async def close(self) -> None:
        for connection in self._connections:
            await connection.close()


@asynccontextmanager
async def group_on(place: Location) -> AsyncIterator[Group]:
    database = database_at(place, None, alone=False)
    await database.open()
    try:
        group = Group(database)
        yield group
        await group.close()
    finally:
        await database.close()


@pytest.fixture
async def group(place: Location) -> AsyncIterator[Group]:
    async with group_on(place) as group:
        yield group


# Who holds what


async def test_the_first_takes_all_and_shares_with_one_that_stays(group: Group) -> None:
    one = await group.joined(5)
    assert (one.held, one.shard_count, one.members) == (frozenset(range(5)), 5, 1)
    two = await group.joined()
    await group.pass_time(3 * BEAT, one, two)
    assert (two.held, two.shard_count, one.members) == (frozenset(), 5, 2)
    assert one.surplus == frozenset(), "the other may still crash at its start"
    await group.pass_time(SETTLED * BEAT, one, two)
    assert one.surplus == {3, 4}
    for shard in (3, 4):
        await one.release(shard)
        assert await two.round() >= {shard}
    await group.pass_time(BEAT, one, two)
    assert one.held == {0, 1, 2}
    assert two.held == {3, 4}
    assert one.surplus == two.surplus == frozenset()


async def test_one_shard_makes_an_active_and_a_standby(group: Group) -> None:
    one, two = await group.joined(1), await group.joined(1)
    await group.pass_time(30, one, two)
    assert one.held == {0}
    assert two.held == frozenset()
    assert one.surplus == frozenset()
    await one.leave()
    assert await two.round() == {0}


async def test_who_leaves_takes_nothing_and_others_take_what_it_gives(group: Group) -> None:
    one, two = await group.joined(4), await group.joined(4)
    await group.pass_time(BEAT, one, two)
    assert await one.round(leaving=True) == {0, 1, 2, 3}
    for shard in range(4):
        await one.release(shard)
        assert shard in await two.round()
        assert shard not in await one.round(leaving=True)
    await one.leave()
    assert await two.round() == {0, 1, 2, 3}


async def test_who_is_silent_is_taken_over_and_learns_it(group: Group) -> None:
    one, two = await group.joined(2), await group.joined(2)
    await group.pass_time(SILENT - 0.1, two)
    assert two.held == frozenset()
    assert not one.trusted
    await group.pass_time(2 * BEAT, two)
    assert two.held == {0, 1}
    with pytest.raises(LeaseLost, match="took this process for dead"):
        await one.round()
    assert not one.trusted


async def test_who_could_not_read_the_table_takes_over_nobody(group: Group, place: Location) -> None:
    one, two = await group.joined(1), await group.joined(1)
    await group.pass_time(SILENT - 1, two)
    sql(place, "ALTER TABLE members RENAME TO away")
    with pytest.raises(StoreFailed):
        await two.round()
    sql(place, "ALTER TABLE away RENAME TO members")
    group.now += 20
    await group.pass_time(SILENT - 1, two)
    assert two.held == frozenset()
    assert await one.round() == {0}


# The number of shards


async def test_the_number_of_shards_is_set_by_who_is_alone(group: Group) -> None:
    one = group.leases()
    await one.join(None, 3)
    assert one.shard_count == 3
    assert await one.round() == {0, 1, 2}
    two = group.leases()
    await two.join(None, 16)
    assert two.shard_count == 3
    three = group.leases()
    await three.join(3, 16)
    assert three.shard_count == 3
    for leases in (one, two, three):
        await leases.leave()
    four = group.leases()
    await four.join(2, 16)
    assert four.shard_count == 2
    assert await four.round() == {0, 1}


@pytest.mark.looptime
async def test_another_number_than_others_run_with_is_refused(group: Group) -> None:
    one = await group.joined(2)

    async def beat() -> None:
        while True:
            await asyncio.sleep(BEAT)
            group.now += BEAT
            await one.round()

    beating = asyncio.create_task(beat())
    with pytest.raises(ShardCountDiffers, match=r"SHARD_COUNT is 4.*stop them all"):
        await group.leases().join(4, 1)
    beating.cancel()
    assert one.held == {0, 1}


@pytest.mark.looptime
async def test_another_number_than_the_dead_had_is_taken_once_they_are_known_to_be_dead(group: Group) -> None:
    dead = await group.joined(2)

    async def let_time_pass() -> None:
        while True:
            await asyncio.sleep(BEAT)
            group.now += BEAT

    passing = asyncio.create_task(let_time_pass())
    two = group.leases()
    await two.join(4, 1)
    passing.cancel()
    assert await two.round() == {0, 1, 2, 3}
    assert not dead.trusted
    with pytest.raises(LeaseLost):
        await dead.round()


# Trust


async def test_a_round_is_trusted_from_its_beginning(group: Group) -> None:
    one = group.leases()
    await one.join(None, 1)
    assert not one.trusted
    await one.round()
    group.now += TRUSTED - 0.01
    assert one.trusted
    group.now += 0.01
    assert not one.trusted


async def test_a_failed_round_ends_the_trust_until_one_succeeds(group: Group, place: Location) -> None:
    one = await group.joined(1)
    sql(place, "ALTER TABLE members RENAME TO away")
    with pytest.raises(StoreFailed):
        await one.round()
    assert not one.trusted
    assert one.held == {0}, "nobody else can have it either"
    waiting = [asyncio.create_task(one.wait_until_trusted()) for _ in range(3)]
    await asyncio.sleep(0)
    sql(place, "ALTER TABLE away RENAME TO members")
    await one.round()
    await asyncio.wait_for(asyncio.gather(*waiting), 30)
    await one.wait_until_trusted()
    await one.leave()
    assert not one.trusted


# The fence


async def test_who_was_taken_over_commits_nothing_and_its_successor_goes_on(group: Group) -> None:
    """Everything about one result: the card, its outcome, the plan, the intent and the id of the message."""
    fallen: list[StoreError] = []
    group.database.on_taken = fallen.append
    one, two = await group.joined(1), await group.joined(1)
    old = Store(FencedDatabase(group.database, one.fence(0)), Shard(0, 1))
    watch = (await add(old)).watches[0]
    await old.save_outcomes([(watch.id, Outcome(Ending.EMPTY, 1.0))])
    await old.results.plan(watch.id, [Message("done")])
    await old.results.mark_sending(watch.id, 1, 2.0)
    await group.pass_time(SILENT + BEAT, two)
    assert two.held == {0}
    new = Store(FencedDatabase(group.database, two.fence(0)), Shard(0, 1))
    before = await new.unfinished(), await new.to_announce(), await new.results.plan(watch.id, [])
    for late in (
        add(old, "another", message_id=2),
        old.save_outcomes([(watch.id, Outcome(Ending.FAILED, 3.0))]),
        old.results.plan(watch.id, [Message("doubled")]),
        old.results.mark_sending(watch.id, 1, 4.0),
        old.results.mark_unsent(watch.id, 1),
        old.results.sent(watch.id, 1, 77),
        old.finish([watch.id]),
    ):
        with pytest.raises(StoreFailed, match="taken over shard 0"):
            await late
    assert [type(error) for error in fallen] == [LeaseLost] * 7
    assert before == (await new.unfinished(), await new.to_announce(), await new.results.plan(watch.id, []))
    assert (await new.results.plan(watch.id, []))[0].intended_at == 2.0, "so it searches before it sends"
    await new.results.sent(watch.id, 1, 78)
    await new.finish([watch.id])
    assert await new.unfinished() == []


async def test_a_late_write_to_a_shard_that_was_given_away_is_no_loss(group: Group) -> None:
    fallen: list[StoreError] = []
    group.database.on_taken = fallen.append
    one = await group.joined(2)
    store = Store(FencedDatabase(group.database, one.fence(1)), Shard(1, 2))
    await one.round(leaving=True)
    await one.release(1)
    with pytest.raises(StoreFailed, match="given away"):
        await store.remember("key", "late")
    assert not fallen
    assert await one.round() == {0, 1}
    await store.remember("key", "its own again")


# What only a server does


async def test_what_is_given_away_is_notified(postgres_place: URL) -> None:
    async with group_on(postgres_place) as group:
        assert isinstance(group.database, PostgresDatabase)
        payloads: list[str] = []
        group.database.on_notify = payloads.append
        one = await group.joined(2)
        assert payloads == []
        await one.release(1)
        await one.leave()
        assert payloads == [FREE, FREE]


async def test_an_unknown_end_of_a_commit_makes_no_second_member(
    postgres: Server, postgres_place: URL
) -> None:
    with CuttingProxy(postgres.port) as proxy:
        async with group_on(postgres_place.set(port=proxy.port)) as group:
            one = group.leases()
            await one._database.try_to_write()  # the session begins
            calls: list[Callable[[], Awaitable[object]]] = [partial(one.join, None, 1), one.round, one.round]
            for call in calls:
                proxy.lose_answer_to = b"COMMIT"
                await call()
                assert proxy.lose_answer_to is None
            assert await one.round() == {0}
            assert one.trusted
    assert sql(postgres_place, "SELECT count(*) FROM members") == [(1,)]


async def test_nobody_waits_for_a_process_that_pauses_inside_a_transaction(postgres_place: URL) -> None:
    """It keeps its locks until the server ends its session; the others take what they can get meanwhile."""
    async with group_on(postgres_place) as group, opened_beside(postgres_place) as paused:
        one, two = await group.joined(2), await group.joined(2)
        await one.release(1)

        def pause(connection: object) -> None:
            one.fence(0)(connection)  # type: ignore[arg-type]
            # Inline, so the others run while this transaction is open.
            for _ in range(20):
                group.now += BEAT
                with suppress(StopIteration):
                    two.round().send(None)
            assert two.held == {1}, "the other shard is locked"

        await paused.run(pause)
        await group.pass_time(BEAT, two)
        assert two.held == {0, 1}


@asynccontextmanager
async def opened_beside(place: URL) -> AsyncIterator[Database]:
    database = database_at(place, None, alone=False)
    await database.open()
    try:
        yield database
    finally:
        await database.close()
