"""Reads messages and cards as people see them: plain lines without Discord's markup."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import discord
from simcord import ChannelHandle, ResponseMessage

from demo.texts import text as translated

_TEXT_DISPLAY: Final = 10
_TIME: Final = re.compile(r"<t:(\d+):R>")
_LINK: Final = re.compile(r"\[([^\]]+)\]\(<?[^\s>)]+>?\)")
_MENTION: Final = re.compile(r"<[@#]!?(\d+)>")
_MARKUP: Final = re.compile(r"^(?:#{1,3}|-#|>) |\*\*|(?<!\\)`|\\(?=[^\w\s])", re.MULTILINE)
BAR_SIGNS: Final = frozenset("█░")


def texts(components: Iterable[Mapping[str, Any]]) -> str:
    """Return all text of a Components V2 layout, from top to bottom."""
    found: list[str] = []
    for component in components:
        if component.get("type") == _TEXT_DISPLAY:
            found.append(str(component["content"]))
        inner = component.get("components", [])
        if inner:
            found.append(texts(inner))
    return "\n".join(found)


def button_of(components: Iterable[Mapping[str, Any]], begins: str) -> Mapping[str, Any] | None:
    """Return the first button of a layout whose custom_id starts with `begins`."""
    for component in components:
        if str(component.get("custom_id", "")).startswith(begins):
            return component
        if (found := button_of(component.get("components", []), begins)) is not None:
            return found
    return None


def words_of(message: ResponseMessage) -> str:
    """Return all text of a message, with its markup; a card has its text in a layout."""
    return "\n".join(text for text in (message.content, texts(message.components)) if text)


def plain_lines(text: str, now: float, mentions: Mapping[int, str], language: str) -> list[str]:
    """Return the lines of a text as Discord shows them at `now` (Unix seconds), without markup."""
    text = _TIME.sub(lambda found: _relative(int(found[1]) - now, language), text)
    text = _LINK.sub(r"\1", text)
    text = _MENTION.sub(lambda found: mentions.get(int(found[1]), "?"), text)
    return [line for line in _MARKUP.sub("", text).splitlines() if line.strip()]


def headline(lines: list[str]) -> str:
    """Return a card's state and its progress bars on one line; an estimate only if there is one bar."""
    bars = [line for line in lines if BAR_SIGNS & set(line)]
    return "  ".join([*lines[:1], *(bars if len(bars) == 1 else (bar.partition(" · ")[0] for bar in bars))])


def replies_to(channel: ChannelHandle, message_id: int) -> list[discord.Message]:
    """Return the replies to a message, oldest first."""
    return [
        message
        for message in channel.history()
        if message.reference is not None and message.reference.message_id == message_id
    ]


def _relative(seconds: float, language: str) -> str:
    """Return a time as Discord's apps say it."""
    minutes = abs(seconds) >= 60  # noqa: PLR2004
    unit, count = ("minute", round(abs(seconds) / 60)) if minutes else ("second", round(abs(seconds)))
    plural = "" if count == 1 else "s"
    sentence = f"in {{count}} {unit}{plural}" if seconds > 0 else f"{{count}} {unit}{plural} ago"
    return translated(language, sentence, count=count)
