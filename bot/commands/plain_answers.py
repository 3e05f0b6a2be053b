"""What an answer becomes whose content Discord refuses: the same words, without markup and links."""

import re
from typing import Final

import discord

from bot.cards.text import CONTENT_LIMIT, plain
from bot.core.delivery import Message

ACKNOWLEDGED: Final = 40060
_LINK: Final = re.compile(r"<?(https?://[^\s<>]+)>?")


def refuses_content(error: BaseException) -> bool:
    """Tell whether a plainer answer may be taken: after a filter of links (240000), a bad form and so on."""
    if not isinstance(error, discord.HTTPException):
        return False
    return error.status == 400 and error.code != ACKNOWLEDGED  # noqa: PLR2004


def plainly(message: Message) -> Message:
    """Return a message as plain words; its links, of which none is lost, go into a file."""
    links = tuple(_LINK.findall(message.content))
    lines = (_LINK.sub("", line).strip() for line in message.content.splitlines())
    words = "\n".join(plain(line, CONTENT_LIMIT) for line in lines if line)
    return Message(words[:CONTENT_LIMIT] or "…", message.mentions, (*links, *message.urls_file))


def texts_of(view: discord.ui.LayoutView) -> str:
    """Return what a layout says."""
    texts = (part.content for part in view.walk_children() if isinstance(part, discord.ui.TextDisplay))
    return "\n".join(texts)
