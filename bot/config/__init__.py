"""The settings: read once from the environment and `.env`, checked together, then passed around as a value.

Each error is one line that names the variable and what it needs, but never the value: it may be a secret.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, Self

from bot.config import values
from bot.config.env_file import EnvFile, read_env_file
from bot.config.errors import InvalidSettings, error_lines
from bot.config.secret_files import SECRETS, fill_in_secrets, secret_alone, secret_file
from bot.config.values import Choice, Number, plain
from bot.core.policy import PollPolicy
from bot.store.location import Location, location_of, passwords_in

__all__ = ["DISCORD_API", "SECRETS", "SETTINGS", "DataSettings", "InvalidSettings", "Settings"]

DISCORD_API: Final = "https://discord.com/api/v10"


def setting(read: Callable[[str], object], default: Any = MISSING, *, secret: bool = False) -> Any:
    """Return the field of a setting; `read` returns its value or raises ValueError with what it needs."""
    return field(default=default, repr=not secret, metadata={"read": read})


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """The settings of commands that need only the data, such as `backup`."""

    database_url: str = setting(values.database_url, "sqlite:///data/bot.db", secret=True)
    """The database: a file, or `postgresql://user@host/database` (docs/postgresql.md). The image sets
    `sqlite:////data/bot.db`.
    """
    database_url_file: str | None = setting(secret_file, None)
    """A file that holds the database's URL. It wins over `DATABASE_URL`, which the image sets."""

    @property
    def database(self) -> Location:
        return location_of(self.database_url)

    @classmethod
    def load(cls, env_file: Path | None = Path(".env")) -> Self:
        """Read and check: the environment first, then `env_file`, then the defaults.

        Raises:
            InvalidSettings: with all errors at once.
        """
        file = EnvFile() if env_file is None else read_env_file(env_file, SETTINGS)
        own = {setting.name: setting for setting in fields(cls)}
        environment = {name.lower(): value for name, value in os.environ.items() if value}
        given = {name: text for name, text in {**file.values, **environment}.items() if name in own}
        found: dict[str, Any] = {}
        faults: dict[str, str | None] = {}
        texts = fill_in_secrets(given, [name for name in SECRETS if name in own])
        for name, each in own.items():
            try:
                if name in texts:
                    found[name] = each.metadata["read"](plain(texts[name]))
                elif each.default is MISSING:
                    faults[name] = None
                else:
                    found[name] = each.default
            except ValueError as error:
                faults[name] = str(error)
            else:
                if (conflict := cls._conflict(name, found)) is not None:
                    faults[name] = conflict
        lines = [fault.text for fault in file.faults if fault.about in {None, *own}]
        lines += error_lines(faults, SETTINGS, file, os.environ)
        if lines:
            raise InvalidSettings(lines)
        return cls(**found)

    @classmethod
    def _conflict(cls, name: str, found: Mapping[str, Any]) -> str | None:
        """Return what is wrong with a value beside those of the settings before it."""
        del name, found
        return None


@dataclass(frozen=True, kw_only=True)
class Settings(DataSettings):
    """All settings. `python -m tools.write_settings` writes docs/settings.md and `.env.example` from them."""

    discord_token: str = setting(partial(secret_alone, name="DISCORD_TOKEN"), secret=True)
    """The bot's token. Discord's developer portal has it: your application, **Bot**, **Reset Token**."""
    discord_token_file: str | None = setting(secret_file, None)
    """A file that holds the token, instead of `DISCORD_TOKEN`."""
    veo_api_key: str = setting(partial(secret_alone, name="VEO_API_KEY"), secret=True)
    """The key of the task API."""
    veo_api_key_file: str | None = setting(secret_file, None)
    """A file that holds the key, instead of `VEO_API_KEY`."""
    veo_api_base_url: str = setting(values.http_url, "https://duomiapi.com")
    """Where the task API is."""
    veo_api_auth: Literal["auto", "raw", "bearer"] = setting(Choice(("auto", "raw", "bearer")), "auto")
    """How the key is sent: `raw` (bare), `bearer`, or `auto`: bare first, `Bearer` if that is refused, then
    what was accepted.
    """
    discord_api_url: str = setting(values.http_url, DISCORD_API)
    """Another address of Discord's REST API: a proxy, a simulation."""
    shard_count: int | None = setting(Number(int, 1, 10_000), None)
    """Number of shards, into which Discord divides the servers of a large bot. Empty: as many as Discord
    recommends at the start; of several processes, the first decides (docs/scaling.md).
    """
    allowed_guild_ids: frozenset[int] = setting(values.guild_ids, frozenset())
    """Ids of the servers in which the bot works, separated by commas; elsewhere, and in direct messages, it
    refuses. Empty: everywhere.
    """
    watches_per_person: int = setting(Number(int, 1, 100_000), 25)
    """Maximum number of live watches per person, in all servers."""
    watches_per_server: int = setting(Number(int, 1, 100_000), 250)
    """Maximum number of live watches per server."""
    poll_min_seconds: float = setting(Number(float, 0.2, 3600), 1.0)
    """Minimum seconds between two polls of a render; the bot learns from finished renders when to poll."""
    poll_max_seconds: float = setting(Number(float, 0.2, 3600), 60.0)
    """Maximum seconds between two polls of a render while the task API answers."""
    poll_per_minute: int | None = setting(Number(int, 1, 1_000_000), None)
    """Maximum requests to the task API in any minute, people's own included, of all processes together.
    Empty: as many as its headers and refusals allow.
    """
    watch_stalled_hours: float = setting(Number(float, 0, 720, lowest=False), 2.0)
    """A watch ends when nothing has changed for this long."""
    watch_max_hours: float = setting(Number(float, 0, 720, lowest=False), 48.0)
    """A watch ends after this long in any case."""
    keep_days: int = setting(Number(int, 1, 3650), 30)
    """Ended watches are deleted after this many days."""
    attach_videos: bool = setting(values.switch, True)
    """Whether results carry the videos themselves where they fit the server's upload limit (15 seconds to
    fetch them at most, into a folder beside the database; only from public addresses).
    """
    card_language: str = setting(values.card_language, "auto")
    """Language of cards and results: `en`, `zh-CN`, or `auto`: a Community server's own language, elsewhere
    the language of the person who started the watch.
    """
    http_host: str = setting(values.listen_address, "127.0.0.1")
    """The address on which health and metrics are served; `0.0.0.0` for all of this machine's."""
    http_port: int | None = setting(values.optional_port, 8080)
    """Their port; `0` takes a free one and logs it (which the image's health check cannot find), `off` serves
    nothing.
    """
    log_level: str = setting(Choice(("DEBUG", "INFO", "WARNING", "ERROR")), "INFO")
    """How much is logged."""
    log_format: Literal["text", "json"] = setting(Choice(("text", "json")), "text")
    """Log lines for people, or for machines: one JSON object a line."""

    @classmethod
    def _conflict(cls, name: str, found: Mapping[str, Any]) -> str | None:
        if name == "poll_max_seconds" and found[name] < found.get("poll_min_seconds", 0.0):
            return "must not be less than POLL_MIN_SECONDS"
        return None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must never be in the log."""
        return (self.discord_token, self.veo_api_key, *passwords_in(self.database))

    @property
    def poll_policy(self) -> PollPolicy:
        return PollPolicy(
            min_seconds=self.poll_min_seconds,
            max_seconds=self.poll_max_seconds,
            stalled_after=self.watch_stalled_hours * 3600,
            too_old_after=self.watch_max_hours * 3600,
        )


SETTINGS: Final = tuple(setting.name for setting in fields(Settings))
"""The names of all settings."""
