"""Words of others, made safe to stand in a message of ours; and Discord's limits on texts.

What the API says may contain anything: mentions, masked links, control characters, text that runs backwards.
It is shown as what it is, letter by letter, and can do nothing.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from bot.core.characters import BLANK, JOINERS, is_invisible, is_variation_selector

CONTENT_LIMIT: Final = 2_000
"""Characters in a message's content."""
LAYOUT_LIMIT: Final = 4_000
"""Characters in all texts of one layout."""

_MARKDOWN: Final = re.compile(r"([\\`*_~|<>\[\]()#@:+-])")
_NUMBERED: Final = re.compile(r"^(\d+)\.(?= |$)")
# England's flag, for one: a black flag, letters that nobody sees, and their end (emoji tag sequences).
_FLAG: Final = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_KEYCAP: Final = frozenset("0123456789#*")
_ENCLOSING: Final = "\u20e3"
_MARKS_IN_A_ROW: Final = 4
BAR_STEPS: Final = 10


def plain(text: str, limit: int) -> str:
    """Return a text of others on one line, Discord's markup escaped, at most `limit` characters."""
    cleaned = _NUMBERED.sub(r"\1\\.", _MARKDOWN.sub(r"\\\1", visible(text)))
    if len(cleaned) <= limit:
        return cleaned
    return visible(cleaned[: limit - 1]).rstrip("\\ ") + "…"


def code(text: str, limit: int) -> str:
    """Return a text of others as inline code, at most `limit` characters and never empty."""
    cleaned = visible(visible(text).replace("`", "ˋ")[: limit - 2])
    return f"`{cleaned or '…'}`"


def visible(text: str) -> str:
    """Return a text on one line without what cannot be seen, and without towers of combining marks.

    What joins letters or emoji stays where it does that. A character that this Python's Unicode does not know
    yet is shown.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept: list[str] = []
    marks = at = 0
    while at < len(text):
        char, before, after = text[at], kept[-1] if kept else " ", text[at + 1 : at + 2]
        if flag := _FLAG.match(text, at) if char == "\U0001f3f4" else None:
            kept += flag[0]
            marks, at = 0, flag.end()
            continue
        at += 1
        if char in JOINERS:  # it resets no count of marks: it could build towers
            if _is_joined_before(before) and _is_joined(after):
                kept.append(char)
        elif is_invisible(char) and not (is_variation_selector(char) and _has_variations(before, after)):
            if char.isspace() or char == BLANK:
                kept.append(" ")
        else:
            marks = marks + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
            if marks <= _MARKS_IN_A_ROW:
                kept.append(char)
    return " ".join("".join(kept).split())


def _is_joined(char: str) -> bool:
    """Tell whether a character goes on with a word or an emoji."""
    if not char or is_invisible(char):
        return False
    return char.isalnum() or (not char.isascii() and unicodedata.category(char)[0] in "SC")


def _is_joined_before(char: str) -> bool:
    """Tell the same of one before the joiner: there, a mark or a chosen form may end it."""
    return _is_joined(char) or is_variation_selector(char) or unicodedata.category(char)[0] == "M"


def _has_variations(char: str, after: str) -> bool:
    """Tell whether a variation selector after a character says something."""
    if char.isascii():
        return char in _KEYCAP and after == _ENCLOSING
    return not (char in JOINERS or char.isspace() or is_variation_selector(char))


def relative(at: float) -> str:
    """Return a Unix time as Discord's own "2 minutes ago", which every reader sees in their language."""
    return f"<t:{int(at)}:R>"


def mention(user_id: int) -> str:
    return f"<@{user_id}>"


def named(task_ids: Iterable[str]) -> str:
    """Return task ids as a sentence names them."""
    return ", ".join(f"`{task_id}`" for task_id in task_ids)


def packed(texts: Iterable[str]) -> list[str]:
    """Return texts, each on lines of its own, in as few messages as hold them."""
    pages: list[str] = []
    for text in texts:
        if pages and len(pages[-1]) + 1 + len(text) <= CONTENT_LIMIT:
            pages[-1] += f"\n{text}"
        else:
            pages.append(text[:CONTENT_LIMIT])
    return pages


def jump_link(guild_id: int, channel_id: int, message_id: int) -> str:
    """Return the address of a message in a server."""
    return f"https://discord.com/channels/{guild_id}/{channel_id}/{message_id}"


def bar(progress: int) -> str:
    """Return percent as a bar of ten steps; a step is filled when it is wholly reached."""
    filled = max(0, min(BAR_STEPS, progress * BAR_STEPS // 100))
    return "█" * filled + "░" * (BAR_STEPS - filled)
