"""One use of a command, a button or autocomplete by a person, and the bot's responses to it."""

import base64
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from .channel import Channel
from .ids import Json
from .message import Message
from .users import User

if TYPE_CHECKING:
    from .world import World

COMMAND, COMPONENT, AUTOCOMPLETE = 2, 3, 4


class Invocation:
    """An interaction. Times are seconds on the simulator's clock.

    The initial response is due within 3 s, the token lives for 15 minutes ("Receiving and Responding").

    `response` is the initial response (for a button that changes its own message: that message),
    `followups` are the messages after it, `choices` those of autocomplete, `modal` a form's data.
    """

    def __init__(
        self, world: "World", kind: int, user: User, channel: Channel, data: Json, *, source: Message | None
    ) -> None:
        self.world = world
        self.id = world.ids()
        self.token = (
            base64.urlsafe_b64encode(f"interaction:{self.id}:{user.id}".encode()).decode().rstrip("=")
        )
        self.kind = kind
        self.user = user
        self.channel = channel
        self.data = data
        self.source = source
        self.created_at = world.clock()
        self.acked_at: float | None = None
        self.ack_type: int | None = None
        self.response: Message | None = None
        self.followups: list[Message] = []
        self.choices: list[Json] | None = None
        self.modal: Json | None = None
        self.refused_acks: list[int] = []
        world.invocations.append(self)

    @override
    def __repr__(self) -> str:
        return f"<Invocation {self.data.get('name') or self.data.get('custom_id')} acked={self.ack_type}>"

    @property
    def acked_after(self) -> float | None:
        """Seconds until the initial response."""
        return None if self.acked_at is None else self.acked_at - self.created_at

    @property
    def overdue(self) -> bool:
        """Whether it is too late for an initial response (10062)."""
        return self.world.clock() - self.created_at > self.world.ack_window

    @property
    def expired(self) -> bool:
        """Whether the token has expired (50027)."""
        return self.world.clock() - self.created_at > self.world.token_lifetime

    @property
    def ephemeral(self) -> bool:
        return self.response is not None and self.response.ephemeral

    @property
    def messages(self) -> list[Message]:
        """The response messages that the person sees, in order."""
        first = [self.response] if self.response else []
        return [m for m in [*first, *self.followups] if not m.deleted]

    @property
    def text(self) -> str:
        """The text of all responses."""
        return "\n".join(message.text for message in self.messages)

    async def acknowledged(self, within: float = 5.0) -> "Invocation":
        """Wait for the initial response; `TimeoutError` after `within` seconds."""
        await self.world.pulse.until(lambda: self.acked_at is not None, within)
        return self

    async def answered(self, within: float = 5.0) -> Message:
        """Wait until the person sees a response other than "thinking"."""
        return await self.world.pulse.until(
            lambda: next((m for m in self.messages if not m.loading), None), within
        )

    def metadata(self) -> Json:
        """Return the `interaction_metadata` of the responses."""
        owners = {"0": str(self.channel.guild.id)} if self.channel.guild else {}
        metadata = {
            "id": str(self.id),
            "type": self.kind,
            "user": self.user.payload(),
            "authorizing_integration_owners": owners,
        }
        if self.source is not None:
            metadata["interacted_message_id"] = str(self.source.id)
        if "target_id" in self.data:
            metadata["target_message_id"] = self.data["target_id"]
        return metadata

    @property
    def upload_limit(self) -> int:
        # `attachment_size_limit` includes the person's own subscription ("Interaction Object").
        guild = self.channel.guild.upload_limit if self.channel.guild else 10 * 1024 * 1024
        return max(guild, self.user.upload_limit)

    def payload(self, locale: str | None = None) -> Json:
        """Return the event that the gateway sends."""
        channel, guild = self.channel, self.channel.guild
        payload: dict[str, Any] = {
            "id": str(self.id),
            "application_id": str(self.world.application_id),
            "type": self.kind,
            "data": self.data,
            "token": self.token,
            "version": 1,
            "channel_id": str(channel.id),
            "channel": channel.payload() | {"permissions": str(int(channel.permissions_for(self.user)))},
            "app_permissions": str(int(channel.permissions_for(self.world.bot))),
            "locale": locale or self.user.locale,
            "entitlements": [],
            "attachment_size_limit": self.upload_limit,
        }
        if guild is None:
            payload |= {
                "user": self.user.payload(),
                "context": 1,
                "authorizing_integration_owners": {"0": "0"},
            }
        else:
            payload |= {
                "guild_id": str(guild.id),
                "guild": {
                    "id": str(guild.id),
                    "locale": guild.preferred_locale,
                    "features": guild.features,
                },
                "guild_locale": guild.preferred_locale,
                "member": guild.member(self.user, channel),
                "context": 0,
                "authorizing_integration_owners": {"0": str(guild.id)},
            }
        if self.source is not None:
            payload["message"] = self.source.payload(whole=True)
        return payload
