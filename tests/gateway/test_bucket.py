"""Discord's limits per channel, with discord.py's own requests on real sockets and a virtual clock."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Final

import aiohttp
import discord
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from discord.http import Route

from bot.gateway.bucket import FORGOTTEN_AFTER, Bucket, Buckets
from bot.gateway.client import VeoBot
from sim.discord.limits import Limits, Rate, RateLimiter, TooMany

pytestmark = pytest.mark.looptime

Latency = Callable[[], float]


class Server:
    """Answers messages to channels as Discord does, within its limits, after some time on the way there."""

    def __init__(self, client: VeoBot, there: Latency, back: Latency, *, rate: Rate) -> None:
        limits = Limits(posts=rate, whole_bot=None)
        self._limits: Final = RateLimiter(limits, lambda: 1_000.0 + asyncio.get_running_loop().time())
        self._there: Final = there
        self._back: Final = back
        self._client: Final = client
        self._ids: Final = count()
        self.refused = 0
        self.taken: list[float] = []

    async def answer(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self._there())
        try:
            headers = self._limits.charge("posts", request.match_info["channel"])
        except TooMany as error:
            self.refused += 1
            headers = {**error.headers, "Via": "1.1 google", "Content-Type": "application/json"}
            return web.Response(text=json.dumps(error.body), status=429, headers=headers)
        self.taken.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self._back())
        return web.json_response({"id": str(next(self._ids))}, headers=headers)

    async def post(self, channel: int, messages: int = 1) -> None:
        route = Route("POST", "/channels/{channel_id}/messages", channel_id=channel)
        await asyncio.gather(*(self._client.http.request(route, json={}) for _ in range(messages)))


@asynccontextmanager
async def discord_with(
    there: Latency, back: Latency, monkeypatch: pytest.MonkeyPatch, *, rate: Rate | None = None
) -> AsyncIterator[Server]:
    async with VeoBot() as client:
        server, app = Server(client, there, back, rate=rate or Rate(5, 5.0)), web.Application()
        app.router.add_post("/channels/{channel}/messages", server.answer)
        app.router.add_get("/users/@me", _me)
        async with TestServer(app) as http:
            monkeypatch.setattr(Route, "BASE", str(http.make_url("")).rstrip("/"))
            client.http.connector = aiohttp.TCPConnector(limit=0)
            await client.http.static_login("token")
            yield server


async def _me(_request: web.Request) -> web.Response:
    return web.json_response({"id": "1"})


async def test_fifty_messages_at_once_to_a_channel_meet_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """discord.py itself meets 86 (discord.py#10287)."""
    async with discord_with(lambda: 0.1, lambda: 0.1, monkeypatch) as server:
        await server.post(1, 50)
        assert server.refused == 0
        assert server.taken[-1] - server.taken[0] < 50 + 10


async def test_channels_that_begin_at_once_meet_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever is answered first: discord.py forgets the requests in flight of all others then."""
    chance = random.Random(1)
    async with discord_with(lambda: chance.uniform(0, 2), lambda: 0.1, monkeypatch) as server:
        await asyncio.gather(*(server.post(channel, 7) for channel in range(1, 11)))
        assert server.refused == 0


@pytest.mark.parametrize("seed", range(3))
async def test_no_order_of_requests_and_responses_meets_a_refusal(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows end while requests and responses are on their way, and responses overtake each other."""
    chance = random.Random(seed)

    def way() -> float:
        return chance.choice([0.01, 0.1, 0.5, chance.uniform(0, 8)])

    async with discord_with(way, way, monkeypatch, rate=Rate(5, 2.0 + 3 * seed)) as server:

        async def person(channel: int) -> None:
            for _ in range(6):
                await server.post(channel, chance.randrange(1, 5))
                await asyncio.sleep(chance.choice([0, 1, 5, 20]))

        await asyncio.gather(*(person(channel) for channel in (1, 2) for _ in range(4)))
        assert server.refused == 0


async def test_the_last_message_of_a_window_returns_without_waiting_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with discord_with(lambda: 0.1, lambda: 0.1, monkeypatch) as server, asyncio.timeout(2):
        await server.post(1, 5)


async def test_a_longer_limit_than_a_minute_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    async with discord_with(lambda: 0.1, lambda: 0.1, monkeypatch, rate=Rate(1, 3600.0)) as server:
        await server.post(1)
        with pytest.raises(discord.RateLimited):
            await server.post(1)


async def test_unused_buckets_are_dropped_and_used_ones_kept() -> None:
    buckets = Buckets()
    used = buckets["used"]
    for number in range(1_000):
        assert isinstance(buckets[str(number)], Bucket)
    assert len(buckets) == 1_001
    await asyncio.sleep(FORGOTTEN_AFTER + 1)
    async with used:
        for number in range(3_000):
            assert buckets[f"new {number}"] is buckets[f"new {number}"]
    assert len(buckets) == 3_001
    assert buckets["used"] is used
