"""The simulated Discord's state: people, servers, channels, commands, interactions, and time limits.

Everything here is plain synchronous state; the gateway and REST read and change it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .channel import Channel
from .commands import Commands
from .errors import refusal
from .guild import Guild
from .ids import Clock, Json, Pulse, Snowflakes
from .message import Message
from .permissions import BOT_DEFAULT
from .users import User

if TYPE_CHECKING:
    from .invocation import Invocation

Emit = Callable[[str, Json, Guild | None], None]


def _drop_event(event: str, data: Json, guild: Guild | None) -> None:
    """Replaces the gateway until there is one."""


class World:
    """The state of the simulated Discord. `emit` is set by the gateway."""

    def __init__(self, clock: Clock, token: str) -> None:
        self.clock = clock
        self.token = token
        self.ids = Snowflakes(clock)
        self.pulse = Pulse()
        self.emit: Emit = _drop_event
        self.base_url = ""
        self.gateway_url = ""
        self.cdn_url = ""
        self.app_permissions: int = BOT_DEFAULT
        self.bot = User(self.ids(), "Veo Watch", bot=True)
        self.application_id = self.bot.id
        self.owner = User(self.ids(), "Owner")
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.invocations: list[Invocation] = []
        self.commands = Commands(self.ids, self.application_id)
        self.nonces: dict[tuple[int, int, str], tuple[Message, float]] = {}
        self.ack_window = 3.0
        self.token_lifetime = 900.0
        self.nonce_window = 180.0
        self.unfetchable: set[str] = set()
        self.identifies_left = 1000
        self.max_concurrency = 1
        """How many shards may identify at once, if their numbers differ modulo this."""
        self.filtered: set[str] = set()
        """Words that Discord's harmful links filter blocks (240000)."""

    def add_user(self, name: str, locale: str = "en-US") -> User:
        user = User(self.ids(), name, locale)
        self.users[user.id] = user
        return user

    def add_guild(self, guild: Guild) -> Guild:
        self.guilds[guild.id] = guild
        if guild.bot_present:
            self.emit("GUILD_CREATE", guild.payload(), guild)
        return guild

    def set_app_permissions(self, permissions: int) -> None:
        """Change the bot's permissions in every server (channels may still differ)."""
        self.app_permissions = permissions
        for guild in self.guilds.values():
            guild.set_bot_permissions(permissions)

    def dm(self, user: User) -> Channel:
        """Find or open the direct conversation between a person and the bot."""
        for channel in self.channels.values():
            if channel.recipient is user:
                return channel
        channel = Channel(self, None, user.name, recipient=user)
        self.channels[channel.id] = channel
        return channel

    def channel(self, channel_id: int) -> Channel:
        """Find a channel for a REST route, or raise 10003."""
        channel = self.channels.get(channel_id)
        if channel is None or channel.deleted or not (channel.guild is None or channel.guild.available):
            raise refusal(10003)
        return channel

    def invocation(self, token: str) -> "Invocation | None":
        return next((i for i in self.invocations if i.token == token), None)
