"""The simulator's line for uploads, and faults that spare messages without files."""

import asyncio

import pytest

from sim.discord import Channel, DiscordSim, Fault
from sim.discord.clients import RawClient

pytestmark = pytest.mark.looptime


async def test_uploads_share_the_line(sim: DiscordSim, channel: Channel) -> None:
    sim.uplink.speed = 100_000
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with RawClient(sim) as client:
        post = f"/channels/{channel.id}/messages"
        files = {"a.mp4": bytes(250_000)}
        replies = await asyncio.gather(*(client("POST", post, {"content": "x"}, files=files) for _ in "ab"))
    assert [reply.status for reply in replies] == [200, 200]
    assert 5.0 <= loop.time() - began < 5.1
    assert [len(m.attachments[0].data) for m in sim.messages(channel)] == [250_000] * 2


async def test_an_upload_that_is_cut_off_never_came_but_was_carried(
    sim: DiscordSim, channel: Channel
) -> None:
    sim.uplink.speed = 100_000
    async with RawClient(sim) as client:
        post = client("POST", f"/channels/{channel.id}/messages", {"content": "x"}, files={"a": bytes(10**6)})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(post, 5)
    await asyncio.sleep(60)
    assert sim.messages(channel) == []
    assert sim.requests == []
    assert sim.uplink.begun == 1
    assert 0 < sim.uplink.carried < 10**6


async def test_a_fault_with_files_spares_a_message_without(sim: DiscordSim, channel: Channel) -> None:
    sim.fault(Fault("POST", "/channels/*/messages", status=504, times=None, with_files=True))
    async with RawClient(sim) as client:
        post = f"/channels/{channel.id}/messages"
        assert (await client("POST", post, {"content": "x"})).status == 200
        assert (await client("POST", post, {"content": "x"}, files={"a": b"x"})).status == 504
