"""Whether the bot can do its job, part by part, as values: what `/readyz` says."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.core.health import Health, Mode

MOST_NAMED = 20
"""Channels that are named one by one."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part's state; `since` is Unix seconds, None where it is as it was at the start."""

    name: str
    ok: bool
    state: str
    since: float | None = None


def api_parts(health: Health, now: float) -> tuple[Part, Part]:
    """Say what the looks so far tell of the key and of the task API."""
    return _key(health), _api(health, now)


def _key(health: Health) -> Part:
    if health.mode is Mode.REFUSED:
        return Part("key", ok=False, state="refused", since=health.since)
    return Part("key", ok=True, state="accepted" if health.accepted_at is not None else "not tried yet")


def _api(health: Health, now: float) -> Part:
    if health.mode is Mode.OPEN:
        return Part("task_api", ok=False, state="silent", since=health.since)
    if health.limited_until > now:
        return Part("task_api", ok=True, state="limits us")
    if health.answered_at is not None:
        return Part("task_api", ok=True, state="answering")
    if health.failing_since is not None:
        return Part("task_api", ok=False, state="has never answered", since=health.failing_since)
    return Part("task_api", ok=True, state="not asked yet")


def channel_parts(closed: Mapping[int, str]) -> tuple[Part, ...]:
    """Name the channels that are closed to the bot and what it lacks there; the bot as a whole is well."""
    if not closed:
        return ()
    named = [f"{channel} ({lacking})" for channel, lacking in sorted(closed.items())[:MOST_NAMED]]
    more = [f"and {len(closed) - MOST_NAMED} more"] if len(closed) > MOST_NAMED else []
    return (Part("channels", ok=True, state=f"closed to the bot: {', '.join([*named, *more])}"),)


def as_json(parts: Sequence[Part]) -> str:
    """Return `{"ready": bool, "parts": {name: {"ok": bool, "state": str, "since": str or null}}}`.

    Times are RFC 3339 in UTC.
    """
    return json.dumps(
        {
            "ready": all(part.ok for part in parts),
            "parts": {
                part.name: {"ok": part.ok, "state": part.state, "since": _time(part.since)} for part in parts
            },
        }
    )


def _time(at: float | None) -> Any:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
