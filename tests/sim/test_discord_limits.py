"""The simulator's rate limits and its trouble on demand."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from sim.discord import Channel, DiscordSim, Fault, Limits, ManualClock, Rate
from sim.discord.clients import RawClient


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def sim(clock: ManualClock) -> AsyncIterator[DiscordSim]:
    async with DiscordSim(clock=clock) as sim:
        yield sim


@pytest.fixture
async def api(sim: DiscordSim) -> AsyncIterator[RawClient]:
    async with RawClient(sim) as api:
        yield api


async def test_a_channels_bucket_counts_down_and_refills(
    sim: DiscordSim, api: RawClient, channel: Channel, clock: ManualClock
) -> None:
    path, body = f"/channels/{channel.id}/messages", {"content": "x"}
    left = [(await api("POST", path, body)).headers["X-RateLimit-Remaining"] for _ in range(5)]
    assert left == ["4", "3", "2", "1", "0"]
    clock.now += 2
    refused = await api("POST", path, body)
    assert refused.body == {"message": "You are being rate limited.", "retry_after": 3.0, "global": False}
    assert refused.status == 429
    headers = {name: refused.headers[name] for name in ("Retry-After", "X-RateLimit-Scope", "Via")}
    assert headers == {"Retry-After": "3", "X-RateLimit-Scope": "user", "Via": "1.1 google"}
    assert refused.headers["X-RateLimit-Reset"] == f"{clock.now + 3:.3f}"
    assert channel.guild is not None
    other = channel.guild.add_channel("other")
    assert (await api("POST", f"/channels/{other.id}/messages", body)).status == 200
    clock.now += 3
    assert (await api("POST", path, body)).status == 200
    assert (sim.rate_limited, sim.invalid_requests) == (1, 1)


async def test_the_whole_bot_has_fifty_a_second(sim: DiscordSim, api: RawClient, clock: ManualClock) -> None:
    answers = [await api("GET", "/users/@me") for _ in range(51)]
    assert [answer.status for answer in answers] == [200] * 50 + [429]
    assert answers[-1].body["global"] is True
    assert answers[-1].headers["X-RateLimit-Global"] == "true"
    clock.now += 1
    assert (await api("GET", "/users/@me")).status == 200


async def test_old_messages_take_three_edits_in_six_seconds(
    sim: DiscordSim, api: RawClient, channel: Channel, clock: ManualClock
) -> None:
    made = await api("POST", f"/channels/{channel.id}/messages", {"content": "x"})
    path = f"/channels/{channel.id}/messages/{made.body['id']}"
    clock.now += 3600
    assert (await api("PATCH", path, {"content": "young"})).status == 200
    clock.now += 5
    answers = [await api("PATCH", path, {"content": str(n)}) for n in range(4)]
    assert [(answer.status, answer.code) for answer in answers] == [(200, 0)] * 3 + [(429, 30046)]
    assert answers[-1].headers["X-RateLimit-Remaining"] == "1"
    clock.now += answers[-1].body["retry_after"]
    assert (await api("PATCH", path, {"content": "y"})).status == 200


async def test_limits_can_be_changed_and_switched_off(
    sim: DiscordSim, api: RawClient, channel: Channel
) -> None:
    path, body = f"/channels/{channel.id}/messages", {"content": "x"}
    sim.limits.posts = Rate(1, 60)
    assert [(await api("POST", path, body)).status for _ in range(2)] == [200, 429]
    sim.limits.enabled = False
    assert (await api("POST", path, body)).status == 200
    assert Limits.off().enabled is False


async def test_a_fault_before_the_effect_loses_it_and_one_after_loses_the_answer(
    sim: DiscordSim, api: RawClient, channel: Channel
) -> None:
    path = f"/channels/{channel.id}/messages"
    sim.fault(Fault("POST", "/channels/*/messages", status=502))
    assert (await api("POST", path, {"content": "1"})).status == 502
    assert not sim.messages(channel)
    sim.fault(Fault("POST", "/channels/{channel_id}/messages", when="after", drop=True))
    with pytest.raises(aiohttp.ClientError):
        await api("POST", path, {"content": "2"})
    assert [message.text for message in sim.messages(channel)] == ["2"]
    assert (await api("POST", path, {"content": "3"})).status == 200
    assert [(r.status, r.applied) for r in sim.requests] == [(502, False), (0, True), (200, True)]


async def test_answers_can_be_hostile(sim: DiscordSim, api: RawClient) -> None:
    ban = Fault(status=429, body="error code: 1015", content_type="text/html", via=False, times=None)
    sim.fault(ban)
    reply = await api("GET", "/users/@me")
    assert (reply.status, reply.body, "Via" in reply.headers) == (429, "error code: 1015", False)
    sim.clear_faults()
    sim.fault(Fault(path="/users/@me", when="after", body="<html>", content_type="text/html"))
    reply = await api("GET", "/users/@me")
    assert (reply.status, reply.body) == (200, "<html>")
    sim.fault(Fault(status=429, retry_after=7, headers={"X-RateLimit-Scope": "shared"}))
    reply = await api("GET", "/users/@me")
    assert (reply.body["retry_after"], reply.headers["Retry-After"]) == (7, "7")
    assert (await api("GET", "/users/@me")).status == 200
    assert sim.rate_limited == 0, "a fault is not a limit"


async def test_a_probable_fault_is_the_same_with_the_same_seed() -> None:
    runs = []
    for _ in range(2):
        async with DiscordSim(seed=7, limits=Limits.off()) as sim, RawClient(sim) as api:
            sim.fault(Fault(status=500, times=None, probability=0.5))
            runs.append([(await api("GET", "/gateway")).status for _ in range(12)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


@pytest.mark.looptime
async def test_a_slow_answer_takes_its_time_and_still_comes(sim: DiscordSim, api: RawClient) -> None:
    fault = sim.fault(Fault(path="/users/@me", delay=20))
    with pytest.raises(TimeoutError):
        async with aiohttp.ClientSession() as http:
            await http.get(f"{sim.base_url}/users/@me", timeout=aiohttp.ClientTimeout(total=15))
    fault.times = 2
    assert (await api("GET", "/users/@me")).status == 200
    assert fault.hits == 2


async def test_rest_can_be_down(sim: DiscordSim, api: RawClient) -> None:
    sim.rest_down = True
    assert (await api("GET", "/users/@me")).status == 503
    sim.rest_down = "drop"
    with pytest.raises(aiohttp.ClientError):
        await api("GET", "/users/@me")
    sim.rest_down = False
    assert (await api("GET", "/users/@me")).status == 200
