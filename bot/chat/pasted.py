"""Every text of a message, wherever Discord keeps it: content, embeds, components, forwarded messages.

Also the addresses behind links: what leads to a task may stand in a button.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import discord

_TEXTS: Final = ("content", "label", "url", "description")
"""Attributes of components that hold words or addresses."""
_INSIDE: Final = ("children", "items", "accessory", "component", "media")
"""Attributes of components that hold other components."""


def texts_of(message: discord.Message) -> Iterator[str]:
    """Yield the texts of a message that may name tasks, in the order of reading."""
    parts: list[discord.Message | discord.MessageSnapshot] = [message, *message.message_snapshots]
    for part in parts:
        yield part.content
        for embed in part.embeds:
            yield from _texts_of_embed(embed)
        yield from _texts_of_components(part.components)


def _texts_of_embed(embed: discord.Embed) -> Iterator[str]:
    whole = (embed.author.name, embed.author.url, embed.title, embed.url, embed.description)
    fields = (text for field in embed.fields for text in (field.name, field.value))
    yield from (text for text in (*whole, *fields, embed.footer.text) if text)


def _texts_of_components(components: Iterable[Any]) -> Iterator[str]:
    for component in components:
        for name in _TEXTS:
            if isinstance(text := getattr(component, name, None), str):
                yield text
        for name in _INSIDE:
            inside = getattr(component, name, None)
            if inside is not None and not isinstance(inside, str):
                yield from _texts_of_components(inside if isinstance(inside, (list, tuple)) else (inside,))
