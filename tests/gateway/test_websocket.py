"""Frames of the gateway: what discord.py could not read is put right, or skipped, and never quoted."""

import json
from typing import Any

import pytest

from bot.gateway.websocket import HELLO, USUAL_HEARTBEAT, Known, Unreadable, read, snowflake

KNOWN = Known((1, 3), {"id": "7", "username": "veo", "discriminator": "0001", "avatar": None})
USER = {"id": "9", "username": "other", "discriminator": "0", "avatar": None}
SECRET = "the text of a message"


def taken(frame: Any) -> dict[str, Any]:
    """Return what discord.py gets to read of a frame."""
    result: dict[str, Any] = json.loads(read(json.dumps(frame), KNOWN).text)
    return result


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense " + SECRET,
        '{"op": 0, "t": "X"',
        "null",
        "[]",
        "7",
        '"' + SECRET + '"',
        "{}",
        '{"op": null}',
        '{"op": "0"}',
        '{"op": true}',
        '{"op": 0}',
        '{"op": 0, "t": null, "d": {}}',
        '{"op": 0, "t": 7, "d": {}}',
        '{"op": 0, "t": ["READY"], "d": {}}',
        '{"op": 0, "t": "", "d": {}}',
        '{"op": 0, "t": "X", "s": "1"}',
        '{"op": 0, "t": "X", "s": 1.5}',
        '{"op": 0, "t": "X", "s": -1}',
        '{"op": 0, "t": "X", "s": true}',
        '{"op": 0, "t": "X", "s": 100000000000000000000}',
        '{"op": 0, "t": "X", "s": ' + "9" * 5_000 + "}",
        "[" * 100_000,
    ],
)
def test_a_frame_that_says_nothing_is_unreadable_and_not_quoted(text: str) -> None:
    with pytest.raises(Unreadable) as error:
        read(text, KNOWN)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    "frame",
    [
        {"op": 11},
        {"op": 99, "d": SECRET},
        {"op": 9, "d": False},
        {"op": HELLO, "d": {"heartbeat_interval": 41250}},
        {"op": 0, "t": "UNKNOWN_EVENT", "s": 3, "d": None},
        {"op": 0, "t": "RESUMED", "s": 3, "d": {}},
        {"op": 0, "t": "GUILD_CREATE", "s": None, "d": {"id": 7}},
    ],
)
def test_a_frame_that_is_well_stays_as_it_is(frame: dict[str, Any]) -> None:
    assert taken(frame) == frame


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "hello",
        {},
        *(
            {"heartbeat_interval": interval}
            for interval in (None, "41250", 0, -1, 1e30, 10**40, float("inf"), float("nan"), [41250])
        ),
    ],
)
def test_hello_without_a_usable_interval_gets_the_usual_one(data: Any) -> None:
    assert taken({"op": HELLO, "d": data})["d"] == {"heartbeat_interval": USUAL_HEARTBEAT}


def test_resumed_is_given_an_object() -> None:
    assert taken({"op": 0, "t": "RESUMED", "s": 4, "d": None})["d"] == {}


def ready(**changes: Any) -> dict[str, Any]:
    data = {
        "session_id": "abc",
        "resume_gateway_url": "wss://gateway.example",
        "shard": [1, 3],
        "user": USER,
        "guilds": [{"id": "1", "unavailable": True}, {"id": "2", "unavailable": True}],
        "application": {"id": "5", "flags": 0},
    }
    return {"op": 0, "t": "READY", "s": 1, "d": {**data, **changes}}


def test_a_whole_ready_keeps_its_session_and_its_servers() -> None:
    frame = read(json.dumps(ready()), KNOWN)
    assert json.loads(frame.text) == ready()
    assert (frame.event, frame.lost) == ("READY", 0)


@pytest.mark.parametrize(
    "guild", [None, 7, "x", [], {}, {"id": None}, {"id": "x"}, {"id": -1}, {"id": 10**40}]
)
def test_a_ready_with_a_server_that_cannot_be_understood_names_the_others(guild: Any) -> None:
    guilds = [{"id": "1", "unavailable": True}, guild, {"id": 2, "roles": None}]
    frame = read(json.dumps(ready(guilds=guilds)), KNOWN)
    assert [found["id"] for found in json.loads(frame.text)["d"]["guilds"]] == ["1", "2"]
    assert frame.lost == 1


@pytest.mark.parametrize("guilds", [None, {}, "x", 7])
def test_a_ready_without_a_list_of_servers_names_none(guilds: Any) -> None:
    frame = read(json.dumps(ready(guilds=guilds)), KNOWN)
    assert json.loads(frame.text)["d"]["guilds"] == []
    assert frame.lost == 1


@pytest.mark.parametrize("user", [None, {}, {"id": "x"}, "veo", {**USER, "username": None}])
def test_a_ready_that_does_not_say_who_the_bot_is_gets_what_the_login_said(user: Any) -> None:
    assert taken(ready(user=user))["d"]["user"] == KNOWN.user
    assert taken(ready())["d"]["user"] == USER


@pytest.mark.parametrize("url", [None, 7, "", "gateway", "http://x", "wss://", "wss://[", {}])
def test_a_session_without_a_usable_address_is_resumed_at_the_usual_one(url: Any) -> None:
    assert taken(ready(resume_gateway_url=url))["d"]["resume_gateway_url"] == ""


@pytest.mark.parametrize("data", [None, [], "x", {}])
def test_an_empty_ready_is_a_session_that_cannot_be_resumed(data: Any) -> None:
    received = taken({"op": 0, "t": "READY", "d": data})
    assert received["s"] == 1
    assert received["d"] == {
        "session_id": "",
        "resume_gateway_url": "",
        "shard": [1, 3],
        "user": KNOWN.user,
        "guilds": [],
    }


@pytest.mark.parametrize(
    ("value", "number"), [("12", 12), (12, 12), (None, None), ("-1", None), (True, None)]
)
def test_an_id_is_a_positive_number_of_64_bits(value: Any, number: int | None) -> None:
    assert snowflake(value) == number
