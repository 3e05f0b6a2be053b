"""Two processes that share a bot's shards, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import URL
from wire.place import DONE, TASK, Place, place, running
from wire.test_monitoring import numbers, readiness

from bot.core.liveness import SETTLED
from bot.engine.tuner import PollTuner
from bot.store.answers import Answers
from bot.store.errors import StoreFailed
from bot.store.location import database_at
from bot.store.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.looptime]


@asynccontextmanager
async def sharing(data: Path, server: URL, shards: int) -> AsyncIterator[tuple[Place, Place]]:
    """Have a bot that holds all shards, and a place for another one."""
    async with place(data, start=False, monitored=True, server=server, shard_count=shards) as here:
        here.shares = True
        here.open_database = lambda location: database_at(location, None, alone=False)
        here.sim.world.max_concurrency = shards
        other = here.beside()
        try:
            await here.launch_bot()
            await here.sleep(30)
            yield here, other
        finally:
            await other.stop_bot()


def held(here: Place) -> tuple[int, int, int]:
    assert here.keeper is not None
    return here.keeper.holding


async def test_a_newcomer_gets_its_share_one_shard_after_the_other(
    postgres_place: URL, tmp_path: Path
) -> None:
    async with sharing(tmp_path, postgres_place, 4) as (here, other):
        assert held(here) == (4, 4, 1)
        assert (await readiness(here))[1]["shards"]["state"] == "4 of 4 held"
        await other.launch_bot()
        await here.sleep(2)
        status, parts = await readiness(other)
        assert (status, parts["shards"]["state"]) == (200, "standby, 0 of 4 held")
        assert parts["gateway"]["state"] == "not needed"
        least = 4
        for _ in range(60 * SETTLED):
            await here.sleep(0.05)
            least = min(least, held(here)[0] + held(other)[0])
        assert (held(here), held(other)) == ((2, 4, 2), (2, 4, 2))
        assert least == 3, "no more than one at a time was without a holder"
        found = await numbers(other)
        assert [found[f"veobot_{name}"] for name in ("shards_held", "shards_wanted", "members")] == [2, 4, 2]
        assert found["veobot_gateway_connected"] == 1
        await here.stop_bot()
        await here.sleep(30)
        assert held(other) == (4, 4, 1)


async def test_a_shard_whose_watches_cannot_be_read_is_tried_again(
    postgres_place: URL, tmp_path: Path
) -> None:
    async with sharing(tmp_path, postgres_place, 1) as (here, other):
        here.api.set(TASK, running(10))
        card = await here.watch()
        await other.launch_bot()
        await here.sleep(5)
        read, failures = Store.unfinished, 0

        async def fail(store: Store) -> Any:
            nonlocal failures
            failures += 1
            if failures < 4:
                raise StoreFailed("the server is away")
            return await read(store)

        identifies = here.sim.gateway.identifies
        with patch.object(Store, "unfinished", fail):
            await here.stop_bot()
            here.api.set(TASK, DONE)
            await here.result(card)
        await here.sleep(60)
        assert failures == 4
        assert here.sim.gateway.identifies == identifies + 1
        assert len(here.replies(card)) == 1
        assert other.serving is not None
        assert not other.serving.done()


async def test_an_app_that_is_closed_while_it_begins_leaves_nothing_behind(
    postgres_place: URL, tmp_path: Path
) -> None:
    share, save, slow = Answers.share, PollTuner.save, 0.0

    async def share_slowly(answers: Answers, now: float) -> None:
        await asyncio.sleep(slow)
        await share(answers, now)

    async def save_slowly(tuner: PollTuner, store: Store) -> None:
        await asyncio.sleep(2 * slow)
        await save(tuner, store)

    async with sharing(tmp_path, postgres_place, 2) as (here, other):
        await other.launch_bot()
        await here.sleep(30)
        assert (held(here), held(other)) == ((1, 2, 2), (1, 2, 2))
        with patch.object(Answers, "share", share_slowly), patch.object(PollTuner, "save", save_slowly):
            await here.stop_bot()
            slow = 3.0
            await here.sleep(2)
            assert held(other) == (2, 2, 1)
            await other.stop_bot()
            assert other.keeper is not None
            assert other.keeper._tasks.shards == []
