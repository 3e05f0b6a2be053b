"""Results that carry their videos: which copies are fetched, and how a message goes with those it has.

A planned message knows nothing of copies, so that a crash repeats it to the letter; it is dressed when it is
sent. A copy is never a reason for a result to wait longer than a fetch may take, or to be lost.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

import discord

from bot.chat.text import CONTENT_LIMIT
from bot.copies import Copier, Copy
from bot.core.card import Card
from bot.core.delivery import Message
from bot.core.watch import Watch

SAFE_ROOM: Final = 10 * 1024 * 1024
"""Bytes that every server takes in one message."""

Copies = Mapping[str, Copy]
"""Copies by the links that they are of."""


class Preparation(Protocol):
    """What happens before a result takes its turn in the channel, and is cleared away after it."""

    async def prepare(self, card: Card, watch: Watch) -> Copies:
        """Return what the result shall carry."""

    def discard(self, copies: Iterable[Copy]) -> None:
        """Clear away what a result has carried."""


class NoCopies:
    """Results carry links alone."""

    async def prepare(self, _card: Card, _watch: Watch) -> Copies:
        return {}

    def discard(self, _copies: Iterable[Copy]) -> None:
        pass


class VideoCopies:
    """Results carry the videos that fit the server's upload limit."""

    def __init__(self, client: discord.Client, copier: Copier) -> None:
        self._client: Final = client
        self._copier: Final = copier

    async def prepare(self, card: Card, watch: Watch) -> Copies:
        task = watch.outcome.task if watch.outcome is not None else None
        if task is None or not task.videos:
            return {}
        guild = self._client.get_guild(card.guild_id)
        # discord.py's table of limits is behind Discord's newest raise: a safe floor.
        return await self._copier.fetch(task.videos, guild.filesize_limit if guild is not None else SAFE_ROOM)

    def discard(self, copies: Iterable[Copy]) -> None:
        self._copier.discard(copies)


def dressed(message: Message, copies: Copies) -> tuple[str, list[Copy]]:
    """Return a message's content and the copies that go with it; their links are not unfurled as well."""
    lines = message.content.splitlines()
    carried = [copies[line] for line in lines if line in copies]
    # Two characters more a link: where they do not fit, the message goes with its links alone.
    content = "\n".join(f"<{line}>" if line in copies else line for line in lines)
    return (content, carried) if len(content) <= CONTENT_LIMIT else (message.content, [])
