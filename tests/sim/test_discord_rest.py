"""The simulator's channels and messages over REST: history, nonce, replies, edits, threads, permissions."""

import re
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from sim.discord import BOT_DEFAULT, Channel, DiscordSim, Limits, ManualClock, Permission, User
from sim.discord.channel import STAGE, VOICE
from sim.discord.clients import RawClient, Reply


@pytest.fixture
async def sim() -> AsyncIterator[DiscordSim]:
    async with DiscordSim(clock=ManualClock(), limits=Limits.off()) as sim:
        yield sim


@pytest.fixture
async def api(sim: DiscordSim) -> AsyncIterator[RawClient]:
    async with RawClient(sim) as api:
        yield api


def later(sim: DiscordSim, seconds: float) -> None:
    assert isinstance(sim.world.clock, ManualClock)
    sim.world.clock.now += seconds


def refused(reply: Reply) -> tuple[int, int]:
    return reply.status, reply.code


async def test_answers_look_like_discords(sim: DiscordSim, api: RawClient) -> None:
    reply = await api("GET", "/users/@me")
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["Via"] == "1.1 google"
    assert parsedate_to_datetime(reply.headers["Date"]).timestamp() == sim.world.clock()
    assert reply.body["id"] == str(sim.bot.id)


async def test_unknown_routes_and_wrong_tokens_are_recorded(sim: DiscordSim, api: RawClient) -> None:
    assert (await api("GET", "/guilds/1/audit-logs")).body == {"message": "404: Not Found", "code": 0}
    assert (await api("DELETE", "/users/@me")).status == 405
    assert (await api("GET", "/users/@me", token=None)).status == 401
    assert [request.path for request in sim.unknown_routes] == ["/guilds/1/audit-logs", "/users/@me"]
    assert [request.authorization for request in sim.requests] == ["bot", "bot", "none"]
    assert sim.invalid_requests == 1


async def test_history_is_newest_first_in_every_direction(
    sim: DiscordSim, api: RawClient, channel: Channel, ada: User
) -> None:
    ids = [str(channel.post(ada, str(number)).id) for number in range(7)]
    channel.messages[int(ids[3])].delete()
    path = f"/channels/{channel.id}/messages"

    async def page(query: str) -> list[int]:
        reply = await api("GET", f"{path}?{query}")
        return [ids.index(message["id"]) for message in reply.body or []]

    assert await page("limit=2") == [6, 5]
    assert await page(f"limit=2&before={ids[4]}") == [2, 1]
    assert await page(f"limit=2&after={ids[2]}") == [5, 4]
    assert await page(f"limit=3&around={ids[4]}") == [5, 4, 2]
    assert refused(await api("GET", f"{path}?limit=101")) == (400, 50035)
    channel.restrict_bot(Permission.VIEW_CHANNEL)
    assert await page("limit=2") == []


async def test_the_bot_reads_no_ones_words_but_its_own(
    sim: DiscordSim, api: RawClient, channel: Channel, ada: User
) -> None:
    await api("POST", f"/channels/{channel.id}/messages", {"content": "mine"})
    channel.post(ada, "hers")
    channel.post(ada, f"to you {sim.bot.mention}")
    history = (await api("GET", f"/channels/{channel.id}/messages")).body
    assert [message["content"] for message in history] == [f"to you {sim.bot.mention}", "", "mine"]


async def test_an_enforced_nonce_makes_one_message(sim: DiscordSim, api: RawClient, channel: Channel) -> None:
    path = f"/channels/{channel.id}/messages"
    body = {"content": "done", "nonce": "n1", "enforce_nonce": True}
    first = await api("POST", path, body)
    assert first.body["nonce"] == "n1"
    assert (await api("POST", path, body)).body["id"] == first.body["id"]
    assert "nonce" not in (await api("GET", path)).body[0]
    sim.messages(channel)[0].delete()
    assert refused(await api("POST", path, body)) == (404, 10008)
    later(sim, 181)
    assert (await api("POST", path, body)).body["id"] != first.body["id"]
    assert (await api("POST", path, {**body, "enforce_nonce": False})).status == 200
    assert len(sim.messages(channel)) == 2


async def test_replies_need_their_message_and_the_history(
    sim: DiscordSim, api: RawClient, channel: Channel, ada: User
) -> None:
    path, target = f"/channels/{channel.id}/messages", channel.post(ada, "hello")
    body = {"content": "hi", "message_reference": {"message_id": str(target.id)}}
    reply = await api("POST", path, body)
    assert (reply.body["type"], reply.body["referenced_message"]["id"]) == (19, str(target.id))
    assert sim.messages(channel)[-1].reference is target
    target.delete()
    missing = await api("POST", path, body)
    assert missing.faults("message_reference") == ["REPLIES_UNKNOWN_MESSAGE"]
    lenient = {"message_id": str(target.id), "fail_if_not_exists": False}
    assert (await api("POST", path, {**body, "message_reference": lenient})).status == 200
    channel.restrict_bot(sim.app_permissions & ~Permission.READ_MESSAGE_HISTORY)
    assert refused(await api("POST", path, body)) == (400, 160002)


async def test_edits_are_kept_and_only_the_bots_own(
    sim: DiscordSim, api: RawClient, channel: Channel, ada: User
) -> None:
    made = await api("POST", f"/channels/{channel.id}/messages", {"content": "10 %"})
    path = f"/channels/{channel.id}/messages/{made.body['id']}"
    later(sim, 5)
    assert (
        (await api("PATCH", path, {"content": "20 %"}))
        .body["edited_timestamp"]
        .startswith("2026-01-01T00:00:05")
    )
    (message,) = sim.messages(channel)
    assert [(edit.via, edit.text) for edit in message.edits] == [("bot", "20 %")]
    assert refused(await api("PATCH", path, {"content": ""})) == (400, 50006)
    assert message.text == "20 %"
    hers = channel.post(ada, "hers")
    assert refused(await api("PATCH", f"/channels/{channel.id}/messages/{hers.id}", {"content": "x"})) == (
        403,
        50005,
    )
    assert (await api("DELETE", path)).status == 204
    assert message.deleted
    assert refused(await api("PATCH", path, {"content": "30 %"})) == (404, 10008)


async def test_permissions_and_gone_places_are_refused(
    sim: DiscordSim, api: RawClient, channel: Channel, ada: User
) -> None:
    path, body = f"/channels/{channel.id}/messages", {"content": "hi"}
    assert (await api("POST", path, body)).status == 200
    channel.restrict_bot(Permission.VIEW_CHANNEL)
    assert refused(await api("POST", path, body)) == (403, 50013)
    channel.restrict_bot(0)
    assert refused(await api("POST", path, body)) == (403, 50001)
    channel.restrict_bot(None)
    sim.app_permissions = 0
    assert refused(await api("GET", path)) == (403, 50001)
    sim.app_permissions = Permission.VIEW_CHANNEL | Permission.SEND_MESSAGES
    assert refused(await api("POST", path, body, files={"a.txt": b"a"})) == (403, 50013)
    assert channel.guild is not None
    channel.guild.remove_bot()
    assert refused(await api("POST", path, body)) == (403, 50001)
    channel.guild.add_bot()
    channel.delete()
    assert refused(await api("POST", path, body)) == (404, 10003)
    ada.dms_open = False
    opened = await api("POST", "/users/@me/channels", {"recipient_id": str(ada.id)})
    assert refused(await api("POST", f"/channels/{opened.body['id']}/messages", body)) == (403, 50007)


@pytest.mark.parametrize("kind", [VOICE, STAGE])
async def test_the_text_of_a_voice_channel_needs_connect(kind: int, api: RawClient, channel: Channel) -> None:
    assert channel.guild is not None
    room = channel.guild.add_channel("room", kind=kind)
    path = f"/channels/{room.id}/messages"
    assert refused(await api("POST", path, {"content": "hi"})) == (403, 50001)
    assert refused(await api("GET", path)) == (403, 50001)
    room.restrict_bot(BOT_DEFAULT | Permission.CONNECT)
    assert (await api("POST", path, {"content": "hi"})).status == 200


async def test_a_private_thread_is_closed_to_a_bot_that_is_not_in_it(
    sim: DiscordSim, api: RawClient, channel: Channel
) -> None:
    thread = channel.add_thread("secret", private=True, bot_in=False)
    path = f"/channels/{thread.id}/messages"
    assert refused(await api("POST", path, {"content": "hi"})) == (403, 50001)
    thread.add_bot()
    assert (await api("POST", path, {"content": "hi"})).status == 200
    thread.remove_bot()
    assert refused(await api("POST", path, {"content": "hi"})) == (403, 50001)
    sim.app_permissions = BOT_DEFAULT | Permission.MANAGE_THREADS
    assert (await api("POST", path, {"content": "hi"})).status == 200


async def test_a_server_with_the_commands_alone_is_no_server_of_the_bots(
    sim: DiscordSim, api: RawClient
) -> None:
    guild = sim.add_guild("Elsewhere", commands_only=True)
    channel = guild.add_channel("renders")
    assert channel.permissions_for(sim.bot) == BOT_DEFAULT
    assert refused(await api("POST", f"/channels/{channel.id}/messages", {"content": "hi"})) == (403, 50001)
    assert (await api("GET", "/users/@me/guilds")).body is None, "the list is empty"


async def test_threads_reopen_for_posts_but_not_for_edits(
    sim: DiscordSim, api: RawClient, channel: Channel
) -> None:
    thread = channel.add_thread("shots")
    path = f"/channels/{thread.id}/messages"
    made = await api("POST", path, {"content": "card"})
    thread.set_state(archived=True)
    edit = f"{path}/{made.body['id']}"
    assert refused(await api("PATCH", edit, {"content": "x"})) == (400, 50083)
    assert (await api("POST", path, {"content": "result"})).status == 200
    assert not thread.archived
    thread.set_state(archived=True, locked=True)
    assert refused(await api("POST", path, {"content": "more"})) == (400, 160005)
    thread.set_state(archived=False)
    assert refused(await api("PATCH", edit, {"content": "x"})) == (400, 160005)


async def test_files_are_kept_and_served(sim: DiscordSim, api: RawClient, channel: Channel) -> None:
    path = f"/channels/{channel.id}/messages"
    body = {"attachments": [{"id": "0", "filename": "shot.mp4", "description": "the shot"}]}
    made = await api("POST", path, body, files={"ignored.mp4": b"video"})
    (file,) = sim.messages(channel)[0].attachments
    assert (file.filename, file.data, file.description) == ("shot.mp4", b"video", "the shot")
    assert sim.requests[-1].files == [("ignored.mp4", 5)]
    kept = {"attachments": [{"id": str(file.id)}]}
    await api("PATCH", f"{path}/{made.body['id']}", kept, files={"b.txt": b"b"})
    assert [a.filename for a in sim.messages(channel)[0].attachments] == ["shot.mp4", "b.txt"]
    cdn = file.url.removeprefix(sim.base_url.removesuffix("/api/v10"))
    assert cdn.startswith("/attachments/")
    assert channel.guild is not None
    channel.guild.upload_limit = 3
    assert refused(await api("POST", path, {}, files={"big": b"1234"})) == (413, 40005)


async def test_of_a_files_name_ascii_is_left_and_its_title_is_kept(
    sim: DiscordSim, api: RawClient, channel: Channel
) -> None:
    names = {"镜头 12/a (b).mp4": b"1", "_港口-1.mp4": b"2", "港口.mp4": b"3"}
    body = {"attachments": [{"id": "1", "title": "港口-1"}]}
    await api("POST", f"/channels/{channel.id}/messages", body, files=names)
    first, second, third = sim.messages(channel)[0].attachments
    assert [(file.filename, file.payload().get("title")) for file in (first, second)] == [
        ("12_a_b.mp4", None),
        ("-1.mp4", "港口-1"),
    ]
    assert re.fullmatch(r"[0-9a-f]{16}\.mp4", third.filename)


async def test_commands_are_stored_by_name_and_counted(sim: DiscordSim, api: RawClient) -> None:
    path = f"/applications/{sim.bot.id}/commands"
    first = await api("PUT", path, [{"name": "veo", "description": "d"}, {"name": "old", "description": "d"}])
    second = await api("PUT", path, [{"name": "veo", "description": "changed"}])
    assert second.body[0]["id"] == first.body[0]["id"]
    assert [command["description"] for command in (await api("GET", path)).body] == ["changed"]
    assert sim.command_writes == 2
    assert refused(await api("PUT", path, [{"name": "veo"}])) == (400, 50035)


async def test_a_server_in_an_outage_and_a_bot_in_a_timeout_refuse_as_discord_does() -> None:
    """10003 in an outage; 50013 in a timeout (discord-api-docs#6847), reading excepted."""
    async with DiscordSim() as sim:
        guild = sim.add_guild("Studio")
        channel = guild.add_channel("renders")
        path = f"{sim.base_url}/channels/{channel.id}/messages"
        codes: list[tuple[int | None, int]] = []

        async def ask(session: aiohttp.ClientSession) -> None:
            async with session.post(path, json={"content": "a"}) as posted, session.get(path) as read:
                codes.append(((await posted.json()).get("code"), read.status))

        async with aiohttp.ClientSession(headers={"Authorization": f"Bot {sim.token}"}) as session:
            guild.outage()
            await ask(session)
            guild.outage(over=True)
            await ask(session)
            guild.time_out_bot(sim.world.clock() + 60)
            await ask(session)
            guild.time_out_bot(None)
            await ask(session)
        assert codes == [(10003, 404), (None, 200), (50013, 200), (None, 200)]
