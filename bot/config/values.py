"""The types of the settings: what each accepts and what it says otherwise, never repeating the value."""

import re
from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from bot.messages import LANGUAGES
from bot.store.location import location_of

MAX_ID_DIGITS: Final = 20
QUOTES: Final = tuple("'\"`´‘’‚“”„«»「」『』")
"""Also those that editors and chats put in place of the plain ones."""


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


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _http_url(value: str) -> str:
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


def _database_url(value: SecretStr) -> SecretStr:
    location_of(value.get_secret_value())
    return value


def _guild_ids(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    ids = value.replace(",", " ").split()
    if not all(id_.isascii() and id_.isdecimal() and len(id_) <= MAX_ID_DIGITS for id_ in ids):
        raise ValueError("must be server ids, separated by commas")
    return frozenset(map(int, ids))


def _card_language(value: str) -> str:
    allowed = {language.lower(): language for language in ("auto", *LANGUAGES)}
    try:
        return allowed[value.lower().replace("_", "-")]
    except KeyError:
        raise ValueError(f"must be one of {', '.join(allowed.values())}") from None


def _off(value: Any) -> Any:
    return None if str(value).lower() in {"off", "none"} else value


def _listen_address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError("must be an address of this machine such as 127.0.0.1, or 0.0.0.0 for all") from None


HttpUrl = Annotated[str, AfterValidator(_http_url)]
GuildIds = Annotated[frozenset[int], NoDecode, BeforeValidator(_guild_ids)]
Port = Annotated[int, Field(ge=0, le=65_535)]
CardLanguage = Annotated[str, AfterValidator(_card_language)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
ListenAddress = Annotated[str, AfterValidator(_listen_address)]
OptionalPort = Annotated[Port | None, BeforeValidator(_off)]
KeyForm = Annotated[Literal["auto", "raw", "bearer"], BeforeValidator(_lower)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]
LogFormat = Annotated[Literal["text", "json"], BeforeValidator(_lower)]
