"""A server: its roles, members and channels, and the gateway events that their changes cause."""

from typing import TYPE_CHECKING

from .channel import TEXT, Channel
from .ids import Json, iso, snowflake_time
from .permissions import BOT_DEFAULT, MEMBER_DEFAULT
from .users import Role, User

if TYPE_CHECKING:
    from .world import World

MIB = 1024 * 1024
# By boost level, as in discord.py 2.7; since 2026 Discord accepts more (discord-api-docs#8578).
UPLOAD_LIMITS = (10 * MIB, 10 * MIB, 50 * MIB, 100 * MIB)


class Guild:
    """A server. Everyone in the world is a member of it; permissions come from real roles.

    @everyone has no permissions, people have the role *members*, the bot has its own managed role, so that
    discord.py's `permissions_for` and the simulator always agree.
    """

    def __init__(
        self,
        world: "World",
        name: str,
        *,
        preferred_locale: str,
        community: bool,
        premium_tier: int,
        commands_only: bool = False,
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        self.world = world
        self.id = world.ids.in_shard(*shard)
        self.name = name
        self.preferred_locale = preferred_locale
        self.community = community
        self.premium_tier = premium_tier
        self.upload_limit = UPLOAD_LIMITS[premium_tier]
        self.bot_present = not commands_only
        self.has_commands = True
        self.available = True
        self.bot_timeout: float | None = None
        self.owner_id = world.ids()
        # Where only the commands are installed, an interaction's `app_permissions` are those of @everyone
        # (discord-api-docs#5316); here they look as if the bot could post.
        granted = BOT_DEFAULT if commands_only else 0
        self.everyone = Role(self.id, "@everyone", granted, position=0)
        self.members = Role(world.ids(), "members", MEMBER_DEFAULT)
        self.bot_role = Role(world.ids(), world.bot.name, world.app_permissions, bot_id=world.bot.id)
        self.personal_roles: dict[int, Role] = {}
        self.channels: dict[int, Channel] = {}

    def add_channel(self, name: str, permissions: int | None = None, *, kind: int = TEXT) -> Channel:
        """Add a channel; `permissions` are the bot's there (default: those of its role)."""
        channel = Channel(self.world, self, name, kind=kind)
        self.channels[channel.id] = self.world.channels[channel.id] = channel
        if permissions is not None:
            channel.restrict_bot(permissions)
        self.world.emit("CHANNEL_CREATE", channel.payload(), self)
        return channel

    def grant(self, user: User, permissions: int) -> None:
        """Give a person more permissions in the whole server, through a role of their own."""
        event = "GUILD_ROLE_UPDATE" if user.id in self.personal_roles else "GUILD_ROLE_CREATE"
        role = self.personal_roles.setdefault(user.id, Role(self.world.ids(), f"role of {user.name}", 0))
        role.permissions = permissions
        self.world.emit(event, {"guild_id": str(self.id), "role": role.payload()}, self)

    def set_bot_permissions(self, permissions: int) -> None:
        """Change the permissions of the bot's role."""
        self.bot_role.permissions = permissions
        event = {"guild_id": str(self.id), "role": self.bot_role.payload()}
        self.world.emit("GUILD_ROLE_UPDATE", event, self)

    def remove_bot(self) -> None:
        """Kick the bot: GUILD_DELETE, and every channel answers 50001 from now on."""
        self.world.emit("GUILD_DELETE", {"id": str(self.id)}, self)
        self.bot_present = self.has_commands = False

    def add_bot(self) -> None:
        """Invite the bot (again): GUILD_CREATE."""
        self.bot_present = self.has_commands = True
        self.world.emit("GUILD_CREATE", self.payload(), self)

    def outage(self, *, over: bool = False) -> None:
        """Make the server unavailable, or with `over` available again, as in an outage of Discord.

        Meanwhile its channels answer 10003, and no GUILD_CREATE follows READY for it ("Unavailable
        Guild Object" in Discord's documentation).
        """
        self.available = over
        if over:
            self.world.emit("GUILD_CREATE", {**self.payload(), "unavailable": False}, self)
        else:
            self.world.emit("GUILD_DELETE", {"id": str(self.id), "unavailable": True}, self)

    def time_out_bot(self, until: float | None) -> None:
        """Time the bot out, or (None) end its timeout: GUILD_MEMBER_UPDATE, sent regardless of intents.

        It keeps only View Channel and Read Message History; everything else answers 50013
        (discord-api-docs#6847).
        """
        self.bot_timeout = until
        member = {**self.member(self.world.bot), "guild_id": str(self.id)}
        self.world.emit("GUILD_MEMBER_UPDATE", member, self)

    @property
    def bot_is_timed_out(self) -> bool:
        return self.bot_timeout is not None and self.world.clock() < self.bot_timeout

    def roles_of(self, user: User) -> list[Role]:
        """Return a member's roles other than @everyone."""
        roles = [self.members]
        if user is self.world.bot:
            roles = [self.bot_role] if self.bot_present else []
        return roles + [role for role in (self.personal_roles.get(user.id),) if role]

    def permissions_of(self, user: User) -> int:
        """Return a member's permissions in the server, before any channel overwrites."""
        granted = self.everyone.permissions
        for role in self.roles_of(user):
            granted |= role.permissions
        return granted

    def member(self, user: User, channel: Channel | None = None) -> Json:
        """Return a member's payload; with a channel, as an interaction contains it."""
        payload: Json = {
            "user": user.payload(),
            "roles": [str(role.id) for role in self.roles_of(user)],
            "nick": None,
            "avatar": None,
            "banner": None,
            "joined_at": iso(snowflake_time(self.id)),
            "premium_since": None,
            "communication_disabled_until": (
                iso(self.bot_timeout) if user is self.world.bot and self.bot_timeout is not None else None
            ),
            "deaf": False,
            "mute": False,
            "pending": False,
            "flags": 0,
        }
        if channel is not None:
            payload["permissions"] = str(int(channel.permissions_for(user)))
        return payload

    @property
    def features(self) -> list[str]:
        return ["COMMUNITY"] if self.community else []

    def payload(self) -> Json:
        """Return the payload of GUILD_CREATE."""
        roles = [self.everyone, self.members, self.bot_role, *self.personal_roles.values()]
        channels = list(self.channels.values())
        return {
            "id": str(self.id),
            "name": self.name,
            "icon": None,
            "owner_id": str(self.owner_id),
            "preferred_locale": self.preferred_locale,
            "features": self.features,
            "premium_tier": self.premium_tier,
            "premium_subscription_count": 0,
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "afk_timeout": 300,
            "afk_channel_id": None,
            "system_channel_id": None,
            "system_channel_flags": 0,
            "rules_channel_id": None,
            "public_updates_channel_id": None,
            "joined_at": iso(snowflake_time(self.id)),
            "large": False,
            "member_count": len(self.world.users) + 1,
            "roles": [role.payload() for role in roles],
            "members": [self.member(self.world.bot)],
            "channels": [channel.payload() for channel in channels if not channel.is_thread],
            "threads": [c.payload() for c in channels if c.is_thread and not c.archived and c.is_open_to_bot],
            "emojis": [],
            "stickers": [],
            "presences": [],
            "voice_states": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }
