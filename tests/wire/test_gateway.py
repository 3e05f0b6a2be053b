"""A gateway that says nothing, nonsense or no: the bot works on, and comes back by itself."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from wire.place import DONE, TASK, VIDEO, Place, place, running
from wire.test_monitoring import numbers, readiness

from sim.discord import Channel

pytestmark = pytest.mark.looptime

DAY = 24 * 3600.0


async def commands_work(here: Place) -> None:
    here.api.set(TASK, DONE)
    assert VIDEO in (await here.watch()).content


async def test_a_gateway_that_never_says_ready_is_asked_less_and_less_often(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with place(tmp_path, start=False, monitored=True) as here:
        here.sim.gateway.says_ready = False
        await here.launch_bot()
        await here.sleep(130)
        status, parts = await readiness(here)
        assert status == 503
        assert parts["gateway"]["state"] == "does not answer IDENTIFY"
        assert "does not answer IDENTIFY or RESUME" in caplog.text
        await here.sleep(DAY - 130)
        asked = here.sim.gateway.identified_at
        waits = [round((later - earlier) / 60) for earlier, later in pairwise(asked[:7])]
        assert waits == [2, 4, 8, 16, 30, 30]
        assert len(asked) < 60
        counted = await numbers(here)
        assert counted["veobot_gateway_identifies_total"] == len(asked)
        assert counted["veobot_gateway_connected"] == 0
        here.sim.gateway.says_ready = True
        await here.sim.wait_ready(1_900)
        await here.sleep(5)
        assert (await readiness(here))[1]["gateway"]["state"] == "connected"
        await commands_work(here)


async def test_polls_and_results_go_on_while_the_gateway_is_not_ready(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        here.sim.gateway.says_ready = False
        await here.sim.invalidate_sessions()
        await here.sleep(600)
        here.api.set(TASK, DONE)
        assert VIDEO in (await here.result(card)).content


async def test_a_session_that_is_not_resumed_is_given_up_after_two_tries(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await here.sleep(5)
        here.sim.gateway.says_ready = False
        await here.sim.drop_gateway()
        await here.sleep(360)
        assert (here.sim.gateway.resumes, here.sim.gateway.identifies) == (2, 1)
        here.sim.gateway.says_ready = True
        await here.sim.wait_ready(600)
        await commands_work(here)


@pytest.mark.parametrize(
    "trouble",
    [
        {"says_ready": False},
        {"closes_with": 4000},
        {"closes_with": 4009},
        {"closes_with": 1000},
        {"ends_sessions": True},
    ],
    ids=["no READY and no heartbeats", "closed", "session timed out", "closed as if well", "sessions end"],
)
async def test_no_trouble_takes_sixty_sessions_a_day(trouble: dict[str, Any], tmp_path: Path) -> None:
    async with place(tmp_path, start=False) as here:
        here.hears_within = 60.0
        await here.start_bot()
        for name, value in trouble.items():
            setattr(here.sim.gateway, name, value)
        await here.sim.invalidate_sessions()
        await here.sleep(DAY)
        assert 5 < here.sim.gateway.identifies < 60
        for name in trouble:
            setattr(here.sim.gateway, name, {"says_ready": True}.get(name))
        await here.sim.wait_ready(2 * 3_600)
        await here.sleep(5)
        await commands_work(here)


async def test_the_last_sessions_of_a_day_are_left_to_people(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with place(tmp_path, monitored=True) as here:
        here.sim.world.identifies_left = 49
        await here.sim.invalidate_sessions()
        await here.sleep(3_600)
        assert here.sim.gateway.identifies == 1
        assert "too few sessions" in caplog.text
        assert (await readiness(here))[1]["gateway"]["state"] == "no session starts left"
        here.sim.world.identifies_left = 1_000
        await here.sleep(1_900)
        assert here.sim.gateway.identifies == 2
        await commands_work(here)


EVENTS: dict[str, Any] = {
    "GUILD_CREATE": {"id": "1", "channels": [{"type": 0}]},
    "GUILD_UPDATE": {"id": "{guild}", "roles": [{}]},
    "GUILD_DELETE": {},
    "GUILD_ROLE_CREATE": {"guild_id": "{guild}"},
    "GUILD_ROLE_UPDATE": {"guild_id": "{guild}", "role": {"name": "x"}},
    "GUILD_ROLE_DELETE": {"role_id": "x"},
    "GUILD_EMOJIS_UPDATE": {"guild_id": "{guild}", "emojis": None},
    "GUILD_STICKERS_UPDATE": {"guild_id": None},
    "GUILD_INTEGRATIONS_UPDATE": {"guild_id": []},
    "GUILD_AUDIT_LOG_ENTRY_CREATE": {"guild_id": "{guild}"},
    "GUILD_MEMBERS_CHUNK": None,
    "CHANNEL_CREATE": {"guild_id": "{guild}", "type": 0},
    "CHANNEL_UPDATE": {"id": "{channel}", "guild_id": "{guild}", "type": 0, "permission_overwrites": 7},
    "CHANNEL_DELETE": {"id": "x"},
    "CHANNEL_PINS_UPDATE": {"channel_id": {}},
    "THREAD_CREATE": {"guild_id": "{guild}", "id": "5"},
    "THREAD_UPDATE": {"id": "5"},
    "THREAD_DELETE": {"guild_id": "{guild}"},
    "THREAD_LIST_SYNC": {"guild_id": "{guild}", "threads": [None]},
    "THREAD_MEMBER_UPDATE": "x",
    "THREAD_MEMBERS_UPDATE": {"guild_id": "{guild}", "id": "x"},
    "STAGE_INSTANCE_CREATE": {"guild_id": "{guild}"},
    "VOICE_STATE_UPDATE": {"guild_id": "{guild}", "channel_id": "x"},
    "WEBHOOKS_UPDATE": [],
    "INTERACTION_CREATE": {"id": "5", "type": 2, "token": "a secret token"},
    "MESSAGE_CREATE": {"channel_id": "{channel}"},
    "ENTITLEMENT_CREATE": {},
}
"""Events that discord.py cannot read: fields that are missing, null, of other types, far too large."""


def frame(event: str, channel: Channel) -> str:
    assert channel.guild is not None
    data = json.dumps(EVENTS[event]).replace("{guild}", str(channel.guild.id))
    return f'{{"op": 0, "t": "{event}", "s": null, "d": {data.replace("{channel}", str(channel.id))}}}'


@pytest.mark.parametrize("event", EVENTS)
async def test_an_event_that_cannot_be_read_is_skipped_and_named(
    event: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with place(tmp_path, monitored=True) as here:
        await here.sleep(5)
        here.sim.send_frame(frame(event, here.channel))
        await commands_work(here)
        skipped = [vars(r)["event"] for r in caplog.records if "could not be read" in r.message]
        assert skipped == [event]
        assert "secret" not in caplog.text
        assert (await numbers(here))["veobot_gateway_skipped_total"] == 1
        assert here.sim.gateway.identifies == 1


@pytest.mark.parametrize(
    "sent",
    [
        "nonsense",
        "[]",
        '{"op": null}',
        '{"op": 99, "d": {}}',
        '{"op": 0, "t": "NO_SUCH_EVENT", "s": null, "d": null}',
        '{"op": 0, "t": null, "s": null, "d": null}',
        '{"op": 0, "t": ["READY"], "s": "x"}',
        '{"op": 0, "t": "RESUMED", "s": null, "d": null}',
        '{"op": 10, "d": null}',
        '{"op": 11, "d": {"x": 1}}',
        '{"op": 1, "d": "x"}',
        "[" * 50_000,
    ],
)
async def test_a_frame_that_cannot_be_read_is_skipped(sent: str, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.sim.send_frame(sent)
        await commands_work(here)
        assert here.sim.gateway.identifies == 1
        assert here.sim.gateway.resumes == 0


@pytest.mark.parametrize("sent", [b"garbage" + b"\x00\x00\xff\xff", b"x" * 100 + b"\x00\x00\xff\xff"])
async def test_a_damaged_stream_is_resumed_on_a_new_connection(sent: bytes, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.sim.send_frame(sent)
        await here.sim.wait_for(lambda: here.sim.gateway.resumes == 1, 10)
        await commands_work(here)
        assert here.sim.gateway.identifies == 1


@pytest.mark.parametrize("hello", [None, {}, {"heartbeat_interval": None}, {"heartbeat_interval": 10**30}])
async def test_a_malformed_hello_does_not_keep_the_bot_away(hello: Any, tmp_path: Path) -> None:
    async with place(tmp_path, start=False) as here:
        here.sim.gateway.hello = hello
        await here.start_bot()
        await commands_work(here)


@pytest.mark.parametrize(
    "change",
    [
        {"guilds": lambda guilds: [None, *guilds, {"unavailable": True}, {"id": "x"}]},
        {"user": lambda _: None},
        {"user": lambda _: {"id": 10**40}},
        {"session_id": lambda _: None},
        {"resume_gateway_url": lambda _: "nowhere"},
        {"shard": lambda _: []},
        {"application": lambda _: {}},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_ready_that_is_partly_malformed_serves_the_servers_it_names(
    change: dict[str, Any], tmp_path: Path
) -> None:
    async with place(tmp_path, start=False) as here:
        here.sim.gateway.edit_ready = lambda ready: (
            ready | {name: edit(ready[name]) for name, edit in change.items()}
        )
        await here.start_bot()
        await commands_work(here)
        await here.sim.drop_gateway()
        await here.sim.wait_ready(30)
        await commands_work(here)


async def test_a_server_that_cannot_be_read_does_not_cost_the_others(tmp_path: Path) -> None:
    async with place(tmp_path, start=False) as here:
        other = here.sim.add_guild("Other")
        other.payload = lambda: {"id": str(other.id), "roles": [{}]}  # type: ignore[method-assign]
        await here.start_bot()
        await commands_work(here)
        here.channel = other.add_channel("renders")
        await commands_work(here)
