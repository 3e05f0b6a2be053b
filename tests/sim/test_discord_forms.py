"""What Discord refuses in a message's body, and who a message pings."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sim.discord import Channel, DiscordSim, Limits, Permission, User
from sim.discord.clients import RawClient, Reply

V2 = 1 << 15
Body = dict[str, Any]


def text(content: str) -> Body:
    return {"type": 10, "content": content}


def button(custom_id: str, label: str = "Go") -> Body:
    return {"type": 2, "style": 2, "label": label, "custom_id": custom_id}


def row(*children: Body) -> Body:
    return {"type": 1, "components": list(children)}


def gallery(url: str) -> Body:
    return {"type": 12, "items": [{"media": {"url": url}}]}


def v2(*components: Body) -> Body:
    return {"flags": V2, "components": list(components)}


class Room:
    """A channel to post in."""

    def __init__(self, sim: DiscordSim, api: RawClient, channel: Channel) -> None:
        self.sim, self.api, self.channel = sim, api, channel
        self.path = f"/channels/{channel.id}/messages"

    async def post(self, body: Body, files: dict[str, bytes] | None = None) -> Reply:
        return await self.api("POST", self.path, body, files=files)

    async def pings(self, body: Body) -> set[int]:
        reply = await self.post(body)
        assert reply.status == 200, reply.body
        return set(self.sim.messages(self.channel)[-1].pings)


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with DiscordSim(limits=Limits.off()) as sim, RawClient(sim) as api:
        yield Room(sim, api, sim.add_guild("Studio").add_channel("renders"))


BAD: dict[str, tuple[Body, list[str | int], str]] = {
    "long content": ({"content": "x" * 2001}, ["content"], "BASE_TYPE_MAX_LENGTH"),
    "long nonce": ({"content": "x", "nonce": "n" * 26}, ["nonce"], "BASE_TYPE_MAX_LENGTH"),
    "content in v2": (
        {"content": "x", **v2(text("y"))},
        ["content"],
        "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
    ),
    "v2 types without the flag": (
        {"components": [text("y")]},
        ["components", 0, "type"],
        "UNION_TYPE_CHOICES",
    ),
    "41 components": (
        v2({"type": 17, "components": [text("y")] * 40}),
        ["components"],
        "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED",
    ),
    "4,001 characters": (
        v2(text("x" * 4000), text("y")),
        ["components"],
        "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
    ),
    "six buttons": (
        {"components": [row(*(button(str(n)) for n in range(6)))]},
        ["components", 0, "components"],
        "BASE_TYPE_BAD_LENGTH",
    ),
    "a custom id twice": (
        v2(row(button("a"), button("a"))),
        ["components", 0, "components", 1, "custom_id"],
        "COMPONENT_CUSTOM_ID_DUPLICATED",
    ),
    "a long custom id": (
        v2(row(button("a" * 101))),
        ["components", 0, "components", 0, "custom_id"],
        "BASE_TYPE_BAD_LENGTH",
    ),
    "a file URL": (
        v2(gallery("file:///etc/passwd")),
        ["components", 0, "items", 0, "media", "url"],
        "URL_TYPE_INVALID_SCHEME",
    ),
    "a missing attachment": (
        v2(gallery("attachment://a.mp4")),
        ["components", 0, "items", 0, "media", "url"],
        "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND",
    ),
    "parse and users": (
        {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
        ["allowed_mentions"],
        "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
    ),
    "101 users": (
        {"content": "x", "allowed_mentions": {"users": [str(n) for n in range(101)]}},
        ["allowed_mentions", "users"],
        "BASE_TYPE_MAX_LENGTH",
    ),
    "a long embed": (
        {"embeds": [{"description": "x" * 4097}]},
        ["embeds", 0, "description"],
        "BASE_TYPE_MAX_LENGTH",
    ),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_form_is_refused_with_its_place(room: Room, case: str) -> None:
    body, path, code = BAD[case]
    reply = await room.post(body)
    assert (reply.status, reply.code) == (400, 50035)
    assert code in reply.faults(*path)
    assert not room.sim.messages(room.channel)


async def test_an_empty_message_and_broken_json_are_refused(room: Room) -> None:
    assert (await room.post({"content": " "})).code == 50006
    assert (await room.post({"flags": V2})).code == 50006
    assert (await room.post({}, files={str(n): b"" for n in range(11)})).code == 50035


async def test_a_v2_message_stays_one(room: Room) -> None:
    made = await room.post(v2({"type": 17, "components": [text("a"), row(button("b"))]}))
    path = f"{room.path}/{made.body['id']}"
    assert (await room.api("PATCH", path, {"flags": 0})).faults("flags") == ["MESSAGE_FLAGS_INVALID"]
    assert (await room.api("PATCH", path, {"content": "x"})).faults("content")
    assert (await room.api("PATCH", path, {"components": [text("b")]})).status == 200
    (message,) = room.sim.messages(room.channel)
    assert (message.text, message.edits[0].text, message.buttons) == ("b", "b", [])
    plain = await room.post({"content": "x"})
    path = f"{room.path}/{plain.body['id']}"
    assert (await room.api("PATCH", path, v2(text("y")))).code == 50035
    assert (await room.api("PATCH", path, {**v2(text("y")), "content": None})).status == 200


async def test_media_are_resolved_and_may_be_unfetchable(room: Room) -> None:
    parts = [gallery("attachment://a.mp4"), {"type": 13, "file": {"url": "attachment://a.mp4"}}]
    made = await room.post(v2(*parts), files={"a.mp4": b"v"})
    (message,) = room.sim.messages(room.channel)
    assert message.components[0]["items"][0]["media"]["url"] == message.attachments[0].url
    assert [component["id"] for component in message.components] == [1, 2]
    assert (await room.api("PATCH", f"{room.path}/{made.body['id']}", {"flags": V2})).status == 200
    room.sim.world.unfetchable.add("https://example.com/x.mp4")
    assert (await room.post(v2(gallery("https://example.com/x.mp4")))).code == 50035


async def test_pings_follow_allowed_mentions(room: Room) -> None:
    ada, bob = room.sim.add_user("Ada"), room.sim.add_user("Bob")
    content = f"{ada.mention} {bob.mention} @everyone"
    assert await room.pings({"content": content}) == {ada.id, bob.id}
    assert await room.pings({"content": content, "allowed_mentions": {"parse": []}}) == set()
    only = {"users": [str(bob.id)]}
    assert await room.pings({"content": content, "allowed_mentions": only}) == {bob.id}
    assert await room.pings({"content": "nobody", "allowed_mentions": only}) == set()
    assert await room.pings({"content": f"`{ada.mention}`"}) == set()
    assert await room.pings(v2(text(content))) == {ada.id, bob.id}
    assert await room.pings({**v2(text(content)), "allowed_mentions": only}) == {bob.id}
    assert not room.sim.messages(room.channel)[0].pings_everyone
    room.sim.app_permissions |= Permission.MENTION_EVERYONE
    await room.pings({"content": content})
    assert room.sim.messages(room.channel)[-1].pings_everyone


async def test_a_reply_pings_its_author_only_if_allowed_and_an_edit_nobody(room: Room) -> None:
    ada: User = room.sim.add_user("Ada")
    target = room.channel.post(ada, "hello")
    reply: Body = {"content": "hi", "message_reference": {"message_id": str(target.id)}}
    assert await room.pings(reply) == {ada.id}
    assert await room.pings({**reply, "allowed_mentions": {"parse": []}}) == set()
    assert await room.pings({**reply, "allowed_mentions": {"parse": [], "replied_user": True}}) == {ada.id}
    made = await room.post({"content": "x"})
    await room.api("PATCH", f"{room.path}/{made.body['id']}", {"content": ada.mention})
    assert not room.sim.messages(room.channel)[-1].pings
