"""The task API's health as a value: what the polls of all tasks say together.

    CLOSED   polls go out
    OPEN     the API is down: nothing was answered for a while, several tasks failed, and so did the probes
    REFUSED  the API refuses the key: for a task, and then for the probes

A single task never opens it. While it is open, polling pauses and only probes are sent; the first answer
closes it. `bot.engine.breaker` keeps the value, observes the polls and sends the probes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf
from typing import Final

from bot.core import policy as delays
from bot.core.events import ErrorKind, Observation, PollError

SHARED_BY: Final = 3
"""How many different tasks must fail, if so many are watched."""
SILENT_AFTER: Final = 30.0
"""Seconds without any answer before the API may count as down, or the key as refused."""
FAILING_AFTER: Final = 20.0
"""The same since the first failed poll: after a time without polls, one lost answer is no outage."""
SPELL_SECONDS: Final = 90.0
"""Seconds after a 429 in which another one belongs to the same spell, which is logged once."""
RENEWED_AFTER: Final = 1.0
"""Another success within so many seconds creates no new `Health`: it would differ only in the times."""
IMPOSSIBLE_ID: Final = "00000000-0000-0000-0000-000000000000"
"""An id that no task has: its answer is about the API, not about a task."""


class Mode(StrEnum):
    """What polling does."""

    CLOSED = "closed"
    OPEN = "open"
    """Paused: the API is down."""
    REFUSED = "refused"
    """Paused: the API refuses the key."""


@dataclass(frozen=True, slots=True)
class Health:
    """Times are Unix seconds."""

    mode: Mode = Mode.CLOSED
    since: float | None = None
    """When the outage or refusal began; once it is over, when it ended."""
    answered_at: float | None = None
    """When the API itself last answered, errors included."""
    accepted_at: float | None = None
    """When it last accepted the key."""
    failing_since: float | None = None
    """When the first failed poll was sent, if nothing has been answered since."""
    failed: frozenset[str] = frozenset()
    """The first few tasks that failed in that time."""
    refused_since: float | None = None
    """When the key was first refused, if it has not been accepted since."""
    limited_until: float = 0.0
    """Until when another 429 is not logged."""
    impossible_id_tells: bool = True
    """False once `IMPOSSIBLE_ID` failed while tasks were answered."""
    probes: int = 0
    """Rounds of probes since it opened."""
    probe_at: float = 0.0
    """No round of probes before this time."""

    @property
    def paused(self) -> bool:
        return self.mode is not Mode.CLOSED

    def next_probe(self, watched: int) -> float | None:
        """Return when a round of probes is due, None if nothing is suspected."""
        if self.paused:
            return self.probe_at
        due = self.silent_from(watched)
        if self.refused_since is not None:
            due = min(due, max(self.refused_since, (self.accepted_at or -inf) + SILENT_AFTER))
        return None if due == inf else max(due, self.probe_at)

    def silent_from(self, watched: int) -> float:
        """Return when probes may find the API down, `inf` if that is not suspected."""
        if self.failing_since is None or len(self.failed) < min(SHARED_BY, watched):
            return inf
        return max(self.failing_since + FAILING_AFTER, (self.answered_at or -inf) + SILENT_AFTER)


def observe(health: Health, task_id: str, observation: Observation, begun: float, now: float) -> Health:
    """Return the health after a poll that was sent at `begun` and ended `now`."""
    if not isinstance(observation, PollError) or observation.kind is ErrorKind.TASK_REFUSED:
        return _accepted(health, now)
    match observation.kind:
        case ErrorKind.UNAVAILABLE:
            # An outage cannot have begun before the last answer, however long ago this poll was sent.
            since = max(begun, health.answered_at or 0.0)
            failed = health.failed
            if task_id != IMPOSSIBLE_ID and len(failed) < SHARED_BY:
                failed |= {task_id}
            if health.failing_since is not None and failed == health.failed:
                return health
            return replace(health, failing_since=health.failing_since or since, failed=failed)
        case ErrorKind.KEY_REFUSED:
            since = health.refused_since or max(begun, health.accepted_at or 0.0)
            if (
                health.mode is Mode.OPEN
            ):  # answered again; the probes find out whether the key is refused to all
                return replace(health, refused_since=since, probe_at=min(health.probe_at, now))
            return replace(
                health, answered_at=now, failing_since=None, failed=frozenset(), refused_since=since
            )
        case ErrorKind.RATE_LIMITED:
            until = max(
                health.limited_until, now + delays.retry_after_delay(observation.retry_after) + SPELL_SECONDS
            )
            if health.mode is Mode.REFUSED:  # the API may check its limit before the key
                return replace(health, answered_at=now, limited_until=until)
            return replace(_answered(health, now), limited_until=until)
        case ErrorKind.BROKEN:  # says nothing about an outage
            return health


def after_probes(
    health: Health, answers: Mapping[str, Observation], begun: float, now: float, watched: int
) -> Health:
    """Return the health after a round of probes that was sent at `begun` and ended `now`.

    `answers` are the observations by id, already applied. An answer to any poll in the meantime has ended the
    suspicion; then there is nothing to decide.
    """
    errors = {
        probe: observation.kind if isinstance(observation, PollError) else None
        for probe, observation in answers.items()
    }
    votes = set(errors.values())
    if errors.get(IMPOSSIBLE_ID) is ErrorKind.UNAVAILABLE and votes - {
        ErrorKind.UNAVAILABLE,
        ErrorKind.BROKEN,
    }:
        health = replace(health, impossible_id_tells=False)  # from the next round on
    due = health.next_probe(watched)
    if due is None or now < due:
        return health
    # A single refused task may be a private one; the id that cannot exist is not.
    alone = len(answers) == 1 and IMPOSSIBLE_ID not in answers and health.impossible_id_tells
    if votes == {ErrorKind.KEY_REFUSED} and health.mode is not Mode.REFUSED and not alone:
        return _pause(health, Mode.REFUSED, health.refused_since, begun)
    # A round that was due because of the key may be too early to call an outage.
    if votes == {ErrorKind.UNAVAILABLE} and health.mode is Mode.CLOSED and now >= health.silent_from(watched):
        return _pause(health, Mode.OPEN, health.failing_since, begun)
    if ErrorKind.KEY_REFUSED in votes and health.mode is Mode.OPEN:
        return _answered(health, now)  # some are answered: that is no outage
    return replace(health, probes=health.probes + 1, probe_at=begun + delays.probe_delay(health.probes))


def _pause(health: Health, mode: Mode, since: float | None, begun: float) -> Health:
    return replace(health, mode=mode, since=since, probes=1, probe_at=begun + delays.probe_delay(0))


def _answered(health: Health, now: float) -> Health:
    """Return the health after an answer that says nothing about the key; a doubt about the key remains."""
    doubted = health.refused_since is not None and not health.paused
    return replace(
        health,
        mode=Mode.CLOSED,
        since=now if health.paused else health.since,
        answered_at=now,
        failing_since=None,
        failed=frozenset(),
        probes=health.probes if doubted else 0,
        probe_at=health.probe_at if doubted else 0.0,
    )


def _accepted(health: Health, now: float) -> Health:
    suspicious = health.paused or health.failing_since or health.refused_since or health.probes
    recent = health.accepted_at is not None and 0 <= now - health.accepted_at < RENEWED_AFTER
    if recent and not suspicious:
        return health
    return replace(_answered(replace(health, refused_since=None), now), accepted_at=now)
