"""The tasks that a message names, wherever Discord keeps its texts: content, embeds, components, forwards.

Also the addresses behind links: what leads to a task may stand in a button.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import discord

from bot.core.task_ids import Found, find_task_ids, quoted_task_ids
from bot.store.errors import StoreFailed
from bot.store.recent import Recent

_TEXTS: Final = ("content", "label", "url", "description")
"""Attributes of components that hold words or addresses."""
_INSIDE: Final = ("children", "items", "accessory", "component", "media")
"""Attributes of components that hold other components."""


async def tasks_of(message: discord.Message, recent: Recent, us: int) -> Found:
    """Return the tasks that a message names; `us` is the bot's own user, whose messages name any id."""
    if message.author.id != us:
        return find_task_ids(texts_of(message))
    return Found(await tasks_of_ours(message, recent))


async def tasks_of_ours(message: discord.Message, recent: Recent) -> tuple[str, ...]:
    """Return the tasks of a message of our own: those stored for a card, else those that its text quotes."""
    try:
        stored = await recent.tasks_of(message.id)
    except StoreFailed:
        stored = ()
    return stored or quoted_task_ids(texts_of(message))


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
