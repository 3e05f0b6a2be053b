"""The application's registered commands, and how a person's input becomes an interaction's data."""

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import bad_form, refusal
from .ids import Json, Snowflakes

CHAT_INPUT, MESSAGE_MENU = 1, 3
SUBCOMMAND, SUBCOMMAND_GROUP = 1, 2
IN_GUILD, IN_BOT_DM = 0, 1


class Commands:
    """Commands per guild id, or None for the global ones. `writes` counts changes."""

    def __init__(self, ids: Snowflakes, application_id: int) -> None:
        self._ids = ids
        self._application_id = application_id
        self._places: dict[int | None, dict[int, Json]] = {}
        self.writes = 0

    def of(self, place: int | None = None) -> list[Json]:
        return list(self._places.get(place, {}).values())

    def get(self, place: int | None, command_id: int) -> Json:
        command = self._places.get(place, {}).get(command_id)
        if command is None:
            raise refusal(10063)
        return command

    def replace(self, place: int | None, bodies: Sequence[Json]) -> list[Json]:
        """Overwrite all commands of a place; a command with the same name and type keeps its id."""
        self.writes += 1
        old = {(c["name"], c["type"]): c["id"] for c in self.of(place)}
        made = [self._build(place, body, old) for body in bodies]
        self._places[place] = {int(command["id"]): command for command in made}
        return made

    def upsert(self, place: int | None, body: Json) -> Json:
        """Create one command, or replace the one with the same name and type."""
        self.writes += 1
        old = {(c["name"], c["type"]): c["id"] for c in self.of(place)}
        command = self._build(place, body, old)
        self._places.setdefault(place, {})[int(command["id"])] = command
        return command

    def change(self, place: int | None, command_id: int, body: Json) -> Json:
        self.writes += 1
        command = self.get(place, command_id)
        command.update(body)
        return command

    def remove(self, place: int | None, command_id: int) -> None:
        self.writes += 1
        self.get(place, command_id)
        del self._places[place][command_id]

    def _build(self, place: int | None, body: Json, old: Mapping[tuple[str, int], str]) -> Json:
        kind = body.get("type") or CHAT_INPUT
        name = body.get("name")
        if not isinstance(name, str) or not 1 <= len(name) <= 32:
            raise bad_form(["name"], "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 32 in length.")
        if kind == CHAT_INPUT and not body.get("description"):
            raise bad_form(["description"], "BASE_TYPE_REQUIRED", "This field is required")
        command = {
            "default_member_permissions": None,
            "nsfw": False,
            "description": "",
            "contexts": None,
            "integration_types": [0],
            **body,
            "id": old.get((name, kind)) or str(self._ids()),
            "application_id": str(self._application_id),
            "version": str(self._ids()),
            "type": kind,
        }
        command["integration_types"] = command["integration_types"] or [0]
        if place is not None:
            command["guild_id"] = str(place)
        return command

    def find(self, name: str, kind: int, guild_id: int | None) -> Json:
        """Find a command as a person there would be offered it; `LookupError` if there is none."""
        places = [None] if guild_id is None else [guild_id, None]
        context = IN_BOT_DM if guild_id is None else IN_GUILD
        for place in places:
            for command in self.of(place):
                offered = command["contexts"] is None or context in command["contexts"]
                if (command["name"], command["type"]) == (name, kind) and offered:
                    return command
        raise LookupError(f"no command {name!r} of type {kind} is registered for this place")


def fill_in(
    command: Json, path: Sequence[str], values: Mapping[str, Any], focused: str | None = None
) -> list[Json]:
    """Build the nested options of an interaction from a subcommand's path and option values.

    `LookupError` for a subcommand or an option that is not registered; `ValueError` when a required
    option is missing (unless the person is still typing, `focused`).
    """
    options: list[Json] = command.get("options") or []
    if path:
        level = next((o for o in options if o["name"] == path[0] and o["type"] <= SUBCOMMAND_GROUP), None)
        if level is None:
            raise LookupError(f"{command['name']!r} has no subcommand {path[0]!r}")
        inner = fill_in(level, path[1:], values, focused)
        return [{"name": path[0], "type": level["type"], "options": inner}]
    known = {option["name"]: option for option in options}
    if unknown := values.keys() - known.keys():
        raise LookupError(f"{command['name']!r} has no options {sorted(unknown)}")
    missing = [name for name, o in known.items() if o.get("required") and name not in values]
    if missing and focused is None:
        raise ValueError(f"required options of {command['name']!r} are missing: {missing}")
    return [
        {"name": name, "type": known[name]["type"], "value": value}
        | ({"focused": True} if name == focused else {})
        for name, value in values.items()
    ]
