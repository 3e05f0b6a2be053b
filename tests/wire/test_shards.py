"""Servers in several shards."""

from pathlib import Path

import pytest
from wire.place import DONE, TASK, place, running

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
