"""Finds task ids anywhere in a message: content, embeds, components, forwarded messages.

URLs of links and buttons are searched as well: they often contain the id.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import discord

from bot.core.names import names_in
from bot.core.task_ids import Found, find_task_ids, quoted_task_ids
from bot.store.errors import StoreFailed
from bot.store.recent import Recent

_TEXTS: Final = ("content", "label", "url", "description")
"""Attributes of components that hold text or a URL."""
_INSIDE: Final = ("children", "items", "accessory", "component", "media")
"""Attributes of components that hold other components."""


async def tasks_of(message: discord.Message, recent: Recent, us: int) -> tuple[Found, dict[str, str]]:
    """Return the tasks of a message, and the names of those that have one; `us` is the bot's own user."""
    if message.author.id != us:
        texts = list(texts_of(message))
        return find_task_ids(texts), names_in(texts)
    task_ids, names = await tasks_of_ours(message, recent)
    return Found(task_ids), names


async def tasks_of_ours(message: discord.Message, recent: Recent) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the tasks of one of our own messages, and their names.

    Cards and results are found in the store. For any other message, the ids quoted in its text count.
    """
    quoted = quoted_task_ids(texts_of(message))
    try:
        task_ids = await recent.tasks_of(message.id) or quoted
        return task_ids, await recent.names(message.channel.id, task_ids)
    except StoreFailed:
        return quoted, {}


def texts_of(message: discord.Message) -> Iterator[str]:
    """Yield the texts of a message that may name tasks, in reading order."""
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
