"""The settings: read once from the environment and `.env`, validated together, then passed around as a value.

Each error is one line that names the variable and what it needs, but never the value: it may be a secret.
"""

import os
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from bot.core.policy import PollPolicy
from bot.messages import LANGUAGES
from bot.store.database import sqlite_path

DISCORD_API: Final = "https://discord.com/api/v10"
SECRETS: Final = ("discord_token", "veo_api_key")
"""May also be read from a file: from `<NAME>_FILE`, or from the folder below. A plain variable wins."""
RUN_SECRETS: Final = Path("/run/secrets")
"""Where Docker and Kubernetes put secrets, each in a file with its name in lower case."""
MAX_ID_DIGITS: Final = 20


def _http_url(value: str) -> str:
    value = value.strip()
    error = ValueError("must be an http or https address such as https://example.com")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise error from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise error
    if parts.query or parts.fragment or not value.isprintable() or " " in value:
        raise error
    return value.rstrip("/")


def _sqlite_url(value: str) -> str:
    sqlite_path(value)
    return value


def _guild_ids(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    ids = value.replace(",", " ").split()
    if not all(id_.isascii() and id_.isdecimal() and len(id_) <= MAX_ID_DIGITS for id_ in ids):
        raise ValueError("must be server ids, separated by commas")
    return frozenset(map(int, ids))


def _card_language(value: str) -> str:
    allowed = ("auto", *LANGUAGES)
    if value not in allowed:
        raise ValueError(f"must be one of {', '.join(allowed)}")
    return value


def _header_value(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    if text[:1] in {"'", '"'}:
        raise ValueError("must not be in quotes")
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be one line of printable ASCII characters without spaces")
    return SecretStr(text)


def _off(value: Any) -> Any:
    return None if str(value).strip().lower() in {"off", "none"} else value


def _listen_address(value: str) -> str:
    try:
        return str(ip_address(value.strip()))
    except ValueError:
        raise ValueError("must be an address of this machine such as 127.0.0.1, or 0.0.0.0 for all") from None


def _read_secret(path: Path) -> str:
    """Return the contents of a secret's file.

    Raises:
        ValueError: it has none. The text names the path only if it is the standard one: what was set as a
            path may be the secret itself, in the wrong variable.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except IsADirectoryError:
        why = "is a folder, which Docker creates if the host has no such file: remove it, write the file"
    except PermissionError:
        why = f"cannot be read by {_user()}: chown it on the host"
    except FileNotFoundError:
        why = "does not exist"
    except UnicodeError:
        why = "is not text"
    except OSError as error:
        why = f"cannot be read ({error.strerror})"
    else:
        if text:
            return text
        why = "is empty: write the secret into it"
    raise ValueError(f"{path if path.parent == RUN_SECRETS else 'the file'} {why}")


def _user() -> str:
    return f"uid {os.geteuid()}" if hasattr(os, "geteuid") else "this user"


def _secret_file(value: str | None) -> str | None:
    if value is not None:
        _read_secret(Path(value))
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url)]
Secret = Annotated[SecretStr, AfterValidator(_header_value)]
SecretFile = Annotated[str | None, AfterValidator(_secret_file)]
GuildIds = Annotated[frozenset[int], NoDecode, BeforeValidator(_guild_ids)]
Port = Annotated[int, Field(ge=0, le=65_535)]
CardLanguage = Annotated[str, AfterValidator(_card_language)]


class InvalidSettings(Exception):
    """The settings are not usable; each of `errors` is a line that names the variable and what it needs."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(self.errors))


class DataSettings(BaseSettings):
    """The settings of commands that need only the data, such as `backup`."""

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

    @classmethod
    def load(cls, env_file: Path | None = Path(".env")) -> Self:
        """Read and validate: the environment first, then `env_file`, then the defaults.

        Raises:
            InvalidSettings: with all errors at once.
        """
        try:
            return cls(_env_file=env_file)  # type: ignore[call-arg]
        except ValidationError as error:
            raise InvalidSettings(_error_lines(error)) from None
        except PermissionError:
            raise InvalidSettings([f"{env_file}: cannot be read by {_user()}: chown it"]) from None
        except (SettingsError, UnicodeError, OSError) as error:
            raise InvalidSettings([f"{env_file}: cannot be read ({type(error).__name__})"]) from None


class Settings(DataSettings):
    """All settings; `.env.example` and the README list the same."""

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
    http_host: Annotated[str, AfterValidator(_listen_address)] = "127.0.0.1"
    http_port: Annotated[Port | None, BeforeValidator(_off)] = 8080
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in SECRETS:
            given = values.get(f"{name}_file")
            path = Path(given or RUN_SECRETS / name)
            if name in values:
                values.pop(f"{name}_file", None)
            elif given or os.path.lexists(path):
                try:
                    values[name] = _read_secret(path)
                except ValueError:
                    values[f"{name}_file"] = str(path)  # its own validator raises the same, with its name
                else:
                    values.pop(f"{name}_file", None)  # read only once: it may be a pipe
        return values

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.poll_max_seconds < self.poll_min_seconds:
            raise ValueError("POLL_MAX_SECONDS: must not be less than POLL_MIN_SECONDS")
        return self

    @property
    def poll_policy(self) -> PollPolicy:
        return PollPolicy(
            min_seconds=self.poll_min_seconds,
            max_seconds=self.poll_max_seconds,
            stalled_after=self.watch_stalled_hours * 3600,
            too_old_after=self.watch_max_hours * 3600,
        )


def _error_lines(error: ValidationError) -> Iterator[str]:
    details = error.errors(include_input=False, include_context=False)
    failed = {str(detail["loc"][0]) for detail in details if detail["loc"]}
    for detail in details:
        name = "_".join(str(part) for part in detail["loc"])
        message = detail["msg"].removeprefix("Value error, ")
        match detail["type"]:
            case "missing":
                if f"{name}_file" not in failed:  # else its file is the error
                    yield f"{name.upper()}: required but not set"
            case "extra_forbidden":
                yield f"{name.upper()}: there is no such setting (a typo in .env?)"
            case _:
                yield f"{name.upper()}: {message[0].lower()}{message[1:]}" if name else message
