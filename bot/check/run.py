"""All checks in turn; one that cannot be made for want of an earlier one is left out."""

import asyncio
from collections.abc import Callable

from bot.check.data import data_findings
from bot.check.discord_side import look_at_discord
from bot.check.findings import Finding
from bot.check.neighbours import neighbour_findings
from bot.clock import Clock, steady_clock
from bot.config import Settings, SettingsFault, load_data_settings, load_settings
from bot.core.health import IMPOSSIBLE_ID
from bot.veo.client import VeoClient
from bot.veo.errors import KeyRefused, RateLimited, TaskNotFound, TaskRefused, VeoError

Report = tuple[list[Finding], str | None]
"""The findings, and the link that invites the bot, if it is known."""


async def check(
    load: Callable[[], Settings] = load_settings, clock: Clock | None = None, *, sync: bool = False
) -> Report:
    """Look at everything; nothing is raised, and nothing changed but the commands, if `sync` asks for it."""
    try:
        settings = load()
    except SettingsFault as fault:
        findings = [Finding("settings", ok=False, text=line) for line in fault.faults]
        return findings + _data_alone(), None
    findings = [Finding("settings", ok=True, text="complete and well-formed")]
    findings += data_findings(settings.database_path) + neighbour_findings(settings)
    side, answer = await asyncio.gather(
        look_at_discord(settings, clock or steady_clock()), _ask_the_task_api(settings)
    )
    findings += [*side.findings, answer]
    if sync:
        # Imported here because it takes the whole bot with it.
        from bot.check.commands import sync as write_commands  # noqa: PLC0415

        findings.append(await write_commands(settings))
    return findings, side.invite


def _data_alone() -> list[Finding]:
    try:
        return data_findings(load_data_settings().database_path)
    except SettingsFault:
        return []  # said already


async def _ask_the_task_api(settings: Settings) -> Finding:
    subject = "task API"
    key = settings.veo_api_key.get_secret_value()
    try:
        async with VeoClient(settings.veo_api_base_url, key, settings.veo_api_auth) as veo:
            await veo.look(IMPOSSIBLE_ID)
    except (TaskNotFound, TaskRefused):
        pass  # that there is no such task, in whatever words
    except KeyRefused as error:
        text = f"it refuses the key ({error}): check VEO_API_KEY and VEO_API_AUTH"
        return Finding(subject, ok=False, text=text)
    except RateLimited:
        return Finding(subject, ok=False, text="it wants fewer requests just now: try again in a minute")
    except VeoError as error:
        text = f"no usable answer ({error}): check VEO_API_BASE_URL and the network"
        return Finding(subject, ok=False, text=text)
    return Finding(subject, ok=True, text="it answers and does not refuse the key")
