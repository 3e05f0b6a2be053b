"""The permission bits that the bot needs, and Discord's rule for combining roles and overwrites."""

from dataclasses import dataclass
from enum import IntFlag

from .ids import Json


class Permission(IntFlag):
    """Discord's own bit values."""

    ADMINISTRATOR = 1 << 3
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    CONNECT = 1 << 20
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    SEND_MESSAGES_IN_THREADS = 1 << 38


BOT_DEFAULT = Permission(274_878_024_704)
"""View channels, send messages (in threads too), embed links, attach files, read the history."""
MEMBER_DEFAULT = BOT_DEFAULT | Permission.USE_APPLICATION_COMMANDS
DM_PERMISSIONS = BOT_DEFAULT | Permission.MENTION_EVERYONE
TIMED_OUT = Permission.VIEW_CHANNEL | Permission.READ_MESSAGE_HISTORY
"""Permissions that a timed-out member keeps."""
ALL = (1 << 52) - 1


@dataclass(slots=True)
class Overwrite:
    """A channel's overwrite for a role (kind 0) or a member (kind 1)."""

    kind: int
    allow: int = 0
    deny: int = 0

    def payload(self, target: int) -> Json:
        return {"id": str(target), "type": self.kind, "allow": str(self.allow), "deny": str(self.deny)}


def combine(base: int, everyone: int, roles: list[int], member: int, overwrites: dict[int, Overwrite]) -> int:
    """Apply a channel's overwrites to the permissions of a member's roles.

    `everyone` is the id of the @everyone role (the guild's own id), `roles` and `member` are ids.
    Without View Channel nothing else is allowed.
    """
    if base & Permission.ADMINISTRATOR:
        return ALL
    none = Overwrite(0)
    first = overwrites.get(everyone, none)
    base = base & ~first.deny | first.allow
    held = [overwrites[role] for role in roles if role in overwrites]
    for overwrite in held:
        base &= ~overwrite.deny
    for overwrite in held:
        base |= overwrite.allow
    own = overwrites.get(member, none)
    base = base & ~own.deny | own.allow
    return base if base & Permission.VIEW_CHANNEL else 0
