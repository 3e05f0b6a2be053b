"""The settings: read once from the environment and `.env`, checked whole, then passed around as a value.

A fault is told as the variable and what it wants, never with the value: it may be a secret.
"""

import os
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from bot import secret_files
from bot.core.pace import Pace
from bot.secret_files import SECRETS, content, user
from bot.store.database import sqlite_path

DISCORD_API: Final = "https://discord.com/api/v10"
LONGEST_ID: Final = 20
"""Digits in an id of Discord's."""
PORTS: Final = 65_536


def _http_url(value: str) -> str:
    value = value.strip()
    wanted = "it must be an http or https address such as https://example.com"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError(wanted) from None
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or port == 0
        or parts.query
        or parts.fragment
        or not value.isprintable()
        or " " in value
    ):
        raise ValueError(wanted)
    return value.rstrip("/")


def _readable(value: str | None) -> str | None:
    if value is not None:
        content(Path(value))
    return value


def _sqlite_url(value: str) -> str:
    sqlite_path(value)
    return value


def _guild_ids(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    ids = value.replace(",", " ").split()
    if not all(part.isascii() and part.isdecimal() and len(part) <= LONGEST_ID for part in ids):
        raise ValueError("it must be ids of servers, separated by commas")
    return frozenset(int(part) for part in ids)


def _header_value(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    if text[:1] in {"'", '"'}:
        raise ValueError("it must stand without quotes")
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("it must be one line of letters, digits and signs, without spaces")
    return SecretStr(text)


def _port(value: Any) -> Any:
    text = str(value).strip().lower()
    if text in {"off", "none"}:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(PORTS)) and int(text) < PORTS):
        raise ValueError(f"it must be a port from 0 (a free one) to {PORTS - 1}, or off")
    return int(text)


def _address(value: str) -> str:
    try:
        return str(ip_address(value.strip()))
    except ValueError:
        raise ValueError(
            "it must be an address of this machine such as 127.0.0.1, or 0.0.0.0 for all"
        ) from None


HttpUrl = Annotated[str, AfterValidator(_http_url)]
Secret = Annotated[SecretStr, AfterValidator(_header_value)]
SecretFile = Annotated[str | None, AfterValidator(_readable)]
GuildIds = Annotated[frozenset[int], NoDecode, BeforeValidator(_guild_ids)]
AnySettings = TypeVar("AnySettings", bound="DataSettings")
CardLanguage = Literal["auto", "en", "zh-CN"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class DataSettings(BaseSettings):
    """Where the data is: all that is needed to work on it without the bot."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        case_sensitive=False,
    )

    database_url: Annotated[str, AfterValidator(_sqlite_url)] = "sqlite:///data/bot.db"

    @property
    def database_path(self) -> Path:
        return sqlite_path(self.database_url)


class Settings(DataSettings):
    """Every variable that the bot reads; the same list is in `.env.example` and the README."""

    model_config = SettingsConfigDict(extra="forbid")

    discord_token: Secret
    discord_token_file: SecretFile = None
    veo_api_key: Secret
    veo_api_key_file: SecretFile = None
    veo_api_base_url: HttpUrl = "https://duomiapi.com"
    veo_api_auth: Literal["auto", "raw", "bearer"] = "auto"
    discord_api_url: HttpUrl = DISCORD_API
    allowed_guild_ids: GuildIds = frozenset()
    watches_per_person: Annotated[int, Field(ge=1, le=100_000)] = 25
    watches_per_server: Annotated[int, Field(ge=1, le=100_000)] = 250
    poll_min_seconds: Annotated[float, Field(ge=0.2, le=3600, allow_inf_nan=False)] = 2.0
    poll_max_seconds: Annotated[float, Field(ge=0.2, le=3600, allow_inf_nan=False)] = 15.0
    watch_stalled_hours: Annotated[float, Field(gt=0, le=720, allow_inf_nan=False)] = 2.0
    watch_max_hours: Annotated[float, Field(gt=0, le=720, allow_inf_nan=False)] = 48.0
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30
    attach_videos: bool = True
    card_language: CardLanguage = "auto"
    http_host: Annotated[str, AfterValidator(_address)] = "127.0.0.1"
    http_port: Annotated[int | None, BeforeValidator(_port)] = 8080
    log_level: LogLevel = "INFO"
    log_format: Literal["text", "json"] = "text"

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in SECRETS:
            given = values.get(f"{name}_file")
            path = Path(given or secret_files.RUN_SECRETS / name)
            if name in values:
                values.pop(f"{name}_file", None)  # it does not matter
            elif given or os.path.lexists(path):
                try:
                    values[name] = content(path)
                except ValueError:
                    values[f"{name}_file"] = str(path)  # whose own fault it is then
                else:
                    values.pop(f"{name}_file", None)  # read once: it may be a pipe
        return values

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.poll_max_seconds < self.poll_min_seconds:
            raise ValueError("POLL_MAX_SECONDS: it must not be less than POLL_MIN_SECONDS")
        return self

    @property
    def pace(self) -> Pace:
        return Pace(
            min_seconds=self.poll_min_seconds,
            max_seconds=self.poll_max_seconds,
            stalled_after=self.watch_stalled_hours * 3600,
            too_old_after=self.watch_max_hours * 3600,
        )


class SettingsFault(Exception):
    """The settings cannot be used; `faults` has one line for each, naming the variable and what it wants."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))


def load_settings(env_file: Path | None = Path(".env")) -> Settings:
    """Read and check the settings: the environment first, then `env_file`, then the defaults.

    Raises:
        SettingsFault: one line for each thing that is wrong.
    """
    return _load(Settings, env_file)


def load_data_settings(env_file: Path | None = Path(".env")) -> DataSettings:
    """Read only where the data is, in the same way.

    Raises:
        SettingsFault: it cannot be read.
    """
    return _load(DataSettings, env_file)


def _load(kind: type[AnySettings], env_file: Path | None) -> AnySettings:
    try:
        return kind(_env_file=env_file)  # type: ignore[call-arg]
    except ValidationError as error:
        entries = error.errors(include_input=False, include_context=False)
        raise SettingsFault(_faults([dict(entry) for entry in entries])) from None
    except PermissionError:
        raise SettingsFault([f"{env_file}: it cannot be read by {user()}: chown it"]) from None
    except (SettingsError, UnicodeError, OSError) as error:
        raise SettingsFault([f"{env_file}: it cannot be read ({type(error).__name__})"]) from None


def _faults(errors: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a line for each fault; a secret is not called missing whose file is at fault."""
    at_fault = {error["loc"][0] for error in errors if error["loc"]}
    for error in errors:
        if error["type"] != "missing" or f"{error['loc'][0]}_file" not in at_fault:
            yield _fault(error)


def _fault(error: dict[str, Any]) -> str:
    name = "_".join(str(part) for part in error["loc"]).upper()
    message = str(error["msg"]).removeprefix("Value error, ")
    match error["type"]:
        case "missing":
            return f"{name}: it is required and not set"
        case "extra_forbidden":
            return f"{name}: there is no such setting (a typo in .env?)"
        case _:
            return f"{name}: {message[0].lower()}{message[1:]}" if name else message
