"""The settings: read once from the environment and `.env`, validated together, then passed around as a value.

Each error is one line that names the variable and what it needs, but never the value: it may be a secret.
"""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from bot.config.errors import InvalidSettings, error_lines
from bot.config.secret_files import SECRETS, SecretFile, fill_in_secrets, user
from bot.config.values import (
    CardLanguage,
    DatabaseUrl,
    GuildIds,
    HttpUrl,
    ListenAddress,
    OptionalPort,
    Secret,
)
from bot.core.policy import PollPolicy
from bot.store.database import sqlite_path

__all__ = ["DISCORD_API", "SECRETS", "DataSettings", "InvalidSettings", "Settings"]

DISCORD_API: Final = "https://discord.com/api/v10"


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

    database_url: DatabaseUrl = "sqlite:///data/bot.db"

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
            raise InvalidSettings(error_lines(error)) from None
        except PermissionError:
            raise InvalidSettings([f"{env_file}: cannot be read by {user()}: chown it"]) from None
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
    http_host: ListenAddress = "127.0.0.1"
    http_port: OptionalPort = 8080
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        return fill_in_secrets(values)

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
