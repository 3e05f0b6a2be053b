"""What Discord says to the token: who the bot is, where it is, what it may do there, what stops it.

Asked over bare HTTP: nothing is logged in and no gateway is opened, so a running bot is not disturbed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp

from bot.check.findings import Finding
from bot.clock import Clock
from bot.config import Settings
from bot.invite import PERMISSIONS, invite_link

SECONDS: Final = 15.0
PAGE: Final = 200
"""Servers in one answer, at most."""
MOST_SERVERS: Final = 2_500
"""More are in no bot of one process; past that nothing more is asked for."""
CLOCK_SECONDS: Final = 5.0
"""How far the clocks may be apart."""
ADMINISTRATOR: Final = 1 << 3


@dataclass
class DiscordSide:
    """What was found, and the link that invites the bot, if its id is known."""

    findings: list[Finding] = field(default_factory=list)
    invite: str | None = None

    def note(self, subject: str, ok: bool, text: str) -> None:
        self.findings.append(Finding(subject, ok, text))


class _NoAnswer(Exception):
    """Discord did not answer as it should; the text says how."""


async def look_at_discord(settings: Settings, clock: Clock) -> DiscordSide:
    """Ask Discord about the bot; whatever fails is a finding, nothing is raised."""
    side = DiscordSide()
    headers = {
        "Authorization": f"Bot {settings.discord_token.get_secret_value()}",
        "User-Agent": "DiscordBot (veo-watch-bot, 1)",
    }
    try:
        async with aiohttp.ClientSession(
            headers=headers, timeout=aiohttp.ClientTimeout(total=SECONDS)
        ) as session:
            await _ask_all(side, session, settings, clock)
    except _NoAnswer as error:
        side.note("Discord", False, f"{error}: look at the network and at DISCORD_API_URL")
    return side


async def _ask_all(
    side: DiscordSide, session: aiohttp.ClientSession, settings: Settings, clock: Clock
) -> None:
    api = settings.discord_api_url
    status, me, headers = await _get(session, f"{api}/users/@me")
    _note_clock(side, headers, clock)
    if status == 401:  # noqa: PLR2004
        side.note("Discord token", False, "Discord refuses it: copy the bot's token from the portal again")
        return
    _expect(status, me, dict)
    side.note("Discord token", True, f"{_plain(me.get('username'))}, id {_plain(me.get('id'))}")
    status, application, _ = await _get(session, f"{api}/applications/@me")
    _expect(status, application, dict)
    side.invite = invite_link(_plain(application.get("id")))
    if endpoint := application.get("interactions_endpoint_url"):
        text = f"they are sent to {_plain(endpoint)}: clear Interactions Endpoint URL in the developer portal"
        side.note("interactions", False, text)
    else:
        side.note("interactions", True, "they come to the bot itself")
    servers = await _servers(session, api)
    side.findings += _server_findings(servers, settings.allowed_guild_ids)


async def _servers(session: aiohttp.ClientSession, api: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    while len(found) < MOST_SERVERS:
        after = f"&after={found[-1]['id']}" if found else ""
        status, page, _ = await _get(session, f"{api}/users/@me/guilds?limit={PAGE}{after}")
        _expect(status, page, list)
        found += [server for server in page if isinstance(server, dict) and str(server.get("id")).isdecimal()]
        if len(page) < PAGE:
            break
    return found


def _server_findings(servers: list[Mapping[str, Any]], allowed: frozenset[int]) -> list[Finding]:
    if not servers:
        return [Finding("servers", ok=False, text="the bot is in none: open the invite link")]
    found = []
    for server in servers:
        has = int(server["permissions"]) if str(server.get("permissions")).isdecimal() else 0
        lacking = [name for name, bit in PERMISSIONS.items() if not has & (bit | ADMINISTRATOR)]
        name = f"{_plain(server.get('name'))} ({server['id']})"
        text = f"{name}: it lacks {', '.join(lacking)}: open the invite link again" if lacking else name
        found.append(Finding("server", not lacking, text))
    if absent := allowed - {int(server["id"]) for server in servers}:
        text = (
            f"ALLOWED_GUILD_IDS names servers that the bot is not in: {', '.join(map(str, sorted(absent)))}"
        )
        found.append(Finding("servers", ok=False, text=text))
    return found


def _note_clock(side: DiscordSide, headers: Mapping[str, str], clock: Clock) -> None:
    try:
        ahead = clock() - parsedate_to_datetime(headers.get("Date", "")).timestamp() - 0.5
    except (ValueError, TypeError, OverflowError):
        return
    text = f"{round(ahead):+d} s from Discord's"
    ok = abs(ahead) <= CLOCK_SECONDS
    side.note("clock", ok, text if ok else f"{text}: set this machine's clock (NTP)")


async def _get(session: aiohttp.ClientSession, url: str) -> tuple[int, Any, Mapping[str, str]]:
    try:
        async with session.get(url, allow_redirects=False) as response:
            return response.status, _decoded(await response.read()), response.headers
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise _NoAnswer(f"no answer ({type(error).__name__})") from None


def _decoded(body: bytes) -> Any:
    """Return what a body holds, None for a page in its place."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def _expect(status: int, body: Any, kind: type) -> None:
    if status != 200:  # noqa: PLR2004
        raise _NoAnswer(f"status {status}")
    if not isinstance(body, kind):
        raise _NoAnswer("an answer of another shape")


def _plain(value: object) -> str:
    """Return a text of others without what a terminal would obey."""
    return "".join(char if char.isprintable() else "·" for char in str(value))[:100]
