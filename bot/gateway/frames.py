"""What the gateway sends, made safe for discord.py, which trusts every field of it.

discord.py ends the whole client over one frame that it cannot read (discord.py#7501, #2429). Pure: texts and
values in, texts and values out.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from yarl import URL

DISPATCH: Final = 0
HELLO: Final = 10
USUAL_HEARTBEAT: Final = 41_250
"""Milliseconds between two heartbeats, as Discord has always asked for."""
HEARTBEATS: Final = (10, 600_000)
"""The milliseconds that are believed: discord.py's thread would spin with less, and die of far more."""
LARGEST: Final = 2**63 - 1
"""Discord's numbers, sequence and ids, fit in 64 bits."""
LONGEST_ID: Final = 20
"""Digits of a number of 64 bits."""


class Unreadable(Exception):
    """A frame says nothing that could be acted on. The text names what is wrong, never what it holds."""


class Frame(NamedTuple):
    """A frame that discord.py can read; `event` is empty unless it brings one."""

    text: str
    op: int
    event: str
    lost: int = 0
    """How many of the servers that a READY names cannot be understood."""


class Known(NamedTuple):
    """What is known of the connection without its READY, for one that does not say it."""

    shard: tuple[int, int] = (0, 1)
    """Its number and how many there are."""
    user: Mapping[str, Any] | None = None
    """The bot itself, as the login told it."""


def read(text: str, known: Known) -> Frame:
    """Return a frame as it is, or with what is wrong in its envelope put right.

    Raises:
        Unreadable: it must be skipped.
    """
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("no JSON") from None
    if not isinstance(frame, dict):
        raise Unreadable("no object")
    op, event = frame.get("op"), frame.get("t")
    if type(op) is not int:
        raise Unreadable("no op code")
    if frame.get("s") is not None and not (type(frame["s"]) is int and 0 <= frame["s"] <= LARGEST):
        raise Unreadable("no sequence number")
    if op == HELLO:
        return Frame(_hello(frame, text), op, "")
    if op != DISPATCH:
        return Frame(text, op, "")
    if not isinstance(event, str) or not event:
        raise Unreadable("no event")
    data = frame.get("d")
    if event == "READY":
        ready, lost = _ready(data if isinstance(data, dict) else {}, known)
        return Frame(json.dumps({**frame, "s": frame.get("s") or 1, "d": ready}), op, event, lost)
    if event == "RESUMED" and not isinstance(data, dict):
        text = json.dumps({**frame, "d": {}})
    return Frame(text, op, event)


def snowflake(value: object) -> int | None:
    """Return an id as a number, None if it is none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= LONGEST_ID:
        value = int(value)
    return value if type(value) is int and 0 < value <= LARGEST else None


def _hello(frame: dict[str, Any], text: str) -> str:
    data = frame.get("d")
    interval = data.get("heartbeat_interval") if isinstance(data, dict) else None
    shortest, longest = HEARTBEATS
    if isinstance(interval, int | float) and shortest <= interval <= longest:
        return text
    return json.dumps({**frame, "d": {"heartbeat_interval": USUAL_HEARTBEAT}})


def _ready(data: Mapping[str, Any], known: Known) -> tuple[dict[str, Any], int]:
    """Return a READY with what can be understood of it, and how many servers cannot.

    It names the servers; what is in them comes with a GUILD_CREATE for each. Without a session it cannot be
    resumed, but brings events all the same.
    """
    session, url, application = (data.get(key) for key in ("session_id", "resume_gateway_url", "application"))
    guilds = data.get("guilds")
    listed = guilds if isinstance(guilds, list) else [guilds]
    ids = [snowflake(guild.get("id")) if isinstance(guild, dict) else None for guild in listed]
    ready = {
        **data,
        "session_id": session if isinstance(session, str) else "",
        "resume_gateway_url": url if _is_gateway(url) else "",
        "shard": list(known.shard),
        "user": data["user"] if known.user is None or _is_user(data.get("user")) else dict(known.user),
        "guilds": [{"id": str(guild_id), "unavailable": True} for guild_id in ids if guild_id is not None],
    }
    application_id = snowflake(application.get("id")) if isinstance(application, dict) else None
    ready.pop("application", None)
    if application_id is not None:
        ready["application"] = {"id": str(application_id), "flags": 0}
    return ready, ids.count(None)


def _is_user(user: object) -> bool:
    return (
        isinstance(user, dict)
        and snowflake(user.get("id")) is not None
        and isinstance(user.get("username"), str)
        and {"discriminator", "avatar"} <= user.keys()
    )


def _is_gateway(url: object) -> bool:
    try:
        return isinstance(url, str) and URL(url).scheme in {"ws", "wss"} and bool(URL(url).host)
    except ValueError:
        return False
