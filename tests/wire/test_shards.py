"""Servers in several shards."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from store.places import opened as stored_in
from wire.place import DONE, KEY, TASK, Place, place, running

from bot.app import opened
from bot.clock import DiscordTime
from bot.config import Settings
from bot.core.shards import Shard
from bot.gateway.client import serve
from bot.gateway.traffic import Traffic
from bot.metrics import Metrics
from bot.shared import Shared

pytestmark = pytest.mark.looptime


async def test_one_process_serves_all_shards(tmp_path: Path) -> None:
    async with place(tmp_path, start=False, shard_count=2) as here:
        servers = [here.sim.add_guild(f"In shard {number}", shard=(number, 2)) for number in range(2)]
        await here.start_bot()
        await here.sleep(30)
        assert here.client is not None
        assert here.client.connected
        assert sorted(stream.shard for stream in here.sim.gateway.streams.values()) == [(0, 2), (1, 2)]
        for server in servers:
            here.channel = server.add_channel("renders")
            here.api.set(TASK, running(10))
            card = await here.watch()
            here.api.set(TASK, DONE)
            await here.result(card)


async def test_two_apps_of_a_process_serve_a_shard_each(tmp_path: Path) -> None:
    """They share the limits of the token and of the key; what is done once, the app of shard 0 does."""
    async with place(tmp_path, start=False) as here, AsyncExitStack() as stack:
        servers = [here.sim.add_guild(f"In shard {number}", shard=(number, 2)) for number in range(2)]
        shared = await stack.enter_async_context(sharing(here))
        apps = [await stack.enter_async_context(opened(shared, Shard(number, 2))) for number in range(2)]
        for app in apps:
            stack.push_async_callback(app.close)
            serving = asyncio.create_task(serve(app.client, here.sim.token))
            stack.callback(serving.cancel)
            await here.sleep(30)
        assert sorted(stream.shard for stream in here.sim.gateway.streams.values()) == [(0, 2), (1, 2)]
        assert here.sim.command_writes == 1
        for server in servers:
            here.channel = server.add_channel("renders")
            here.api.set(TASK, running(10))
            use = await here.type("watch", TASK)
            await here.sleep(10)
            assert [len(app.registry.tasks) for app in apps] == [server is servers[0], server is servers[1]]
            await shared.health.components()
            assert b"veobot_tasks 1.0" in shared.metrics.scrape()
            here.api.set(TASK, DONE)
            assert use.response is not None
            await here.result(use.response)
            assert len(use.messages) == 1


async def test_an_app_that_was_closed_takes_no_memory(tmp_path: Path) -> None:
    """A process may give a shard away and take it again as often as others restart."""
    async with place(tmp_path, start=False) as here, sharing(here) as shared:
        here.api.set(TASK, running(10))
        gone: list[weakref.ref[Any]] = []
        for _ in range(3):
            async with opened(shared, Shard(0, 1)) as app:
                serving = asyncio.create_task(serve(app.client, here.sim.token))
                await here.sleep(30)
                await here.type("watch", TASK)
                await app.close()
                serving.cancel()
            gone += [weakref.ref(app), weakref.ref(app.client), weakref.ref(app.registry)]
            del app, serving
            await here.sleep(3_600)
        gc.collect()
        assert [ref() for ref in gone[:-3]] == [None] * 6, "only the last may still be referred to"


@asynccontextmanager
async def sharing(here: Place) -> AsyncIterator[Shared]:
    """Have what the apps of a process share, with a file."""
    settings = Settings(
        discord_token=here.sim.token,
        veo_api_key=KEY,
        veo_api_base_url=here.api.base_url,
        discord_api_url=here.sim.base_url,
    )
    async with stored_in(here.data / "bot.db") as database:
        yield Shared(settings, database, Traffic(Metrics(), DiscordTime(here.clock)), clock=here.clock)
