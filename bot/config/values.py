"""What each setting accepts: functions from its text to its value, whose errors never repeat the text."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from math import isfinite
from typing import Final
from urllib.parse import urlsplit

from bot.messages import LANGUAGES
from bot.store.location import location_of

MAX_ID_DIGITS: Final = 20
QUOTES: Final = tuple("'\"`´‘’‚“”„«»「」『』")
"""Also those that editors and chats put in place of the plain ones."""
YES: Final = frozenset({"true", "yes", "on", "1", "t", "y"})
NO: Final = frozenset({"false", "no", "off", "0", "f", "n"})


def plain(value: str) -> str:
    """Return a value without the spaces around it.

    Docker's --env-file passes on what others leave out: quotes, comments and the carriage returns of Windows.
    """
    value = value.strip()
    if value.startswith(QUOTES) or value.endswith(QUOTES):
        raise ValueError("must not be in quotes")
    if re.search(r"\s#", value):
        raise ValueError("must have no comment behind it")
    return value


@dataclass(frozen=True)
class Number:
    """A number in a range; without `lowest`, it must be more than that."""

    read: Callable[[str], float]
    low: float
    high: float
    lowest: bool = True

    def __call__(self, text: str) -> float:
        try:
            number = self.read(text)
        except ValueError:
            raise ValueError(f"must be a {'whole ' if self.read is int else ''}number") from None
        if not isfinite(number):
            raise ValueError("must be a finite number")
        if number < self.low or (number == self.low and not self.lowest):
            raise ValueError(f"must be greater than {'or equal to ' if self.lowest else ''}{self.low}")
        if number > self.high:
            raise ValueError(f"must be less than or equal to {self.high}")
        return number


@dataclass(frozen=True)
class Choice:
    """One of some words, in upper or lower case."""

    words: tuple[str, ...]

    def __call__(self, text: str) -> str:
        found = next((word for word in self.words if word.lower() == text.lower()), None)
        if found is None:
            raise ValueError(f"must be {', '.join(self.words[:-1])} or {self.words[-1]}")
        return found


def switch(text: str) -> bool:
    """Return whether something is to be done."""
    if text.lower() not in YES | NO:
        raise ValueError("must be true or false")
    return text.lower() in YES


def http_url(value: str) -> str:
    """Return the address of an API, without a slash at the end."""
    error = ValueError("must be an http or https address such as https://example.com")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise error from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise error
    if "@" in parts.netloc:  # aiohttp sends no Authorization header beside it
        raise ValueError("must have no user and no password in it")
    if parts.query or parts.fragment or not value.isprintable() or " " in value:
        raise error
    return value.rstrip("/")


def database_url(value: str) -> str:
    """Return a URL of a database that can be used."""
    location_of(value)
    return value


def guild_ids(value: str) -> frozenset[int]:
    """Return the ids of some servers."""
    ids = value.replace(",", " ").split()
    if not all(id_.isascii() and id_.isdecimal() and len(id_) <= MAX_ID_DIGITS for id_ in ids):
        raise ValueError("must be server ids, separated by commas")
    return frozenset(map(int, ids))


def card_language(value: str) -> str:
    """Return a language of which there is a catalogue, or `auto`."""
    allowed = {language.lower(): language for language in ("auto", *LANGUAGES)}
    try:
        return allowed[value.lower().replace("_", "-")]
    except KeyError:
        raise ValueError(f"must be one of {', '.join(allowed.values())}") from None


def listen_address(value: str) -> str:
    """Return an address of this machine."""
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError("must be an address of this machine such as 127.0.0.1, or 0.0.0.0 for all") from None


def optional_port(value: str) -> int | None:
    """Return a port, None if it is off."""
    return None if value.lower() in {"off", "none"} else int(_port(value))


_port: Final = Number(int, 0, 65_535)
