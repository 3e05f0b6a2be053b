"""A place for messages: a text channel, a thread, or a direct conversation with the bot."""

from typing import TYPE_CHECKING

from .errors import refusal
from .ids import Json, iso
from .message import Message
from .permissions import DM_PERMISSIONS, TIMED_OUT, Overwrite, Permission, combine
from .users import User

if TYPE_CHECKING:
    from .guild import Guild
    from .world import World

TEXT, DM, VOICE, THREAD, PRIVATE_THREAD, STAGE = 0, 1, 2, 11, 12, 13


class Channel:
    """A channel; `messages` holds every message ever posted there, including deleted and private ones."""

    def __init__(
        self,
        world: "World",
        guild: "Guild | None",
        name: str,
        *,
        kind: int = TEXT,
        parent: "Channel | None" = None,
        recipient: User | None = None,
    ) -> None:
        self.world = world
        self.id = world.ids()
        self.guild = guild
        self.name = name
        self.kind = kind
        self.parent = parent
        self.recipient = recipient
        self.private = False
        self.bot_in = True
        self.archived = False
        self.locked = False
        self.deleted = False
        self.archived_at = world.clock()
        self.overwrites: dict[int, Overwrite] = {}
        self.messages: dict[int, Message] = {}

    @property
    def is_thread(self) -> bool:
        return self.parent is not None

    @property
    def type(self) -> int:
        if self.is_thread:
            return PRIVATE_THREAD if self.private else THREAD
        return DM if self.guild is None else self.kind

    @property
    def mention(self) -> str:
        return f"<#{self.id}>"

    def add_thread(
        self,
        name: str,
        *,
        archived: bool = False,
        locked: bool = False,
        private: bool = False,
        bot_in: bool = True,
    ) -> "Channel":
        """Open a thread in this channel; the bot is not a member of a private one unless `bot_in`."""
        thread = Channel(self.world, self.guild, name, parent=self)
        thread.archived, thread.locked, thread.private, thread.bot_in = archived, locked, private, bot_in
        assert self.guild is not None, "a direct conversation has no threads"
        self.guild.channels[thread.id] = self.world.channels[thread.id] = thread
        if thread.is_open_to_bot:
            self.world.emit("THREAD_CREATE", thread.payload(), self.guild)
        return thread

    def add_bot(self) -> None:
        """Add the bot to a private thread, as mentioning it does: THREAD_CREATE."""
        self.bot_in = True
        self.world.emit("THREAD_CREATE", self.payload(), self.guild)

    def remove_bot(self) -> None:
        """Remove the bot from a private thread: THREAD_MEMBERS_UPDATE, the last event it gets from there."""
        assert self.guild is not None, "a direct conversation is no thread"
        event = {
            "id": str(self.id),
            "guild_id": str(self.guild.id),
            "member_count": 1,
            "removed_member_ids": [str(self.world.bot.id)],
        }
        self.world.emit("THREAD_MEMBERS_UPDATE", event, self.guild)
        self.bot_in = False

    @property
    def is_open_to_bot(self) -> bool:
        """False for a private thread that the bot is not in, unless it can manage threads (JDA#2602)."""
        return not self.private or self.bot_in or self.bot_may(Permission.MANAGE_THREADS)

    def set_state(self, *, archived: bool | None = None, locked: bool | None = None) -> None:
        """Archive or reopen, lock or unlock a thread: THREAD_UPDATE."""
        self.archived = self.archived if archived is None else archived
        self.locked = self.locked if locked is None else locked
        self.archived_at = self.world.clock()
        if self.is_open_to_bot:
            self.world.emit("THREAD_UPDATE", self.payload(), self.guild)

    def delete(self) -> None:
        """Delete the channel with its threads: CHANNEL_DELETE or THREAD_DELETE, and 10003 from now on."""
        assert self.guild is not None, "a direct conversation is not deleted"
        for thread in [c for c in self.guild.channels.values() if c.parent is self]:
            thread.delete()
        self.deleted = True
        del self.guild.channels[self.id]
        self.world.emit("THREAD_DELETE" if self.is_thread else "CHANNEL_DELETE", self.payload(), self.guild)

    def restrict_bot(self, permissions: int | None) -> None:
        """Set exactly the bot's permissions here (None: those of its role): CHANNEL_UPDATE."""
        if permissions is None:
            self.overwrite(self.world.bot)
        else:
            self.overwrite(self.world.bot, allow=permissions, deny=~permissions & (1 << 52) - 1)

    def overwrite(self, target: User | None, *, allow: int = 0, deny: int = 0) -> None:
        """Allow and deny permissions here for a person (None: for all people but the bot): CHANNEL_UPDATE."""
        assert self.guild is not None, "a direct conversation has no overwrites"
        key, kind = (self.guild.members.id, 0) if target is None else (target.id, 1)
        self.overwrites[key] = Overwrite(kind, allow, deny)
        if self.id in self.guild.channels:
            self.world.emit("CHANNEL_UPDATE", self.payload(), self.guild)

    def permissions_for(self, user: User) -> int:
        """Return a user's permissions here; a thread has its parent's."""
        if self.guild is None:
            return DM_PERMISSIONS
        if self.parent is not None:
            return self.parent.permissions_for(user)
        roles = [role.id for role in self.guild.roles_of(user)]
        base = self.guild.permissions_of(user)
        allowed = combine(base, self.guild.id, roles, user.id, self.overwrites)
        timed_out = user is self.world.bot and self.guild.bot_is_timed_out
        return allowed & TIMED_OUT if timed_out else allowed

    def bot_may(self, permission: Permission) -> bool:
        return bool(self.permissions_for(self.world.bot) & permission)

    def require(self, permission: Permission, code: int = 50013) -> None:
        """Raise the refusal `code` if the bot lacks a permission, 50001 if it does not see the channel.

        Nobody sees the text of a voice or stage channel without Connect (discord-api-docs#5111).
        """
        absent = self.guild is not None and not self.guild.bot_present
        not_connected = self.kind in {VOICE, STAGE} and not self.bot_may(Permission.CONNECT)
        if absent or not_connected or not self.bot_may(Permission.VIEW_CHANNEL) or not self.is_open_to_bot:
            raise refusal(50001)
        if not self.bot_may(permission):
            raise refusal(code)

    @property
    def history(self) -> list[Message]:
        """The public messages here, oldest first."""
        return [m for m in self.messages.values() if not m.deleted and m.visible_to is None]

    def post(self, author: User, content: str) -> Message:
        """Post a message as a person; the bot gets no event (it has no message intent)."""
        message = Message(self.world, self, author, content=content)
        self.messages[message.id] = message
        return message

    def payload(self) -> Json:
        """Build the channel's payload."""
        last = next((str(m.id) for m in reversed(self.history)), None)
        payload: Json = {"id": str(self.id), "type": self.type, "last_message_id": last, "flags": 0}
        if self.guild is None:
            recipients = [self.recipient.payload()] if self.recipient else []
            return {**payload, "recipients": recipients}
        payload |= {"guild_id": str(self.guild.id), "name": self.name, "rate_limit_per_user": 0}
        if self.parent is None:
            overwrites = [o.payload(target) for target, o in self.overwrites.items()]
            extra: Json = {"position": 0, "parent_id": None, "topic": None, "nsfw": False}
            if self.kind in {VOICE, STAGE}:
                extra |= {"bitrate": 64_000, "user_limit": 0, "rtc_region": None}
            return {**payload, **extra, "permission_overwrites": overwrites}
        return {
            **payload,
            "parent_id": str(self.parent.id),
            "owner_id": str(self.guild.owner_id),
            "message_count": len(self.history),
            "member_count": 1,
            "total_message_sent": len(self.messages),
            "thread_metadata": {
                "archived": self.archived,
                "locked": self.locked,
                "auto_archive_duration": 1440,
                "archive_timestamp": iso(self.archived_at),
                "create_timestamp": iso(self.archived_at),
            },
        }
