"""Interactions: their deadlines, their tokens, who sees the answers, and what people can do."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sim.discord import Channel, DiscordSim, Invocation, Limits, ManualClock, Permission
from sim.discord.clients import RawClient, Reply

V2, EPHEMERAL = 1 << 15, 1 << 6
ID = {"name": "id", "type": 3, "description": "d", "required": True, "autocomplete": True}
VEO = {
    "name": "veo",
    "description": "d",
    "contexts": [0, 1],
    "options": [{"name": "watch", "type": 1, "description": "d", "options": [ID]}],
}
MENU: dict[str, Any] = {"name": "Watch Veo tasks", "type": 3, "contexts": [0]}
STOP = {"type": 1, "components": [{"type": 2, "style": 2, "label": "Stop", "custom_id": "stop:1"}]}


class Stage:
    """A server with one channel, one person, the commands, and a bot that answers by hand."""

    def __init__(self, sim: DiscordSim, api: RawClient, clock: ManualClock) -> None:
        self.sim, self.api, self.clock = sim, api, clock
        self.guild = sim.add_guild("Studio", "zh-CN", community=True)
        self.channel = self.guild.add_channel("renders")
        self.ada = sim.add_user("Ada")
        sim.world.commands.replace(None, [VEO, MENU])
        self.events: list[dict[str, Any]] = []
        sim.world.emit = lambda event, data, guild: self.events.append(data)

    async def watch(self, channel: Channel | None = None) -> Invocation:
        return await self.sim.slash(self.ada, channel or self.channel, "veo", "watch", id="8c1")

    async def ack(self, use: Invocation, kind: int, **data: Any) -> Reply:
        path = f"/interactions/{use.id}/{use.token}/callback?with_response=1"
        return await self.api("POST", path, {"type": kind, "data": data}, token=None)

    async def hook(self, use: Invocation, method: str, path: str, body: Any = None) -> Reply:
        return await self.api(method, f"/webhooks/{self.sim.bot.id}/{use.token}{path}", body, token=None)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    clock = ManualClock()
    async with DiscordSim(clock=clock, limits=Limits.off()) as sim, RawClient(sim) as api:
        yield Stage(sim, api, clock)


async def test_the_event_says_who_where_and_what(stage: Stage) -> None:
    stage.channel.restrict_bot(Permission.VIEW_CHANNEL)
    stage.guild.upload_limit, stage.ada.upload_limit = 10, 50
    await stage.watch()
    event = stage.events[-1]
    assert event["data"]["options"][0]["options"] == [{"name": "id", "type": 3, "value": "8c1"}]
    assert (event["locale"], event["guild_locale"], event["context"]) == ("en-US", "zh-CN", 0)
    assert event["guild"]["features"] == ["COMMUNITY"]
    assert event["app_permissions"] == str(int(Permission.VIEW_CHANNEL))
    assert int(event["member"]["permissions"]) & Permission.SEND_MESSAGES
    assert event["attachment_size_limit"] == 50
    await stage.sim.slash(stage.ada, stage.sim.dm(stage.ada), "veo", "watch", id="x", locale="de")
    event = stage.events[-1]
    assert ("member" in event, event["user"]["id"]) == (False, str(stage.ada.id))
    assert (event["context"], event["locale"], event["channel"]["type"]) == (1, "de", 1)


async def test_only_registered_commands_can_be_used(stage: Stage) -> None:
    with pytest.raises(LookupError):
        await stage.sim.slash(stage.ada, stage.channel, "veo", "list")
    with pytest.raises(LookupError):
        await stage.sim.slash(stage.ada, stage.channel, "veo", "watch", name="8c1")
    with pytest.raises(ValueError, match="required"):
        await stage.sim.slash(stage.ada, stage.channel, "veo", "watch")
    message = stage.channel.post(stage.ada, "8c1")
    with pytest.raises(LookupError):
        await stage.sim.message_command(stage.ada, stage.sim.dm(stage.ada), MENU["name"], message)
    stage.sim.strict_commands = False
    await stage.sim.slash(stage.ada, stage.channel, "any", "thing", count=3)
    assert stage.events[-1]["data"]["options"][0]["options"] == [{"name": "count", "type": 4, "value": 3}]


async def test_an_answer_is_due_in_three_seconds_and_once(stage: Stage) -> None:
    late, twice = await stage.watch(), await stage.watch()
    stage.clock.now += 2.9
    made = await stage.ack(twice, 4, content="card")
    assert made.body["resource"]["message"]["content"] == "card"
    assert made.body["interaction"]["response_message_id"] == made.body["resource"]["message"]["id"]
    assert twice.acked_after == pytest.approx(2.9)
    again = await stage.ack(twice, 4, content="card")
    assert (again.status, again.code) == (400, 40060)
    stage.clock.now += 0.2
    refused = await stage.ack(late, 5)
    assert (refused.status, refused.code, late.acked_at) == (404, 10062, None)
    assert (await stage.hook(late, "GET", "/messages/@original")).code == 10015
    assert [use.refused_acks for use in (late, twice)] == [[10062], [40060]]
    assert stage.sim.invalid_requests == 0


async def test_a_token_lives_fifteen_minutes(stage: Stage) -> None:
    use = await stage.watch()
    await stage.ack(use, 4, content="card")
    stage.clock.now += 899
    assert (await stage.hook(use, "PATCH", "/messages/@original", {"content": "50 %"})).status == 200
    stage.clock.now += 2
    dead = await stage.hook(use, "PATCH", "/messages/@original", {"content": "60 %"})
    assert (dead.status, dead.code) == (401, 50027)
    assert use.response is not None
    path = f"/channels/{stage.channel.id}/messages/{use.response.id}"
    assert (await stage.api("PATCH", path, {"content": "60 %"})).status == 200
    assert [(edit.via, edit.text) for edit in use.response.edits] == [("webhook", "50 %"), ("bot", "60 %")]


async def test_private_answers_are_in_no_history(stage: Stage) -> None:
    use = await stage.watch()
    await stage.ack(use, 4, content=stage.ada.mention, flags=EPHEMERAL)
    assert use.ephemeral
    assert use.response is not None
    assert not use.response.pings
    assert not stage.sim.messages(stage.channel)
    path = f"/channels/{stage.channel.id}/messages/{use.response.id}"
    assert (await stage.api("PATCH", path, {"content": "x"})).code == 10008
    assert (await stage.hook(use, "GET", "/messages/@original")).body["flags"] == EPHEMERAL
    bob = stage.sim.add_user("Bob")
    with pytest.raises(LookupError):
        await stage.sim.click(bob, use.response, custom_id="stop:1")


async def test_a_deferred_answer_becomes_v2_at_its_edit(stage: Stage) -> None:
    use = await stage.watch()
    await stage.ack(use, 5)
    assert use.response is not None
    assert use.response.loading
    body = {"flags": V2, "components": [{"type": 10, "content": "card"}]}
    assert (await stage.hook(use, "PATCH", "/messages/@original", body)).status == 200
    assert (use.response.loading, use.response.is_v2, use.text) == (False, True, "card")


async def test_followups_come_after_the_answer_or_in_place_of_thinking(stage: Stage) -> None:
    use = await stage.watch()
    await stage.ack(use, 5, flags=EPHEMERAL)
    first = await stage.hook(use, "POST", "?wait=true", {"content": "first"})
    assert use.response is not None
    assert (first.body["id"], use.response.ephemeral) == (str(use.response.id), True)
    second = await stage.hook(use, "POST", "?wait=true", {"content": f"hi {stage.ada.mention}"})
    path = f"/messages/{second.body['id']}"
    assert [set(message.pings) for message in use.followups] == [{stage.ada.id}]
    assert (await stage.hook(use, "PATCH", path, {"content": "second"})).status == 200
    assert use.text == "first\nsecond"
    assert (await stage.hook(use, "DELETE", path)).status == 204
    assert (await stage.hook(use, "GET", path)).code == 10008


async def test_buttons_change_their_message_or_answer_it(stage: Stage) -> None:
    use = await stage.watch()
    await stage.ack(use, 4, content="card", components=[STOP])
    assert use.response is not None
    click = await stage.sim.click(stage.ada, use.response, label="Stop")
    assert stage.events[-1]["message"]["id"] == str(use.response.id)
    assert (await stage.ack(click, 7, content="stopped", components=[])).body["resource"]["type"] == 7
    assert (click.response, use.response.text) == (use.response, "stopped")
    with pytest.raises(LookupError):
        await stage.sim.click(stage.ada, use.response, label="Stop")
    behind = await stage.sim.click(stage.ada, use.response, custom_id="stop:1", stale=True)
    await stage.ack(behind, 4, content="gone", flags=EPHEMERAL)
    assert behind.response is not None
    assert (behind.response.reference, behind.ephemeral) == (use.response, True)
    quiet = await stage.sim.click(stage.ada, use.response, custom_id="stop:1", stale=True)
    assert "resource" not in (await stage.ack(quiet, 6)).body


async def test_autocompletion_takes_choices_only(stage: Stage) -> None:
    use = await stage.sim.autocomplete(stage.ada, stage.channel, "veo", "watch", "id", "8c")
    typed = stage.events[-1]["data"]["options"][0]["options"]
    assert typed == [{"name": "id", "type": 3, "value": "8c", "focused": True}]
    assert (await stage.ack(use, 4, content="x")).code == 50035
    assert (await stage.ack(use, 8, choices=[{"name": "n" * 101, "value": "v"}])).code == 50035
    choices = [{"name": "8c1 · 40 %", "value": "8c1"}]
    assert (await stage.ack(use, 8, choices=choices)).status == 200
    assert use.choices == choices


async def test_a_message_command_shows_the_whole_message_and_can_come_twice(stage: Stage) -> None:
    message = stage.channel.post(stage.ada, "task 8c1")
    name = MENU["name"]
    use = await stage.sim.message_command(stage.ada, stage.channel, name, message, deliveries=2)
    first, second = stage.events[-2:]
    assert first["data"]["resolved"]["messages"][str(message.id)]["content"] == "task 8c1"
    assert first["token"] == second["token"] == use.token
