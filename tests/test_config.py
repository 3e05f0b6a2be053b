"""The settings: what is read from where, and faults that name the variable and never a value."""

import os
import re
import traceback
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any, Final

import pytest

from bot.config import DISCORD_API, SETTINGS, DataSettings, InvalidSettings, Settings, secret_files
from bot.core.policy import PollPolicy
from bot.messages import LANGUAGES
from tools import write_settings

REQUIRED: Final = {"DISCORD_TOKEN": "tok.en-1", "VEO_API_KEY": "key-1"}
SECRET: Final = "sEcReT"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder to start in, with an environment that sets nothing of ours."""
    for name in list(os.environ):
        if name.lower() in SETTINGS:
            monkeypatch.delenv(name)
    monkeypatch.setattr(secret_files, "RUN_SECRETS", tmp_path / "run" / "secrets")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that sets variables, the required ones too unless told otherwise."""

    def put(**values: str | None) -> None:
        for name, value in {**REQUIRED, **values}.items():
            if value is not None:
                monkeypatch.setenv(name, value)

    return put


def faults() -> tuple[str, ...]:
    """Return what is wrong; no form of the fault repeats a secret."""
    with pytest.raises(InvalidSettings) as fault:
        Settings.load()
    shown = "".join(traceback.format_exception(fault.value))
    for text in (*fault.value.errors, str(fault.value), repr(fault.value), shown):
        assert SECRET not in text
    return fault.value.errors


# What is read


def test_two_variables_are_enough(env: Any) -> None:
    env()
    settings = Settings.load()
    assert settings.discord_token == "tok.en-1"
    assert settings.veo_api_key == "key-1"
    assert (settings.veo_api_base_url, settings.discord_api_url) == ("https://duomiapi.com", DISCORD_API)
    assert settings.database == Path("data/bot.db")
    assert settings.poll_policy == PollPolicy()


def test_every_setting_can_be_set(env: Any) -> None:
    env(
        VEO_API_BASE_URL=" https://relay.example:8443/api/ ",
        VEO_API_AUTH="bearer",
        DATABASE_URL="sqlite:////var/lib/bot.db",
        POLL_MIN_SECONDS="0.2",
        POLL_MAX_SECONDS="0.5",
        WATCH_STALLED_HOURS="0.5",
        WATCH_MAX_HOURS="1",
        LOG_LEVEL="DEBUG",
        LOG_FORMAT="json",
    )
    settings = Settings.load()
    assert settings.veo_api_base_url == "https://relay.example:8443/api"
    assert settings.database == Path("/var/lib/bot.db")
    assert settings.poll_policy == PollPolicy(0.2, 0.5, 1800.0, 3600.0)
    assert (settings.veo_api_auth, settings.log_level, settings.log_format) == ("bearer", "DEBUG", "json")


def test_the_environment_wins_over_the_file_and_an_empty_value_is_none(env: Any, place: Path) -> None:
    (place / ".env").write_text("VEO_API_KEY=from-file\nLOG_LEVEL=ERROR\nDISCORD_TOKEN=\nLOG_FORMAT=\n")
    env(VEO_API_KEY=None, LOG_LEVEL="DEBUG")
    settings = Settings.load()
    assert settings.veo_api_key == "from-file"
    assert (settings.log_level, settings.log_format) == ("DEBUG", "text")


def test_settings_do_not_change_and_do_not_show_secrets(env: Any) -> None:
    env(DISCORD_TOKEN=SECRET, VEO_API_KEY=SECRET)
    settings = Settings.load()
    assert SECRET not in f"{settings!r} {settings}"
    with pytest.raises(FrozenInstanceError):
        settings.log_level = "DEBUG"  # type: ignore[misc]


def test_the_example_sets_what_is_required_and_its_defaults_are_valid(place: Path) -> None:
    filled = re.sub(r"(?m)^([A-Z_]+)=$", r"\1=something", write_settings.example())
    (place / ".env").write_text(re.sub(r"(?m)^# ([A-Z_]+=)", r"\1", filled), "utf-8")
    settings = Settings.load()
    assert settings == Settings(discord_token=settings.discord_token, veo_api_key=settings.veo_api_key)


# Secrets from files


def test_a_secret_may_come_from_a_file(env: Any, place: Path) -> None:
    (place / "token").write_text(" from.file\n")
    env(DISCORD_TOKEN=None, DISCORD_TOKEN_FILE=str(place / "token"))
    assert Settings.load().discord_token == "from.file"


def test_a_plain_variable_wins_over_a_file(env: Any, place: Path) -> None:
    (place / "token").write_text("from.file")
    env(DISCORD_TOKEN_FILE=str(place / "token"))
    assert Settings.load().discord_token == "tok.en-1"


@pytest.mark.parametrize("where", ["DATABASE_URL_FILE", "/run/secrets"])
def test_the_file_with_the_databases_url_wins_over_the_variable_that_the_image_sets(
    where: str, env: Any, place: Path
) -> None:
    file = place / "run" / "secrets" / "database_url"
    file.parent.mkdir(parents=True)
    file.write_text(f"postgresql://bot:{SECRET}@db/veo\n")
    env(DATABASE_URL="sqlite:////data/bot.db", **{where: str(file)} if where.isupper() else {})
    for settings in (Settings.load(), DataSettings.load()):
        assert str(settings.database) == "postgresql+psycopg://bot:***@db/veo"
        assert SECRET not in repr(settings)
    assert SECRET in Settings.load().secrets, "it is kept out of the log"


def test_secrets_of_a_container_are_found(env: Any, place: Path) -> None:
    (place / "run" / "secrets").mkdir(parents=True)
    (place / "run" / "secrets" / "veo_api_key").write_text("from-run\n")
    env(VEO_API_KEY=None)
    assert Settings.load().veo_api_key == "from-run"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "does not exist"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b" \n", "is empty: write the secret into it"),
        ("folder", "is a folder, which Docker creates if the host has no such file"),
    ],
)
def test_a_secret_file_that_cannot_be_read_is_named_by_its_variable(
    env: Any, place: Path, content: bytes | str | None, why: str
) -> None:
    file = place / SECRET
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content:
        file.mkdir()
    env(DISCORD_TOKEN=None, DISCORD_TOKEN_FILE=str(file))
    (fault,) = faults()
    assert fault.startswith(f"DISCORD_TOKEN_FILE: the file {why}")


@pytest.mark.parametrize("content", [f"{SECRET} {SECRET}", f"{SECRET}\nmore"])
def test_a_secret_file_must_hold_one_word(env: Any, place: Path, content: str) -> None:
    (place / "token").write_text(content)
    env(DISCORD_TOKEN=None, DISCORD_TOKEN_FILE=str(place / "token"))
    assert faults() == ("DISCORD_TOKEN: must be one line of printable ASCII characters without spaces",)


# Faults

WEB: Final = "must be an http or https address such as https://example.com"
WORD: Final = "must be one line of printable ASCII characters without spaces"
FILE: Final = "must look like sqlite:///data/bot.db or postgresql://user@host/database"
NUMBER: Final = "must be a number"
FINITE: Final = "must be a finite number"


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("DISCORD_TOKEN", f"Bot {SECRET}", "must be the secret alone, without Bot in front"),
        (
            "DISCORD_TOKEN",
            f"DISCORD_TOKEN={SECRET}",
            "must be the value alone, without DISCORD_TOKEN in front",
        ),
        ("VEO_API_KEY", f"bearer {SECRET}", "must be the secret alone, without Bearer in front"),
        (
            "VEO_API_KEY",
            f"Authorization: Bearer {SECRET}",
            "must be the secret alone, without Authorization: in front",
        ),
        ("DISCORD_TOKEN", f"{SECRET}\u200b", WORD),
        ("VEO_API_KEY", " ", WORD),
        ("VEO_API_KEY", f"{SECRET}\r\nX-Evil: y", WORD),
        ("VEO_API_KEY", f"{SECRET}ü", WORD),
        ("VEO_API_BASE_URL", f"ftp://u:{SECRET}@h", WEB),
        ("VEO_API_BASE_URL", SECRET, WEB),
        ("VEO_API_BASE_URL", "https://", WEB),
        ("VEO_API_BASE_URL", f"https://u:{SECRET}@h", "must have no user and no password in it"),
        ("VEO_API_BASE_URL", f"https://h?key={SECRET}", WEB),
        ("VEO_API_BASE_URL", f"https://h#{SECRET}", WEB),
        ("VEO_API_BASE_URL", f"https://[{SECRET}", WEB),
        ("VEO_API_BASE_URL", f"https://h:{SECRET}", WEB),
        ("VEO_API_BASE_URL", "https://h:0", WEB),
        ("VEO_API_BASE_URL", f"https://h {SECRET}", WEB),
        ("VEO_API_BASE_URL", f"https://h\n{SECRET}", WEB),
        ("DISCORD_API_URL", "discord.com", WEB),
        ("VEO_API_AUTH", SECRET, "must be auto, raw or bearer"),
        ("DATABASE_URL", f"mysql://u:{SECRET}@h/d", FILE),
        ("DATABASE_URL", f"sqlite://h:{SECRET}/d", FILE),
        ("DATABASE_URL", f"sqlite:///d?password={SECRET}", FILE),
        ("DATABASE_URL", "sqlite:///:memory:", FILE),
        ("POLL_MIN_SECONDS", SECRET, NUMBER),
        ("POLL_MIN_SECONDS", "0.19", "must be greater than or equal to 0.2"),
        ("POLL_MAX_SECONDS", "3601", "must be less than or equal to 3600"),
        ("POLL_MAX_SECONDS", "nan", FINITE),
        ("WATCH_STALLED_HOURS", "0", "must be greater than 0"),
        ("WATCH_MAX_HOURS", "1e999", FINITE),
        ("CARD_LANGUAGE", SECRET, f"must be one of auto, {', '.join(LANGUAGES)}"),
        ("HTTP_PORT", "65536", "must be less than or equal to 65535"),
        ("HTTP_PORT", SECRET, "must be a whole number"),
        ("HTTP_HOST", SECRET, "must be an address of this machine such as 127.0.0.1, or 0.0.0.0 for all"),
        ("LOG_LEVEL", SECRET, "must be DEBUG, INFO, WARNING or ERROR"),
        ("LOG_FORMAT", SECRET, "must be text or json"),
        ("POLL_MIN_SECONDS", "60.5", None),
    ],
)
@pytest.mark.parametrize("source", ["environment", "file"])
def test_a_fault_names_its_variable_and_what_it_wants(  # noqa: PLR0917
    env: Any, place: Path, source: str, name: str, value: str | None, wanted: str | None
) -> None:
    line = f"{name}: {wanted}" if wanted else "POLL_MAX_SECONDS: must not be less than POLL_MIN_SECONDS"
    if source == "environment":
        env(**{name: value})
    else:
        env(**{name: None})
        quoted = (value or "").replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")
        (place / ".env").write_text(f'{name}="{quoted}"\n', "utf-8")
    assert faults() == (line,)


def test_all_faults_are_reported_at_once(place: Path) -> None:
    lines = ["LOG_LEVEL=loud", "POLL_MIN_SECONDS=20", "POLL_MAX_SECONDS=10", "HTTP_PORT", "HTTP_PORT: 8080"]
    (place / ".env").write_text("\n".join(lines))
    assert faults() == (
        ".env, line 5: must be HTTP_PORT=value, without quotes and with nothing else on the line",
        "DISCORD_TOKEN: required but not set",
        "VEO_API_KEY: required but not set",
        "POLL_MAX_SECONDS: must not be less than POLL_MIN_SECONDS",
        "LOG_LEVEL: must be DEBUG, INFO, WARNING or ERROR",
    )


def test_who_has_set_nothing_reads_where_settings_belong(place: Path) -> None:
    *missing, where = faults()
    assert missing == ["DISCORD_TOKEN: required but not set", "VEO_API_KEY: required but not set"]
    assert where == f"set them in the environment, or write them into {place}/.env, one NAME=value a line"


# Docker's --env-file passes on quotes and comments (n3d1117/chatgpt-telegram-bot#170).
@pytest.mark.parametrize("quote", ["''", '""', "“”", "‘’", "„“", "«»", "「」", "``"])
def test_quotes_are_refused_whatever_is_in_them(env: Any, quote: str) -> None:
    env(
        DISCORD_TOKEN=f"{quote[0]}{SECRET}{quote[1]}",
        LOG_LEVEL=f"{quote[0]}INFO{quote[1]}",
        VEO_API_KEY=f"{SECRET}{quote[1]}",
    )
    assert faults() == tuple(
        f"{name}: must not be in quotes" for name in ("DISCORD_TOKEN", "VEO_API_KEY", "LOG_LEVEL")
    )


def test_a_comment_behind_a_value_is_refused_and_spaces_around_it_do_no_harm(env: Any) -> None:
    env(
        LOG_LEVEL="debug\r",
        VEO_API_AUTH=" Bearer ",
        CARD_LANGUAGE="zh_cn",
        HTTP_PORT="OFF ",
        VEO_API_KEY="key-1\u00a0",
    )
    settings = Settings.load()
    assert (settings.log_level, settings.veo_api_auth, settings.card_language) == ("DEBUG", "bearer", "zh-CN")
    assert (settings.http_port, settings.veo_api_key) == (None, "key-1")
    env(VEO_API_KEY=f"{SECRET} # ours")
    assert faults() == ("VEO_API_KEY: must have no comment behind it",)


def test_a_secret_file_may_come_from_windows_but_holds_nothing_beside_the_secret(
    env: Any, place: Path
) -> None:
    env(VEO_API_KEY=None, VEO_API_KEY_FILE=str(place / "key"))
    (place / "key").write_bytes(b"\xef\xbb\xbfkey-1\r\n")
    assert Settings.load().veo_api_key == "key-1"
    (place / "key").write_text(f"VEO_API_KEY={SECRET}")
    assert faults() == ("VEO_API_KEY: must be the value alone, without VEO_API_KEY in front",)
    (place / "key").write_text(SECRET * 1000)
    assert faults() == ("VEO_API_KEY_FILE: the file is too long for a secret",)


@pytest.mark.parametrize("given", ["1,2", " 1 , 2 ", "1 2", "2,1,1,"])
def test_allowed_servers_are_a_list_of_ids(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DISCORD_TOKEN": "t" * 20,
        "VEO_API_KEY": "k" * 20,
        "ALLOWED_GUILD_IDS": given,
    }.items():
        monkeypatch.setenv(name, value)
    assert Settings.load(None).allowed_guild_ids == {1, 2}


@pytest.mark.parametrize("given", ["all", "1;2", "-1", "1.5", "9" * 21])
def test_other_lists_of_servers_are_refused_by_name(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DISCORD_TOKEN": "t" * 20,
        "VEO_API_KEY": "k" * 20,
        "ALLOWED_GUILD_IDS": given,
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettings, match="ALLOWED_GUILD_IDS: must be server ids"):
        Settings.load(None)


def test_what_a_container_was_given_in_vain_is_named_with_its_place(
    env: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (key := place / "run" / "secrets" / "veo_api_key").mkdir(parents=True)
    env(VEO_API_KEY=None)
    (fault,) = faults()
    assert fault.startswith(f"VEO_API_KEY_FILE: {key} is a folder, ")
    key.rmdir()
    key.write_text(SECRET)
    (place / ".env").write_text("LOG_LEVEL=ERROR")
    monkeypatch.setattr(Path, "open", refuse)
    file, fault = faults()
    assert re.fullmatch(r".env: cannot be read by uid \d+: chown it", file)
    assert re.search(rf": {key} cannot be read by uid \d+: chown it on the host", fault)


def refuse(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")
