"""What people do: use commands, click buttons, type into options, pick from message menus."""

from collections.abc import Mapping
from typing import Any

from .channel import Channel
from .commands import CHAT_INPUT, MESSAGE_MENU, fill_in
from .gateway import Gateway
from .ids import Json
from .invocation import AUTOCOMPLETE, COMMAND, COMPONENT, Invocation
from .message import Message, walk
from .users import User
from .world import World

STRING, INTEGER, BOOLEAN, NUMBER = 3, 4, 5, 10


class Actions:
    """The actions of people. Each returns at once; `Invocation.acknowledged()` waits for the bot.

    `deliveries=2` has the gateway deliver the event twice. With `strict_commands` (the default) only
    registered commands can be used, as in Discord.
    """

    world: World
    gateway: Gateway
    strict_commands: bool

    async def slash(
        self,
        user: User,
        channel: Channel,
        *path: str,
        locale: str | None = None,
        deliveries: int = 1,
        **options: str | float,
    ) -> Invocation:
        """Use a slash command: `slash(ada, channel, "veo", "watch", id="8c1")`."""
        command = self._command(path[0], CHAT_INPUT, channel)
        filled = fill_in(command, path[1:], options) if command else _guess(path[1:], options)
        data = {**_head(command, path[0], CHAT_INPUT), "options": filled}
        return self._send(COMMAND, user, channel, data, locale=locale, deliveries=deliveries)

    async def autocomplete(
        self,
        user: User,
        channel: Channel,
        *path_option_typed: str,
        locale: str | None = None,
        **others: str | float,
    ) -> Invocation:
        """Type into an option: `autocomplete(ada, channel, "veo", "watch", "id", "8c")`."""
        *path, option, typed = path_option_typed
        values = {**others, option: typed}
        command = self._command(path[0], CHAT_INPUT, channel)
        if command:
            filled = fill_in(command, path[1:], values, focused=option)
        else:
            filled = _guess(path[1:], values, focused=option)
        data = {**_head(command, path[0], CHAT_INPUT), "options": filled}
        return self._send(AUTOCOMPLETE, user, channel, data, locale=locale)

    async def message_command(
        self,
        user: User,
        channel: Channel,
        name: str,
        message: Message,
        *,
        locale: str | None = None,
        deliveries: int = 1,
    ) -> Invocation:
        """Pick a command from a message's menu."""
        command = self._command(name, MESSAGE_MENU, channel)
        resolved = {"messages": {str(message.id): message.payload(whole=True)}}
        head = _head(command, name, MESSAGE_MENU)
        data = {**head, "target_id": str(message.id), "resolved": resolved}
        return self._send(COMMAND, user, channel, data, locale=locale, deliveries=deliveries)

    async def click(
        self,
        user: User,
        message: Message,
        *,
        custom_id: str | None = None,
        label: str | None = None,
        values: list[str] | None = None,
        locale: str | None = None,
        deliveries: int = 1,
        stale: bool = False,
    ) -> Invocation:
        """Click a button (or choose `values` in a menu), found by its custom id or its label.

        `LookupError` if the person sees no such button, or it is disabled; `stale=True` clicks a custom id
        that the message no longer has, as somebody with an outdated screen does.
        """
        part = _part(message, custom_id, label)
        if message.visible_to not in {None, user} or message.deleted:
            raise LookupError(f"{user.name} does not see {message}")
        if stale and part is None:
            part = {"type": 2, "custom_id": custom_id, "id": 1}
        if part is None or part.get("disabled"):
            there = [(b.get("label"), b.get("custom_id")) for b in message.buttons]
            raise LookupError(f"no such button to click; there are {there}")
        data = {"component_type": part["type"], "custom_id": part["custom_id"], "id": part.get("id", 1)}
        if values is not None:
            data["values"] = values
        return self._send(
            COMPONENT, user, message.channel, data, source=message, locale=locale, deliveries=deliveries
        )

    def redeliver(self, invocation: Invocation, locale: str | None = None) -> None:
        """Have the gateway deliver an interaction's event once more."""
        payload = invocation.payload(locale)
        self.world.emit("INTERACTION_CREATE", payload, invocation.channel.guild)

    def _command(self, name: str, kind: int, channel: Channel) -> Json | None:
        try:
            guild_id = channel.guild.id if channel.guild else None
            return self.world.commands.find(name, kind, guild_id)
        except LookupError:
            if self.strict_commands:
                raise
            return None

    def _send(
        self,
        kind: int,
        user: User,
        channel: Channel,
        data: Json,
        *,
        source: Message | None = None,
        locale: str | None = None,
        deliveries: int = 1,
    ) -> Invocation:
        invocation = Invocation(self.world, kind, user, channel, data, source=source)
        for _ in range(deliveries):
            self.redeliver(invocation, locale)
        return invocation


def _part(message: Message, custom_id: str | None, label: str | None) -> Json | None:
    for part in walk(message.components):
        if part.get("custom_id") is None:
            continue
        if part["custom_id"] == custom_id or (label is not None and part.get("label") == label):
            return part
    return None


def _head(command: Json | None, name: str, kind: int) -> Json:
    guild = {"guild_id": command["guild_id"]} if command and "guild_id" in command else {}
    return {"id": command["id"] if command else "1", "name": name, "type": kind, **guild}


def _guess(
    path: tuple[str, ...] | list[str], values: Mapping[str, Any], focused: str | None = None
) -> list[Json]:
    """Build options without a registered command, by the values' own types."""
    if path:
        kind = 1 if len(path) == 1 else 2
        return [{"name": path[0], "type": kind, "options": _guess(path[1:], values, focused)}]
    kinds = {bool: BOOLEAN, int: INTEGER, float: NUMBER}
    return [
        {"name": name, "type": kinds.get(type(value), STRING), "value": value}
        | ({"focused": True} if name == focused else {})
        for name, value in values.items()
    ]
