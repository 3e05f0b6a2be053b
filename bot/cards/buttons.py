"""The buttons of cards and lists. A custom_id names its card, so a button works after any restart.

A custom_id comes from a client and may be forged: the handler of a press compares it with the pressed
message.
"""

import re
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

import discord

TEMPLATE: Final = r"veo:(?P<action>notify|stop|again|page):(?P<number>[0-9]{1,18})"


class Action(StrEnum):
    """What a button does."""

    NOTIFY = "notify"
    """Follows the card, or stops following it."""
    STOP = "stop"
    """Ends all watches of the card."""
    AGAIN = "again"
    """Watches the tasks that the message names; on a private response, not on a card."""
    PAGE = "page"
    """Turns to a page of a private list."""


Press = Callable[[discord.Interaction, Action, int], Awaitable[None]]
"""Handles a press: the interaction, the action, and the button's number."""


class Button(NamedTuple):
    """What a button is, as a value."""

    action: Action
    number: int
    """The card's id, or the page's number."""
    label: str


def button_component(button: Button) -> dict[str, Any]:
    """Return a button as Discord's component."""
    style = discord.ButtonStyle.secondary if button.action is Action.STOP else discord.ButtonStyle.primary
    return {
        "type": discord.ComponentType.button.value,
        "style": style.value,
        "label": button.label,
        "custom_id": f"veo:{button.action.value}:{button.number}",
        **({"emoji": {"name": "🔔"}} if button.action is Action.NOTIFY else {}),
    }


class CardButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=TEMPLATE):
    """A button that was pressed, or stands below a plain message."""

    def __init__(self, action: Action, number: int, label: str = "…") -> None:
        self.action: Final = action
        self.number: Final = number
        style, custom_id = discord.ButtonStyle.primary, f"veo:{action.value}:{number}"
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=custom_id))

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(Action(match["action"]), int(match["number"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        # Calls the client's `on_press`, so that a card works no matter which process sent it.
        interaction.client.dispatch("press", interaction, self.action, self.number)
