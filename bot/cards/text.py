"""Escapes untrusted text for our messages, and knows Discord's limits on texts.

The API's messages may contain anything: mentions, masked links, control characters, right-to-left overrides.
They are shown literally and have no effect.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from bot.core.characters import visible
from bot.core.names import ID_START, row_name

CONTENT_LIMIT: Final = 2_000
"""Characters in a message's content."""
NAME_LIMIT: Final = 200
"""Enough for the longest name with every character escaped."""
LAYOUT_LIMIT: Final = 4_000
"""Characters in all texts of one layout."""

_MARKDOWN: Final = re.compile(r"([\\`*_~|<>\[\]()#@:+-])")
_NUMBERED: Final = re.compile(r"^(\d+)\.(?= |$)")
_NUMBER: Final = re.compile(r" · (?=\d{1,3}\*\*\Z)|(?<=\A\*\*\d) · |(?<=\A\*\*\d\d) · ")
BAR_STEPS: Final = 10


def plain(text: str, limit: int) -> str:
    """Return untrusted text on one line, with Discord's markup escaped, at most `limit` characters."""
    cleaned = _NUMBERED.sub(r"\1\\.", _MARKDOWN.sub(r"\\\1", visible(text)))
    if len(cleaned) <= limit:
        return cleaned
    return visible(cleaned[: limit - 1]).rstrip("\\ ") + "…"


def code(text: str, limit: int) -> str:
    """Return untrusted text as inline code, at most `limit` characters and never empty."""
    cleaned = visible(visible(text).replace("`", "ˋ")[: limit - 2])
    return f"`{cleaned or '…'}`"


def relative(at: float) -> str:
    """Return a Unix time as Discord's own "2 minutes ago", which every reader sees in their language."""
    return f"<t:{int(at)}:R>"


def mention(user_id: int) -> str:
    return f"<@{user_id}>"


def name_and_id(name: str, task_id: str) -> str:
    """Return how a message refers to a render: its name, if it has one, and its id."""
    return f"**{plain(name, NAME_LIMIT)}** · `{task_id}`" if name else f"`{task_id}`"


def unbroken(label: str) -> str:
    """Return a row's bold label so that its number never stands alone on a line of a narrow screen."""
    return _NUMBER.sub("\u00a0·\u00a0", label)


def short_id(task_id: str) -> str:
    """Return the start of an id for places where the whole does not fit; it cannot be used as an id."""
    return f"`{task_id}`" if len(task_id) <= ID_START else f"`{task_id[:ID_START]}…`"


def named(task_ids: Iterable[str], names: Mapping[str, str] | None = None) -> str:
    """Return a list of tasks, as a sentence names them: by their names, or by their ids."""
    shown = ((row_name((names or {}).get(task_id, "")), task_id) for task_id in task_ids)
    return ", ".join(f"**{plain(name, NAME_LIMIT)}**" if name else f"`{task_id}`" for name, task_id in shown)


def packed(texts: Iterable[str]) -> list[str]:
    """Return texts, each on lines of its own, in as few messages as possible."""
    pages: list[str] = []
    for text in texts:
        if pages and len(pages[-1]) + 1 + len(text) <= CONTENT_LIMIT:
            pages[-1] += f"\n{text}"
        else:
            pages.append(text[:CONTENT_LIMIT])
    return pages


def jump_link(guild_id: int, channel_id: int, message_id: int) -> str:
    """Return the URL of a message in a server."""
    return f"https://discord.com/channels/{guild_id}/{channel_id}/{message_id}"


def bar(progress: int) -> str:
    """Return percent as a bar of ten steps; a step is filled once it is complete."""
    filled = max(0, min(BAR_STEPS, progress * BAR_STEPS // 100))
    return "█" * filled + "░" * (BAR_STEPS - filled)
