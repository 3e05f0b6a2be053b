"""The buttons on a card. Their custom_id says which card: they work after any restart, on cards of any age.

A custom_id comes from a client and may be forged: whoever handles a press compares it with the message that
was pressed.
"""

import re
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, Final, Protocol, Self, runtime_checkable

import discord

TEMPLATE: Final = r"veo:(?P<action>notify|stop|again):(?P<card>[0-9]{1,18})"


class Action(StrEnum):
    """What a button does."""

    NOTIFY = "notify"
    """Makes whoever presses a follower, or no longer."""
    STOP = "stop"
    """Ends all watches of the card."""
    AGAIN = "again"
    """Watches the tasks that the message names; on a private answer, not on a card."""


Press = Callable[[discord.Interaction, Action, int], Awaitable[None]]
"""Handles a press: the interaction, what was pressed, and the card's id as the button says it."""


@runtime_checkable
class Pressable(Protocol):
    """A client that knows what to do when a button is pressed."""

    on_press: Press | None


class CardButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=TEMPLATE):
    """One button of a card."""

    def __init__(self, action: Action, card_id: int, label: str = "…") -> None:
        self.action: Final = action
        self.card_id: Final = card_id
        super().__init__(
            discord.ui.Button(
                label=label,
                emoji="🔔" if action is Action.NOTIFY else None,
                style=discord.ButtonStyle.secondary if action is Action.STOP else discord.ButtonStyle.primary,
                custom_id=f"veo:{action.value}:{card_id}",
            )
        )

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(Action(match["action"]), int(match["card"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        client = interaction.client
        if isinstance(client, Pressable) and client.on_press is not None:
            await client.on_press(interaction, self.action, self.card_id)
