"""Checks on Discord: whose token it is, which servers the bot is in, which permissions it lacks there.

Uses plain HTTP requests. It does not connect to the gateway, so a running bot is not disturbed.
"""

import asyncio
import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp
import discord

from bot.check import CheckResult, Report
from bot.clock import Clock
from bot.commands import tree
from bot.config import Settings
from bot.config.secret_files import why_rejected
from bot.gateway.client import VeoBot, talk_to
from bot.http_client import why_unanswered
from bot.outbound.discord_errors import describe
from bot.outbound.permissions import INVITED_WITH, invite_link

PORTAL: Final = "https://discord.com/developers/applications"
REQUEST_SECONDS: Final = 15.0
SYNC_SECONDS: Final = 60.0
"""For logging in and writing the commands; discord.py retries on its own while Discord is down."""
PAGE_SIZE: Final = 200
"""Discord's maximum of servers per response."""
MAX_SERVERS: Final = 2_500
"""No more are requested; from here on Discord requires sharding."""
MAX_CLOCK_OFFSET: Final = 5.0
"""Seconds by which this machine's clock may differ from Discord's."""


class _BadResponse(Exception):
    """Discord could not be reached or answered unexpectedly; the text says how."""


async def check_discord(settings: Settings, clock: Clock) -> Report:
    """Ask Discord about the bot. Every failure becomes a result; nothing is raised."""
    report = Report()
    headers = {
        "Authorization": f"Bot {settings.discord_token}",
        "User-Agent": "DiscordBot (veo-watch-bot, 1)",
    }
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    try:
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
            await _check_bot(report, session, settings, clock)
    except _BadResponse as error:
        attempt = f"curl -i {settings.discord_api_url}/gateway"
        report.add("Discord", False, f"{error}: check the network and DISCORD_API_URL. Try: {attempt}")
    return report


async def _check_bot(
    report: Report, session: aiohttp.ClientSession, settings: Settings, clock: Clock
) -> None:
    api = settings.discord_api_url
    status, me, headers = await _get(session, f"{api}/users/@me")
    _check_clock(report, headers.get("Date", ""), clock)
    if status == 401:  # noqa: PLR2004
        report.add("Discord token", False, why_rejected(settings.discord_token))
        return
    _expect(status, me, dict)
    report.add("Discord token", True, f"{_printable(me.get('username'))}, id {_printable(me.get('id'))}")
    status, application, _ = await _get(session, f"{api}/applications/@me")
    _expect(status, application, dict)
    portal = PORTAL
    if str(application.get("id")).isdecimal():
        report.invite = invite_link(int(application["id"]))
        portal = f"{PORTAL}/{application['id']}"
    if endpoint := application.get("interactions_endpoint_url"):
        advice = f"clear Interactions Endpoint URL in the developer portal, {portal}/information"
        report.add("interactions", False, f"sent to {_printable(endpoint)}: {advice}")
    else:
        report.add("interactions", True, "sent to the bot itself")
    if application.get("bot_require_code_grant"):
        advice = f"switch off Requires OAuth2 Code Grant in the developer portal, {portal}/bot"
        report.add("invite link", False, f"Discord would refuse it: {advice}")
    _check_servers(report, await _servers(session, api), settings.allowed_guild_ids)


async def _servers(session: aiohttp.ClientSession, api: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    while len(found) < MAX_SERVERS:
        after = f"&after={found[-1]['id']}" if found else ""
        status, page, _ = await _get(session, f"{api}/users/@me/guilds?limit={PAGE_SIZE}{after}")
        _expect(status, page, list)
        found += [server for server in page if isinstance(server, dict) and str(server.get("id")).isdecimal()]
        if len(page) < PAGE_SIZE:
            break
    return found


def _check_servers(report: Report, servers: list[Mapping[str, Any]], allowed: frozenset[int]) -> None:
    if not servers:
        report.add(
            "servers", False, f"the bot is in none: open the invite link {report.invite or ''}".rstrip()
        )
        return
    for server in servers:
        bits = str(server.get("permissions"))
        granted = discord.Permissions(int(bits) if bits.isdecimal() else 0)
        # `administrator` implies every permission.
        missing = [
            name
            for name, needed in INVITED_WITH
            if needed and not granted.administrator and not getattr(granted, name)
        ]
        text = f"{_printable(server.get('name'))} ({server['id']})"
        if missing:
            text += (
                f": missing permissions: {', '.join(missing).replace('_', ' ')}. Open the invite link again"
            )
        report.add("server", not missing, text)
    if absent := allowed - {int(server["id"]) for server in servers}:
        ids = ", ".join(map(str, sorted(absent)))
        advice = "Invite it there, or remove them"
        report.add("servers", False, f"the bot is not in these servers of ALLOWED_GUILD_IDS: {ids}. {advice}")


def _check_clock(report: Report, date: str, clock: Clock) -> None:
    try:
        # The header is truncated to whole seconds: half a second more is off by at most half a second.
        ahead = clock() - parsedate_to_datetime(date).timestamp() - 0.5
    except (ValueError, TypeError, OverflowError):
        return
    text = f"{round(ahead):+d} s from Discord's"
    if abs(ahead) <= MAX_CLOCK_OFFSET:
        report.add("clock", True, text)
    else:
        advice = "set this machine's clock (NTP), with systemd: sudo timedatectl set-ntp true"
        report.add("clock", False, f"{text}: {advice}")


async def sync_commands(settings: Settings) -> CheckResult:
    """Register the commands with Discord even if they are unchanged; safe beside a running bot."""
    talk_to(settings.discord_api_url)
    try:
        async with asyncio.timeout(SYNC_SECONDS), VeoBot() as client:
            await client.login(settings.discord_token)
            names = await tree.sync_commands(tree.command_tree(client))
    except Exception as error:
        text = f"could not be written ({describe(error)}): fix what is wrong above, then try again"
        return CheckResult("commands", ok=False, text=text)
    return CheckResult("commands", ok=True, text=f"written: {', '.join(names)}. Reload Discord to see them")


async def _get(session: aiohttp.ClientSession, url: str) -> tuple[int, Any, Mapping[str, str]]:
    """Return status, decoded body (None if it is not JSON) and headers."""
    try:
        async with session.get(url, allow_redirects=False) as response:
            body = await response.read()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise _BadResponse(f"no response ({why_unanswered(error)})") from None
    try:
        return response.status, json.loads(body), response.headers
    except ValueError:
        return response.status, None, response.headers


def _expect(status: int, body: Any, kind: type) -> None:
    if status != 200:  # noqa: PLR2004
        raise _BadResponse(f"status {status}")
    if not isinstance(body, kind):
        raise _BadResponse("the response has an unexpected shape")


def _printable(value: object) -> str:
    """Return untrusted text, shortened and without control characters that a terminal would act on."""
    return "".join(char if char.isprintable() else "·" for char in str(value))[:100]
