"""Messages being filled: lines and pings, within Discord's limits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.cards.text import CONTENT_LIMIT, mention

MENTION_LIMIT: Final = 100
"""People that one message may ping (Discord's own limit)."""
_RESERVED: Final = 200
"""Characters kept free for the `k/n` and the line about what did not fit."""


@dataclass(slots=True)
class Page:
    """A message being filled."""

    lines: list[str] = field(default_factory=list)
    mentions: list[int] = field(default_factory=list)
    spare: int = 0
    """Characters kept free for what comes later."""

    @property
    def space(self) -> int:
        return CONTENT_LIMIT - _RESERVED - self.spare - sum(len(line) + 1 for line in self.lines)


def add_mentions(pages: list[Page], people: Sequence[int]) -> None:
    """Ping everybody once, in order: on the last page as many as fit, the rest on more pages."""
    line: list[str] = []
    for user_id in people:
        text = mention(user_id)
        page = pages[-1]
        if len(page.mentions) >= MENTION_LIMIT or len(" ".join([*line, text])) > page.space:
            if line:
                page.lines.append(" ".join(line))
            line = []
            page = Page()
            pages.append(page)
        line.append(text)
        page.mentions.append(user_id)
    if line:
        pages[-1].lines.append(" ".join(line))
