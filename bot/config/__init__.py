"""The settings: read once from the environment and `.env`, validated together, then passed around as a value.

Each error is one line that names the variable and what it needs, but never the value: it may be a secret.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.config.env_file import EnvFile, read_env_file
from bot.config.errors import InvalidSettings, error_lines
from bot.config.secret_files import SECRETS, SecretFile, fill_in_secrets, secret_alone
from bot.config.values import (
    CardLanguage,
    DatabaseUrl,
    GuildIds,
    HttpUrl,
    KeyForm,
    ListenAddress,
    LogFormat,
    LogLevel,
    OptionalPort,
    plain,
)
from bot.core.policy import PollPolicy
from bot.store.location import Location, location_of, passwords_in

__all__ = ["DISCORD_API", "SECRETS", "DataSettings", "InvalidSettings", "Settings"]

DISCORD_API: Final = "https://discord.com/api/v10"


class DataSettings(BaseSettings):
    """The settings of commands that need only the data, such as `backup`."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        case_sensitive=False,
        use_attribute_docstrings=True,
    )

    database_url: DatabaseUrl = SecretStr("sqlite:///data/bot.db")
    """The database: a file, or `postgresql://user@host/database` (docs/postgresql.md). The image sets
    `sqlite:////data/bot.db`.
    """
    database_url_file: SecretFile = None
    """A file that holds the database's URL. It wins over `DATABASE_URL`, which the image sets."""

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        return fill_in_secrets(values, [name for name in SECRETS if name in cls.model_fields])

    @property
    def database(self) -> Location:
        return location_of(self.database_url.get_secret_value())

    @classmethod
    def load(cls, env_file: Path | None = Path(".env")) -> Self:
        """Read and validate: the environment first, then `env_file`, then the defaults.

        Raises:
            InvalidSettings: with all errors at once.
        """
        file = EnvFile() if env_file is None else read_env_file(env_file, Settings.model_fields)
        in_environment = {name.lower() for name, value in os.environ.items() if value}
        values: dict[str, Any] = {
            name: value
            for name, value in file.values.items()
            if name in cls.model_fields and name not in in_environment
        }
        errors = [fault.text for fault in file.faults if fault.about in {None, *cls.model_fields}]
        try:
            settings = cls(**values)
        except ValidationError as error:
            raise InvalidSettings(
                [*errors, *error_lines(error, cls.model_fields, file, os.environ)]
            ) from None
        if errors:
            raise InvalidSettings(errors)
        return settings

    @field_validator("*", mode="before")
    @classmethod
    def _without_decoration(cls, value: Any) -> Any:
        return plain(value) if isinstance(value, str) else value


class Settings(DataSettings):
    """All settings. `python -m tools.write_settings` writes docs/settings.md and `.env.example` from them."""

    model_config = SettingsConfigDict(extra="forbid")

    discord_token: SecretStr
    """The bot's token. Discord's developer portal has it: your application, **Bot**, **Reset Token**."""
    discord_token_file: SecretFile = None
    """A file that holds the token, instead of `DISCORD_TOKEN`."""
    veo_api_key: SecretStr
    """The key of the task API."""
    veo_api_key_file: SecretFile = None
    """A file that holds the key, instead of `VEO_API_KEY`."""
    veo_api_base_url: HttpUrl = "https://duomiapi.com"
    """Where the task API is."""
    veo_api_auth: KeyForm = "auto"
    """How the key is sent: `raw` (bare), `bearer`, or `auto`: bare first, `Bearer` if that is refused, then
    what was accepted.
    """
    discord_api_url: HttpUrl = DISCORD_API
    """Another address of Discord's REST API: a proxy, a simulation."""
    shard_count: Annotated[int | None, Field(ge=1, le=10_000)] = None
    """Number of shards, into which Discord divides the servers of a large bot. Empty: as many as Discord
    recommends at the first start on a PostgreSQL database, at each start on a file.
    """
    allowed_guild_ids: GuildIds = frozenset()
    """Ids of the servers in which the bot works, separated by commas; elsewhere, and in direct messages, it
    refuses. Empty: everywhere.
    """
    watches_per_person: Annotated[int, Field(ge=1, le=100_000)] = 25
    """Maximum number of live watches per person."""
    watches_per_server: Annotated[int, Field(ge=1, le=100_000)] = 250
    """Maximum number of live watches per server."""
    poll_min_seconds: Annotated[float, Field(ge=0.2, le=3600, allow_inf_nan=False)] = 1.0
    """Minimum seconds between two polls of a render; the bot learns from finished renders when to poll."""
    poll_max_seconds: Annotated[float, Field(ge=0.2, le=3600, allow_inf_nan=False)] = 60.0
    """Maximum seconds between two polls of a render while the task API answers."""
    poll_per_minute: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    """Maximum requests to the task API in any minute, people's own included. Empty: as many as its headers
    and refusals allow.
    """
    watch_stalled_hours: Annotated[float, Field(gt=0, le=720, allow_inf_nan=False)] = 2.0
    """A watch ends when nothing has changed for this long."""
    watch_max_hours: Annotated[float, Field(gt=0, le=720, allow_inf_nan=False)] = 48.0
    """A watch ends after this long in any case."""
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Ended watches are deleted after this many days."""
    attach_videos: bool = True
    """Whether results carry the videos themselves where they fit the server's upload limit (15 seconds to
    fetch them at most, into a folder beside the database; only from public addresses).
    """
    card_language: CardLanguage = "auto"
    """Language of cards and results: `en`, `zh-CN`, or `auto`: a Community server's own language, elsewhere
    the language of the person who started the watch.
    """
    http_host: ListenAddress = "127.0.0.1"
    """The address on which health and metrics are served; `0.0.0.0` for all of this machine's."""
    http_port: OptionalPort = 8080
    """Their port; `0` takes a free one and logs it (which the image's health check cannot find), `off` serves
    nothing.
    """
    log_level: LogLevel = "INFO"
    """How much is logged."""
    log_format: LogFormat = "text"
    """Log lines for people, or for machines: one JSON object a line."""

    @field_validator("discord_token", "veo_api_key")
    @classmethod
    def _secret_alone(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        return secret_alone(value, str(info.field_name).upper())

    @field_validator("poll_max_seconds")
    @classmethod
    def _in_order(cls, value: float, info: ValidationInfo) -> float:
        if value < info.data.get("poll_min_seconds", value):
            raise ValueError("must not be less than POLL_MIN_SECONDS")
        return value

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must never be in the log."""
        tokens = (self.discord_token.get_secret_value(), self.veo_api_key.get_secret_value())
        return (*tokens, *passwords_in(self.database))

    @property
    def poll_policy(self) -> PollPolicy:
        return PollPolicy(
            min_seconds=self.poll_min_seconds,
            max_seconds=self.poll_max_seconds,
            stalled_after=self.watch_stalled_hours * 3600,
            too_old_after=self.watch_max_hours * 3600,
        )
