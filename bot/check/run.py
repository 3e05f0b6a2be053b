"""All checks, in the order in which to fix what they find: settings, data, this machine, Discord, task API.

Safe beside a running bot: nothing is written, except the commands on Discord if `sync` is set. Failures
become results, nothing is raised. A check that depends on a failed one is skipped.
"""

import asyncio
import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from bot.check import CheckResult, Report
from bot.check.discord_checks import PORTAL, check_discord, sync_commands
from bot.clock import Clock, steady_clock
from bot.config import SETTINGS, DataSettings, InvalidSettings, Settings
from bot.config.env_file import misspelled
from bot.core.health import IMPOSSIBLE_ID
from bot.monitoring.server import bind_error, format_address, try_to_bind
from bot.store.data_folder import exists, fault_of, is_locked, nearest_existing, real_path
from bot.store.location import Location, no_driver
from bot.store.readonly import Kind, examine
from bot.store.schema import HEAD
from bot.veo.client import VeoClient
from bot.veo.errors import KeyRefused, RateLimited, TaskNotFound, TaskRefused, VeoError

MIN_FREE_BYTES: Final = 16 * 1024 * 1024
"""The database grows slowly, but every write to it must succeed."""


async def check(
    load: Callable[[], Settings] = Settings.load, clock: Clock | None = None, *, sync: bool = False
) -> Report:
    """Run all checks; `sync` also writes the commands to Discord again."""
    report, clock = Report(), clock or steady_clock()
    try:
        settings = load()
    except InvalidSettings as error:
        report.results = [CheckResult("settings", ok=False, text=_with_page(line)) for line in error.errors]
        with suppress(InvalidSettings):  # already among the errors above
            report.results += _check_database_at(DataSettings.load().database, clock)[0]
        return report
    report.add("settings", True, "complete and valid")
    for variable, meant in misspelled(os.environ, SETTINGS):
        report.add("environment", True, f"{variable} is not a setting; did you mean {meant.upper()}?")
    data, running = _check_database_at(settings.database, clock)
    report.results += data
    if isinstance(settings.database, Path):  # several may run on a server, and its own checks list them
        text = "yes; a second bot on this data would exit with code 5" if running else "no"
        report.add("already running", True, text)
    report.results.append(check_port(settings, running=running))
    on_discord, task_api = await asyncio.gather(check_discord(settings, clock), check_task_api(settings))
    report.results += [*on_discord.results, task_api]
    report.invite = on_discord.invite
    if sync:
        report.results.append(await sync_commands(settings))
    return report


def _with_page(error: str) -> str:
    """Return an error of the settings, with the page that has the token if that is missing."""
    missing = error.startswith("DISCORD_TOKEN: required")
    return f"{error}. It is on {PORTAL}: your application, Bot, Reset Token" if missing else error


def _check_database_at(location: Location, clock: Clock) -> tuple[list[CheckResult], bool]:
    """Check the data; return also whether a bot runs on it."""
    if isinstance(location, Path):
        return check_data(location), is_locked(location)
    try:
        from bot.check.postgres_checks import check_postgres  # noqa: PLC0415 needs PostgreSQL's driver
    except ImportError as error:
        return [CheckResult("database", False, no_driver(error))], False
    return check_postgres(location, clock)


def check_data(path: Path) -> list[CheckResult]:
    """Check the database's folder and, if this user may enter it, the database."""
    path = real_path(path)
    folder = _check_folder(path)
    return [folder, _check_database(path)] if folder.ok else [folder]


def _check_folder(database: Path) -> CheckResult:
    subject, folder = "data folder", database.parent
    if fault := fault_of(database):
        return CheckResult(subject, False, fault)
    existing = nearest_existing(folder)
    if (free := shutil.disk_usage(existing).free) < MIN_FREE_BYTES:
        return CheckResult(
            subject, False, f"only {free // 1024} KiB are free on the disk of {existing}: free some space"
        )
    if existing != folder:
        return CheckResult(subject, True, f"{folder} will be created at startup")
    return CheckResult(subject, True, f"{folder} is writable")


def _check_database(path: Path) -> CheckResult:
    subject = "database"
    if not exists(path):
        return CheckResult(subject, True, "will be created at startup")
    found = examine(path)
    if found.fault is not None:
        return CheckResult(subject, False, f"{found.fault}: {found.advice}")
    if found.kind is Kind.EMPTY:
        return CheckResult(subject, True, "empty, will be set up at startup")
    if found.version != HEAD:
        return CheckResult(subject, True, f"version {found.version}, will be migrated to {HEAD} at startup")
    return CheckResult(subject, True, f"version {found.version}")


def check_port(settings: Settings, *, running: bool) -> CheckResult:
    """Check for another program on the health server's port."""
    subject, host, port = "health server", settings.http_host, settings.http_port
    if port is None:
        return CheckResult(subject, True, "off")
    address = format_address(host, port)
    try:
        try_to_bind(host, port)
    except OSError as error:
        if running and error.errno == errno.EADDRINUSE:
            text = f"{address} is in use, by the running bot unless HTTP_PORT was changed"
            return CheckResult(subject, True, text)
        return CheckResult(subject, False, bind_error(host, port, error))
    return CheckResult(
        subject, True, f"{address} is free" if port else f"any free port of {host}; the log names it"
    )


async def check_task_api(settings: Settings) -> CheckResult:
    """Ask for a task that cannot exist. Any answer that says so proves that the key is accepted."""
    subject, key = "task API", settings.veo_api_key
    try:
        async with VeoClient(settings.veo_api_base_url, key, settings.veo_api_auth) as veo:
            await veo.poll(IMPOSSIBLE_ID)
    except (TaskNotFound, TaskRefused):
        pass
    except KeyRefused as error:
        return CheckResult(subject, False, f"rejects the key ({error}): check VEO_API_KEY and VEO_API_AUTH")
    except RateLimited:
        return CheckResult(subject, False, "rate limits this key: try again in a minute")
    except VeoError as error:
        advice = f"check VEO_API_BASE_URL and the network. Try: curl -i {settings.veo_api_base_url}"
        text = f"no usable answer ({error}): {advice}"
        return CheckResult(subject, False, text)
    return CheckResult(subject, True, "answers and accepts the key")
