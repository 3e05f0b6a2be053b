"""Users and roles: plain values with their payloads."""

from dataclasses import dataclass

from .ids import Json


@dataclass(eq=False, slots=True)
class User:
    """A person, or the bot itself.

    `upload_limit` is what the person's own subscription allows in bytes (0: none); `dms_open` says
    whether the bot can message them (else 50007).
    """

    id: int
    name: str
    locale: str = "en-US"
    bot: bool = False
    dms_open: bool = True
    upload_limit: int = 0

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    def payload(self) -> Json:
        return {
            "id": str(self.id),
            "username": self.name.lower().replace(" ", "_"),
            "global_name": None if self.bot else self.name,
            "discriminator": "0001" if self.bot else "0",
            "avatar": None,
            "bot": self.bot,
            "public_flags": 0,
            "flags": 0,
            "primary_guild": None,
        }


@dataclass(eq=False, slots=True)
class Role:
    """A role of a guild; the role with the guild's id is @everyone."""

    id: int
    name: str
    permissions: int
    position: int = 1
    bot_id: int | None = None

    def payload(self) -> Json:
        tags = {} if self.bot_id is None else {"tags": {"bot_id": str(self.bot_id)}}
        return {
            "id": str(self.id),
            "name": self.name,
            "permissions": str(int(self.permissions)),
            "position": self.position,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "managed": self.bot_id is not None,
            "mentionable": False,
            "icon": None,
            "unicode_emoji": None,
            "flags": 0,
            **tags,
        }
