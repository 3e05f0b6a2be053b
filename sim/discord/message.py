"""A message in its present state, with the history that tests check."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from .ids import Json, iso, snowflake_time
from .users import User

if TYPE_CHECKING:
    from .channel import Channel
    from .world import World

SUPPRESS_EMBEDS, EPHEMERAL, LOADING = 1 << 2, 1 << 6, 1 << 7
SUPPRESS_NOTIFICATIONS, IS_COMPONENTS_V2 = 1 << 12, 1 << 15
PLAIN, REPLY, SLASH_ANSWER, MENU_ANSWER = 0, 19, 20, 23


@dataclass(eq=False, slots=True)
class Attachment:
    """An uploaded file, with its bytes."""

    id: int
    filename: str
    data: bytes
    url: str
    description: str | None = None
    title: str | None = None

    def payload(self) -> Json:
        texts = {"description": self.description, "title": self.title}
        return {
            "id": str(self.id),
            "filename": self.filename,
            "size": len(self.data),
            "url": self.url,
            "proxy_url": self.url,
            "content_type": "application/octet-stream",
            **{key: text for key, text in texts.items() if text is not None},
        }


@dataclass(eq=False, slots=True)
class Edit:
    """One edit: its time, its route (`bot`, `webhook` or `callback`), its body, and the text after it."""

    at: float
    via: str
    body: Json
    text: str


class Message:
    """A message. `pings` are the ids of the people who were notified when it was created."""

    def __init__(self, world: "World", channel: "Channel", author: User, *, content: str = "") -> None:
        self.world = world
        self.id = world.ids()
        self.channel = channel
        self.author = author
        self.content = content
        self.embeds: list[Json] = []
        self.components: list[Json] = []
        self.attachments: list[Attachment] = []
        self.flags = 0
        self.type = PLAIN
        self.reference: Message | None = None
        self.nonce: str | int | None = None
        self.pings: frozenset[int] = frozenset()
        self.pings_everyone = False
        self.edits: list[Edit] = []
        self.edited_at: float | None = None
        self.deleted = False
        self.visible_to: User | None = None
        self.interaction: Json | None = None

    @override
    def __repr__(self) -> str:
        return f"<Message {self.id} {self.text[:60]!r}>"

    @property
    def created_at(self) -> float:
        return snowflake_time(self.id)

    @property
    def ephemeral(self) -> bool:
        return self.visible_to is not None

    @property
    def loading(self) -> bool:
        """Whether people still see "thinking" here."""
        return bool(self.flags & LOADING)

    @property
    def is_v2(self) -> bool:
        return bool(self.flags & IS_COMPONENTS_V2)

    @property
    def text(self) -> str:
        """The content and all text displays."""
        parts = [c["content"] for c in walk(self.components) if c["type"] == TEXT_DISPLAY]
        return "\n".join([self.content] * bool(self.content) + parts)

    @property
    def buttons(self) -> list[Json]:
        """All buttons, including disabled ones and links."""
        return [c for c in walk(self.components) if c["type"] == BUTTON]

    @property
    def jump_url(self) -> str:
        guild = self.channel.guild.id if self.channel.guild else "@me"
        return f"https://discord.com/channels/{guild}/{self.channel.id}/{self.id}"

    def delete(self) -> None:
        """Delete it as a moderator would; the bot gets no event (it has no message intent)."""
        self.deleted = True

    def payload(self, *, whole: bool = False, nonce: bool = False, nested: bool = False) -> Json:
        """Return the message as the bot sees it.

        Without the message content intent (documented under that name), other people's messages come without
        their content, unless the bot is mentioned, it is a direct conversation, or somebody used a command
        on the message (`whole`).
        """
        bot = self.world.bot
        open_ = whole or self.author is bot or self.channel.guild is None or bot.mention in self.content
        payload: Json = {
            "id": str(self.id),
            "channel_id": str(self.channel.id),
            "type": self.type,
            "author": self.author.payload(),
            "content": self.content if open_ else "",
            "embeds": self.embeds if open_ else [],
            "components": self.components if open_ else [],
            "attachments": [a.payload() for a in self.attachments] if open_ else [],
            "timestamp": iso(self.created_at),
            "edited_timestamp": None if self.edited_at is None else iso(self.edited_at),
            "flags": self.flags,
            "mentions": [u.payload() for u in self.world.users.values() if u.id in self.pings],
            "mention_roles": [],
            "mention_everyone": self.pings_everyone,
            "pinned": False,
            "tts": False,
        }
        if nonce and self.nonce is not None:
            payload["nonce"] = self.nonce
        if self.interaction is not None:
            app = str(self.world.application_id)
            payload |= {"interaction_metadata": self.interaction, "webhook_id": app, "application_id": app}
        if self.reference is not None and not nested:
            target = self.reference
            place = {"type": 0, "channel_id": str(target.channel.id), "message_id": str(target.id)}
            guild = {"guild_id": str(target.channel.guild.id)} if target.channel.guild else {}
            replied = None if target.deleted else target.payload(nested=True)
            payload |= {"message_reference": {**place, **guild}, "referenced_message": replied}
        return payload


BUTTON, SECTION, TEXT_DISPLAY = 2, 9, 10


def walk(components: list[Any]) -> Iterator[Json]:
    """Yield every component in order, including nested ones and accessories."""
    for component in components:
        if not isinstance(component, dict):
            continue  # a malformed body: `components.check` reports it
        yield component
        yield from walk(component.get("components") or [])
        if "accessory" in component:
            yield from walk([component["accessory"]])
