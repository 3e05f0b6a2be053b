"""Servers in several shards."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from store.places import opened as stored_in
from wire.place import DONE, KEY, TASK, place, running

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
        settings = Settings(
            discord_token=here.sim.token,
            veo_api_key=KEY,
            veo_api_base_url=here.api.base_url,
            discord_api_url=here.sim.base_url,
        )
        database = await stack.enter_async_context(stored_in(tmp_path / "bot.db"))
        shared = Shared(settings, database, Traffic(Metrics(), DiscordTime(here.clock)), clock=here.clock)
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
