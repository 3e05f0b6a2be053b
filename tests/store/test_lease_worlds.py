"""Leases through deaths, pauses and outages: never two processes for a shard, and never none for long."""

import random

import pytest
from sqlalchemy import URL
from store.lease_worlds import OUTAGES, SHARDS, MemoryDatabase, Process, World, live

from bot.core.liveness import fair_share
from bot.store.location import database_at

pytestmark = pytest.mark.looptime


async def in_peace(world: World, processes: list[Process]) -> None:
    """Check how a world ends, and end it."""
    assert world.faults == []
    held = [process.leases.held for process in processes]
    assert sorted(shard for some in held for shard in some) == list(range(SHARDS)), "each by exactly one"
    assert max(map(len, held)) <= fair_share(SHARDS, len(processes))
    assert all(world.holder(shard) is not None for shard in range(SHARDS))
    assert world.writes > 0
    assert world.sends > 0
    for process in processes:
        await process.kill()


@pytest.mark.parametrize(
    "seed", [*range(2), *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 16))]
)
async def test_no_two_processes_ever_serve_a_shard_and_none_stays_alone(seed: int) -> None:
    world = World(MemoryDatabase(), random.Random(seed))
    await world.database.open()
    await in_peace(world, await live(world, 120))
    assert world.deaths + world.taken_over > 0


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 6))])
async def test_an_outage_makes_nobody_take_over_anybody(seed: int) -> None:
    world = World(MemoryDatabase(), random.Random(seed))
    await world.database.open()
    await in_peace(world, await live(world, 120, OUTAGES))
    assert world.taken_over == 0
    assert world.held_back > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_the_same_holds_on_a_server_whose_sessions_end(seed: int, postgres_place: URL) -> None:
    """There a process that died is found sooner, because its session is gone."""
    database = database_at(postgres_place, None, alone=False)
    await database.open()
    world = World(database, random.Random(seed))
    await in_peace(world, await live(world, 90))
    await database.close()
