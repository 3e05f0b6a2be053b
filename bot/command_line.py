"""The command line: `veo-watch-bot [run]`, `check`, and the commands that need only the data."""

import argparse
import asyncio
import io
import logging
import os
import sys
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Final, NoReturn

import bot

PROGRAM: Final = "veo-watch-bot"
"""What pip installs as a command; `python -m bot` is the same without an installation."""
UMASK: Final = 0o077
"""Only the bot's own user may read its data."""
GATEWAY_ADVICE: Final = {
    4010: "does not know this shard: set SHARD_COUNT to another number, or remove it",
    4011: "requires more shards: raise SHARD_COUNT, or remove it; stop all of the bot's processes before",
    4012: "no longer supports this API version: install a newer version of the bot",
    4013: "does not know the requested intents: install a newer version of the bot",
    4014: "does not allow the requested intents: check them in the developer portal",
}
"""What to do about a close code after which reconnecting is useless."""


class Exit(IntEnum):
    """Why the process ended."""

    STOPPED = 0
    BROKEN = 1
    """An unexpected error, which is in the log."""
    SETTINGS = 2
    TOKEN = 3
    DATA = 4
    ANOTHER_BOT = 5
    NOT_READY = 6
    """`check` found a problem."""
    TAKEN_OVER = 75
    """Another process took this one for dead, and serves its shards now: start it again."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the process's exit code."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description=bot.__doc__)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {bot.__version__}")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("run", help="run the bot (the default)")
    check = commands.add_parser("check", help="check whether the bot can go live, and what to do if not")
    check.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    check.add_argument("--sync", action="store_true", help="also write the commands to Discord again")
    backup = commands.add_parser("backup", help="copy the data to a new file; the bot may be running")
    backup.add_argument(
        "file",
        type=Path,
        nargs="?",
        help="a new file, or a folder for a file named after the time (default: that of the data)",
    )
    restore = commands.add_parser("restore", help="restore a backup; the bot must not be running")
    restore.add_argument("file", type=Path, help="a backup; the current data is kept next to it")
    restored = commands.add_parser("restored", help="say when data that other tools restored was backed up")
    restored.add_argument("time", help="when the backup was begun, such as 2026-11-25T18:00Z")
    move = commands.add_parser(
        "move", help="copy the data between SQLite and PostgreSQL; no bot may be running"
    )
    move.add_argument("source", help="the database that has the data, as in DATABASE_URL")
    move.add_argument("target", help="an empty database, or a file that does not exist yet")
    commands.add_parser("watches", help="list what is watched, from the data; the bot may be running")
    chosen = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # may be of a terminal that knows no ✓
            stream.reconfigure(errors="backslashreplace")
    match chosen.command:
        case "check":
            return _check(as_json=chosen.json, sync=chosen.sync)
        case "backup" | "restore" | "restored" | "move" | "watches":
            return _on_the_data(chosen)
        case _:
            return _run()


def _run() -> int:
    # Imported here so that `--help` and errors in the settings need no slow imports.
    from bot.config import SETTINGS, InvalidSettings, Settings  # noqa: PLC0415

    try:
        settings = Settings.load()
    except InvalidSettings as error:
        for line in error.errors:
            _complain(line)
        return Exit.SETTINGS
    from bot import log, process  # noqa: PLC0415
    from bot.config.env_file import misspelled  # noqa: PLC0415
    from bot.config.secret_files import why_rejected  # noqa: PLC0415
    from bot.gateway.connection import GatewayRefused  # noqa: PLC0415
    from bot.gateway.reach import TokenRefused  # noqa: PLC0415
    from bot.monitoring.server import CannotListen  # noqa: PLC0415
    from bot.store.errors import AnotherBot, ShardCountDiffers, StoreFailed, StoreUnusable  # noqa: PLC0415

    os.umask(UMASK)
    log.set_up(settings.log_level, settings.log_format, settings.secrets)
    for variable, meant in misspelled(os.environ, SETTINGS):
        logging.getLogger("bot").warning("%s is not a setting; did you mean %s?", variable, meant.upper())
    fail = logging.getLogger("bot").critical if settings.log_format == "json" else _complain
    try:
        asyncio.run(process.run(settings, _end_at_once))
    except TokenRefused:
        fail(f"DISCORD_TOKEN: {why_rejected(settings.discord_token)}")
        return Exit.TOKEN
    except GatewayRefused as error:
        fail(f"Discord's gateway {GATEWAY_ADVICE[error.code]} (close code {error.code})")
        return Exit.TOKEN
    except (CannotListen, ShardCountDiffers) as error:
        fail(f"HTTP_PORT: {error}" if isinstance(error, CannotListen) else str(error))
        return Exit.SETTINGS
    except (StoreUnusable, StoreFailed) as error:
        fail(f"DATABASE_URL: {error}")
        return Exit.DATA
    except AnotherBot as error:
        fail(f"DATABASE_URL: {error}")
        return Exit.ANOTHER_BOT
    except KeyboardInterrupt:
        pass
    return Exit.STOPPED


def _end_at_once(error: Exception) -> NoReturn:
    """End without a goodbye: another process has everything now, and whatever this one did would be twice."""
    logging.getLogger("bot").critical("%s: this process ends, to be started again", error)
    os._exit(Exit.TAKEN_OVER)


def _check(*, as_json: bool, sync: bool) -> int:
    from bot.check.run import check  # noqa: PLC0415

    report = asyncio.run(check(sync=sync))
    _print(report.as_json() if as_json else report.as_text())
    return Exit.STOPPED if report.ok else Exit.NOT_READY


def _on_the_data(chosen: argparse.Namespace) -> int:
    """Run a command that needs only the data, no secrets, and print its result."""
    from bot.backups import commands  # noqa: PLC0415
    from bot.config import DataSettings, InvalidSettings  # noqa: PLC0415
    from bot.store.errors import AnotherBot, StoreError, StoreUnusable  # noqa: PLC0415

    os.umask(UMASK)
    try:
        if chosen.command == "move":
            _print(commands.move_data(chosen.source, chosen.target))
            return Exit.STOPPED
        database = DataSettings.load().database
        match chosen.command:
            case "backup":
                text = commands.backup(database, chosen.file)
            case "restore":
                text = commands.restore_backup(database, chosen.file)
            case "restored":
                text = commands.restored(database, chosen.time)
            case _:
                text = commands.watches(database)
    except InvalidSettings as error:
        for line in error.errors:
            _complain(line)
        return Exit.SETTINGS
    except (StoreUnusable, AnotherBot) as error:
        _complain(f"DATABASE_URL: {error}")
        return Exit.ANOTHER_BOT if isinstance(error, AnotherBot) else Exit.DATA
    except StoreError as error:
        _complain(str(error))
        return Exit.DATA
    _print(text)
    return Exit.STOPPED


def _print(text: str) -> None:
    """Print a result; a reader such as `head` may close the pipe early."""
    try:
        print(text, flush=True)  # noqa: T201 the command's output
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or flushing at exit fails again


def _complain(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201 before logging is set up
