"""discord.py's gateway websocket, with each frame validated and repaired before discord.py parses it.

discord.py trusts every field, and one frame that it cannot parse ends the whole client (discord.py#7501,
#2429). `read` and its helpers are pure functions.
"""

import json
import logging
from collections.abc import Coroutine, Mapping
from typing import Any, Final, NamedTuple

from discord.gateway import DiscordWebSocket, ReconnectWebSocket
from yarl import URL

log = logging.getLogger(__name__)

DISPATCH: Final = 0
HELLO: Final = 10
USUAL_HEARTBEAT: Final = 41_250
"""Milliseconds between heartbeats, as Discord has always requested."""
HEARTBEATS: Final = (10, 600_000)
"""The plausible range: below it discord.py's heartbeat thread would spin, above it the thread may die."""
LARGEST: Final = 2**63 - 1
"""Discord's numbers, sequence and ids, fit in 64 bits."""
LONGEST_ID: Final = 20
"""Digits of a number of 64 bits."""


class Unreadable(Exception):
    """A frame that must be skipped. The text says what is wrong, and never quotes the content."""


class Frame(NamedTuple):
    """A frame that discord.py can read; `event` is empty if it carries none."""

    text: str
    op: int
    event: str
    lost: int = 0
    """How many of the servers that READY lists cannot be read."""


class Known(NamedTuple):
    """What is known about the connection without READY; fills in what a damaged READY lacks."""

    shard: tuple[int, int] = (0, 1)
    """The shard's number and how many there are."""
    user: Mapping[str, Any] | None = None
    """The bot's own user, from the login."""


def read(text: str, known: Known) -> Frame:
    """Return a frame, with its envelope repaired if necessary.

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
    """Return an id as a number, or None if it is not one."""
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
    """Return a READY with everything that could be read, and the number of servers that could not.

    READY only lists the servers; each one's content follows in a GUILD_CREATE. A session without an id cannot
    be resumed, but still delivers events.
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


class GatewaySocket(DiscordWebSocket):
    """A websocket that skips unreadable frames and closes itself whenever a step fails."""

    established = False
    """Whether READY or RESUMED has been received."""

    async def received_message(self, msg: Any, /) -> None:
        if isinstance(msg, bytes):
            try:
                msg = self._decompressor.decompress(msg)
            except Exception as error:
                # The whole connection is one compressed stream: nothing after this could be read.
                log.warning(
                    "the gateway's stream is damaged, connecting again",
                    extra={"shard": self.shard_id, "reason": type(error).__name__},
                )
                raise ReconnectWebSocket(self.shard_id) from None
            if msg is None:
                return
        try:
            frame = read(msg, self._known)
        except Unreadable as error:
            log.warning(
                "skipped a gateway frame that could not be read",
                extra={"shard": self.shard_id, "reason": str(error)},
            )
            return
        if frame.lost:
            log.warning(
                "READY lists servers that cannot be read, serving the others",
                extra={"shard": self.shard_id, "servers": frame.lost},
            )
        if frame.op == HELLO and self._keep_alive is not None:
            return  # discord.py would start a second heartbeat thread
        await super().received_message(frame.text)
        self.established = self.established or frame.event in {"READY", "RESUMED"}

    @property
    def _known(self) -> Known:
        user = self._connection.user
        known_user = user and {
            "id": str(user.id),
            "username": user.name,
            "discriminator": user.discriminator,
            "avatar": None,
            "bot": True,
        }
        return Known((self.shard_id or 0, self.shard_count or 1), known_user or None)

    async def poll_event(self) -> None:
        await self._or_close(super().poll_event())

    async def identify(self) -> None:
        await self._or_close(super().identify())

    async def resume(self) -> None:
        await self._or_close(super().resume())

    async def _or_close(self, step: Coroutine[Any, Any, None]) -> None:
        try:
            await step
        except Exception:
            if self.open:
                await self.close()
            raise
