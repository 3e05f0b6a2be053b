"""The budget of refused requests, under a virtual clock: whatever waits and however it is retried."""

import asyncio
import random
from bisect import bisect_left
from collections.abc import Callable
from typing import Final

import aiohttp
import discord
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from discord.http import Route
from outbound.test_discord_errors import refused

from bot.clock import DiscordTime
from bot.gateway.client import VeoBot
from bot.gateway.rate_limiter import Priority, RateLimiter
from bot.gateway.reach import ask
from bot.gateway.traffic import BUDGET, IN_A_ROW, LONGEST_GAP, InvalidRequests, Traffic
from bot.metrics import Metrics
from bot.outbound.discord_errors import access_delay, retry_delay
from bot.outbound.failures import BUDGET_SECONDS

pytestmark = pytest.mark.looptime

MANY: Final = 1_100
LASTS: Final = 900.0
Delay = Callable[[int], float]


def refusal(status: int, code: int = 0) -> discord.HTTPException:
    return refused(status, code)


SCHEDULES: Final[dict[str, tuple[int, Delay]]] = {
    "access taken away": (403, access_delay),
    "an unknown 403": (403, lambda tries: retry_delay(refusal(403), tries)),
    "a 401": (401, lambda tries: retry_delay(refusal(401), tries)),
    "a ban's 429": (429, lambda tries: retry_delay(refusal(429), tries)),
    "a short limit": (429, lambda tries: retry_delay(discord.RateLimited(1.0), tries)),
    "an event every second": (403, lambda _tries: 1.0),
}


def most_in_ten_minutes(at: list[float]) -> int:
    at = sorted(at)
    return max(bisect_left(at, begin + 600) - number for number, begin in enumerate(at))


@pytest.mark.looptime(noop_cycles=0)  # there are no sockets here
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("latency", "taken"), [(0.1, 0.0), (20.0, 0.0), (0.1, 0.3)])
async def test_no_schedule_of_retries_comes_near_a_ban(schedule: str, latency: float, taken: float) -> None:
    status, delay = SCHEDULES[schedule]
    invalid, chance, at = InvalidRequests(), random.Random(7), list[float]()
    gate = RateLimiter(lambda: invalid.gap)
    loop = asyncio.get_running_loop()

    async def keep_trying() -> None:
        """Try as a sender does, and begin afresh with something new when it was taken."""
        tries = 0
        while True:
            if tries and not invalid.may_retry:
                await asyncio.sleep(BUDGET_SECONDS)
                continue
            await gate.enter(Priority.RETRY if tries else Priority.RESULT)
            await invalid.admit()
            await asyncio.sleep(latency)
            if chance.random() < taken:
                invalid.answered(200)
                tries = 0
                await asyncio.sleep(60.0)
            else:
                invalid.answered(status)
                at.append(loop.time())
                tries += 1
                await asyncio.sleep(delay(tries))

    trying = [asyncio.create_task(keep_trying()) for _ in range(MANY)]
    await asyncio.sleep(LASTS)
    for task in trying:
        task.cancel()
    await asyncio.gather(*trying, return_exceptions=True)
    assert len(at) > 50
    assert most_in_ten_minutes(at) < 1_000


async def test_many_refusals_in_a_row_slow_the_bot_down_until_something_is_taken() -> None:
    invalid = InvalidRequests()
    for _ in range(IN_A_ROW):
        assert invalid.gap == 0
        invalid.count_under_way()
        invalid.answered(404)
    gaps = []
    for _ in range(6):
        gaps.append(invalid.gap)
        invalid.count_under_way()
        invalid.answered(403)
    assert gaps == [1.0, 2.0, 4.0, 8.0, LONGEST_GAP, LONGEST_GAP]
    invalid.count_under_way()
    invalid.answered(503)
    assert invalid.gap == LONGEST_GAP, "an error of Discord says nothing of it"
    invalid.count_under_way()
    invalid.answered(200)
    assert invalid.gap == 0


async def test_answers_with_the_scope_shared_and_to_people_do_not_count() -> None:
    invalid = InvalidRequests()
    for _ in range(2_000):
        invalid.count_under_way()
        invalid.answered(429, shared=True, of_channel=False)
    assert invalid.may_retry
    assert invalid.gap == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Reset-After", "nan"),
        ("Reset-After", "inf"),
        ("Reset-After", "soon"),
        ("Limit", "0"),
        ("Limit", "many"),
    ],
)
async def test_a_limit_that_cannot_be_read_holds_up_no_request(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(_request: web.Request) -> web.Response:
        limit = {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "1"}
        return web.json_response({"id": "1"}, headers=limit | {f"X-RateLimit-{name}": value})

    app = web.Application()
    app.router.add_get("/users/@me", answer)
    async with TestServer(app) as server, VeoBot() as client:
        monkeypatch.setattr(Route, "BASE", str(server.make_url("")).rstrip("/"))
        client.http.connector = aiohttp.TCPConnector()
        async with asyncio.timeout(30):  # of virtual time
            await client.http.static_login("token")
            for _ in range(3):
                await client.http.request(Route("GET", "/users/@me"))


async def test_a_limit_of_nan_seconds_fails_one_request_and_stops_no_timer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python's JSON knows NaN; in asyncio's heap of timers nothing after it would ever be due."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(
            status=429,
            body=b'{"message": "You are being rate limited.", "retry_after": NaN, "global": false}',
            headers={"Content-Type": "application/json", "Via": "1.1 google"},
        )

    app = web.Application()
    app.router.add_get("/users/@me", answer)
    async with TestServer(app) as server, VeoBot() as client:
        monkeypatch.setattr(Route, "BASE", str(server.make_url("")).rstrip("/"))
        client.http.connector = aiohttp.TCPConnector()
        with pytest.raises(TypeError):
            await client.http.static_login("token")
        await asyncio.sleep(3600)


async def test_what_changes_something_at_discord_waits_at_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked again once there is a connection, new or kept: making one may take longer than a lease."""
    sent, asked, may_send = list[str](), 0, asyncio.Event()

    async def guard() -> bool:
        nonlocal asked
        asked += 1
        held_up = not may_send.is_set()
        await may_send.wait()
        return held_up

    async def answer(request: web.Request) -> web.Response:
        sent.append(request.method)
        return web.json_response({"id": "1"})

    app = web.Application()
    app.router.add_route("*", "/channels/1/messages", answer)
    app.router.add_route("*", "/users/@me", answer)
    app.router.add_route("*", "/interactions/1/token/callback", answer)
    traffic = Traffic(Metrics(), DiscordTime(asyncio.get_running_loop().time))
    async with TestServer(app) as server, VeoBot(traffic=traffic) as client:
        monkeypatch.setattr(Route, "BASE", str(server.make_url("")).rstrip("/"))
        client.http.connector = aiohttp.TCPConnector()
        traffic.guard = guard
        await client.http.static_login("token")
        route = Route("POST", "/channels/{channel_id}/messages", channel_id=1)
        posting = asyncio.create_task(client.http.request(route, json={}))
        await asyncio.sleep(60)
        assert (sent, asked) == (["GET"], 1)
        await client.http.request(Route("POST", "/interactions/1/token/callback"), json={})
        assert (sent.pop(), asked) == ("POST", 1), "the answer to an interaction cannot come twice"
        may_send.set()
        await posting
        assert (sent, asked) == (["GET", "POST"], 3)
        await client.http.request(Route("GET", "/channels/{channel_id}/messages", channel_id=1))
        assert asked == 3


async def test_those_that_the_guard_held_up_are_spread_and_those_that_gave_up_do_not_count() -> None:
    """While no lease is trusted turns go on; edits by an interaction's token are given up after a while."""
    arrived: list[float] = []

    async def answer(_request: web.Request) -> web.Response:
        arrived.append(asyncio.get_running_loop().time())
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{route}/1", answer)
    traffic, trusted = Traffic(Metrics(), DiscordTime(asyncio.get_running_loop().time)), asyncio.Event()

    async def guard() -> bool:
        held_up = not trusted.is_set()
        await trusted.wait()
        return held_up

    traffic.guard = guard
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), trace_configs=[traffic.trace]
        ) as session,
    ):
        given_up = [asyncio.create_task(session.patch(server.make_url("/webhooks/1"))) for _ in range(BUDGET)]
        await asyncio.sleep(1)
        for task in given_up:
            task.cancel()
        await asyncio.wait(given_up)
        waiting = [asyncio.create_task(session.patch(server.make_url("/channels/1"))) for _ in range(200)]
        await asyncio.sleep(10)
        trusted.set()
        async with asyncio.timeout(30):
            await asyncio.gather(*waiting)
    assert len(arrived) == 200
    assert max(sum(begin <= at < begin + 1 for at in arrived) for begin in arrived) <= 50


async def test_connecting_that_takes_long_brings_no_more_than_50_requests_in_any_second() -> None:
    """Requests on new connections come later than those on open ones: TCP and TLS take time first."""
    arrived: list[float] = []

    async def answer(_request: web.Request) -> web.Response:
        arrived.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.1)
        return web.json_response({})

    async def far(*_: object) -> None:
        await asyncio.sleep(0.4)

    app = web.Application()
    app.router.add_get("/channels/1", answer)
    traffic = Traffic(Metrics(), DiscordTime(asyncio.get_running_loop().time))
    distance = aiohttp.TraceConfig()
    distance.on_connection_create_start.append(far)
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), trace_configs=[distance, traffic.trace]
        ) as session,
    ):
        began = asyncio.get_running_loop().time()
        for requests in (300, 100):  # the second time there are idle connections
            await asyncio.gather(*(session.get(server.make_url("/channels/1")) for _ in range(requests)))
        assert asyncio.get_running_loop().time() - began < 400 / 45 + 2
    assert max(sum(begin <= at < begin + 1 for at in arrived) for begin in arrived) <= 50


async def test_the_first_look_up_is_counted_too() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"url": "wss://gateway.invalid", "shards": 3})

    app = web.Application()
    app.router.add_get("/gateway/bot", answer)
    traffic = Traffic(Metrics(), DiscordTime(asyncio.get_running_loop().time))
    async with TestServer(app) as server:
        began = asyncio.get_running_loop().time()
        for _ in range(46):
            assert (await ask(str(server.make_url("")).rstrip("/"), "token", traffic)).shards == 3
        assert asyncio.get_running_loop().time() - began > 0.9
