"""Who is pinged by a new message, and which `allowed_mentions` Discord rejects."""

import re
from collections.abc import Sequence
from typing import Any

from .errors import Form
from .ids import Json
from .message import Message
from .permissions import Permission

_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_USER = re.compile(r"<@!?(\d+)>")
_EVERYONE = re.compile(r"@(everyone|here)\b")
KINDS = ("users", "roles", "everyone")


def check(form: Form, allowed: Any) -> None:
    """Add an error for everything contradictory or too long in `allowed_mentions`."""
    if allowed is None:
        return
    if not isinstance(allowed, dict):
        form.add(["allowed_mentions"], "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
        return
    parse = allowed.get("parse") or []
    for index, kind in enumerate(parse):
        if kind not in KINDS:
            message = f"Value must be one of {KINDS}."
            form.add(["allowed_mentions", "parse", index], "BASE_TYPE_CHOICES", message)
    for kind in ("users", "roles"):
        ids = allowed.get(kind) or []
        form.longest(["allowed_mentions", kind], ids, 100)
        if len(set(map(str, ids))) != len(ids):
            message = "The set already contains this value"
            form.add(["allowed_mentions", kind], "SET_TYPE_ALREADY_CONTAINS_VALUE", message)
        if ids and kind in parse:
            message = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
            form.add(["allowed_mentions"], "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message)


def notify(message: Message, allowed: Json | None, *, by_interaction: bool) -> None:
    """Set whom a new message pings.

    Without `allowed_mentions` a plain message parses everything and pings the author it replies to;
    a response to an interaction only parses users. Private messages and mentions in code ping nobody.
    """
    if message.ephemeral:
        return
    text = _CODE.sub("", message.text)
    if allowed is None:
        parse: Sequence[str] = ("users",) if by_interaction else KINDS
        named, reply = set[int](), not by_interaction
    else:
        parse = allowed.get("parse") or ()
        named, reply = set(map(int, allowed.get("users") or ())), bool(allowed.get("replied_user"))
    found = {int(user) for user in _USER.findall(text)}
    pinged = found if "users" in parse else found & named
    if reply and message.reference is not None:
        pinged = pinged | {message.reference.author.id}
    message.pings = frozenset(pinged & message.world.users.keys())
    may = message.channel.permissions_for(message.author) & Permission.MENTION_EVERYONE
    message.pings_everyone = bool(may and "everyone" in parse and _EVERYONE.search(text))
