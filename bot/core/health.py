"""Whether the task API answers anybody at all: the shared pause, as a value.

One task's trouble is that task's. When three different tasks fail in a row, or the key is refused for a task
and for an id that cannot exist, it is everybody's: polling pauses, one probe looks for all, and the cards say
so. A limit (429) holds everybody back as well, but is nobody's trouble.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from bot.core import pace as pacing
from bot.core.events import Failure, PollError, Seen

SHARED_BY: Final = 3
"""Different tasks that must fail in a row before the trouble is everybody's."""
KEY_PROVEN_FOR: Final = 60.0
"""Seconds for which an answered look shows that the key as such is accepted."""
SILENT_AFTER: Final = 30.0
"""Seconds for which looks fail before the API as a whole counts as silent: one lost answer is no outage."""
PROVEN_ANEW: Final = 1.0
"""Seconds in which another answer says nothing new."""
IMPOSSIBLE_ID: Final = "00000000-0000-0000-0000-000000000000"
"""An id that no task has: a refusal of it is about the key."""


class Mode(StrEnum):
    """What polling does."""

    ANSWERING = "answering"
    SILENT = "silent"
    """Paused: the API answers nobody."""
    REFUSED = "refused"
    """Paused: the API refuses the key."""


_MODE_OF: Final = {PollError.UNAVAILABLE: Mode.SILENT, PollError.KEY_REFUSED: Mode.REFUSED}


@dataclass(frozen=True, slots=True)
class Health:
    """What the looks at all tasks say together. Times are Unix seconds."""

    mode: Mode = Mode.ANSWERING
    since: float | None = None
    """When the trouble of a paused mode began; once it is over, when that was."""
    probe_at: float = 0.0
    """When the next probe of a paused API is due."""
    limited_until: float = 0.0
    """Until when the API wants no request; no answer lifts that, for it may have been under way."""
    suspects: frozenset[str] = frozenset()
    """Tasks that failed in a row, all with `suspicion`."""
    suspicion: PollError | None = None
    suspected_at: float = 0.0
    probes: int = 0
    limits: int = 0
    answered_at: float | None = None

    @property
    def paused(self) -> bool:
        return self.mode is not Mode.ANSWERING

    @property
    def not_before(self) -> float:
        """No look at any task before this time."""
        return max(self.probe_at, self.limited_until)

    def silent(self, now: float) -> bool:
        """Whether nothing was answered for too long to be chance, also about one task alone."""
        lasting = self.suspicion is PollError.UNAVAILABLE and now - self.suspected_at >= SILENT_AFTER
        return self.mode is Mode.SILENT or (lasting and now >= self.limited_until)

    def doubts_key(self, now: float) -> bool:
        """Whether a look at `IMPOSSIBLE_ID` should tell if a refusal is about the key or about one task."""
        proven = self.answered_at is not None and now - self.answered_at < KEY_PROVEN_FOR
        return self.suspicion is PollError.KEY_REFUSED and self.mode is not Mode.REFUSED and not proven


def after_look(health: Health, task_id: str, seen: Seen, now: float) -> Health:
    """Say what a look at one task means for all."""
    if not isinstance(seen, Failure):
        return answered(health, now)
    if seen.error is PollError.RATE_LIMITED:
        under_way = now < health.limited_until  # it was asked before the limit was known
        limits = max(1, health.limits + (not under_way))
        pause = pacing.obeyed(seen.retry_after, limits)
        return replace(health, limits=limits, limited_until=max(health.limited_until, now + pause))
    if seen.error is PollError.TASK_REFUSED:
        return answered(health, now)
    if seen.error is PollError.BROKEN:  # proves nothing; as a probe it counts as made
        due = health.paused and now >= health.probe_at
        return replace(health, probe_at=now + pacing.probing(health.probes)) if due else health
    same = health.suspicion is seen.error
    health = replace(
        health,
        suspects=(health.suspects if same else frozenset()) | {task_id},
        suspicion=seen.error,
        suspected_at=health.suspected_at if same else now,
    )
    mode = _MODE_OF[seen.error]
    if health.mode is mode:
        if now < health.probe_at:  # a look that was under way when the pause began is no probe
            return health
        return replace(health, probes=health.probes + 1, probe_at=now + pacing.probing(health.probes + 1))
    if len(health.suspects) < SHARED_BY:
        if health.paused and now >= health.probe_at:
            return replace(health, probe_at=now + pacing.probing(health.probes))
        return health
    return _paused(health, mode, now)


def after_key_probe(health: Health, seen: Seen, now: float) -> Health:
    """Say what the look at `IMPOSSIBLE_ID` means: refused too, it is the key; an answer clears the key."""
    if isinstance(seen, Failure):
        return _paused(health, Mode.REFUSED, now) if seen.error is PollError.KEY_REFUSED else health
    return answered(health, now)


def answered(health: Health, now: float) -> Health:
    """Say what it means that the API answered a question, be it with "no such task"."""
    proven = health.answered_at is not None and 0 <= now - health.answered_at < PROVEN_ANEW
    if proven and not (health.paused or health.suspicion or health.limits or health.suspects):
        return health
    limited = now < health.limited_until
    return Health(
        since=now if health.paused else health.since,
        answered_at=now,
        limited_until=health.limited_until,
        limits=health.limits if limited else 0,
    )


def _paused(health: Health, mode: Mode, now: float) -> Health:
    return replace(
        health,
        mode=mode,
        since=health.suspected_at or now,
        probes=0,
        probe_at=now + pacing.probing(0),
    )
