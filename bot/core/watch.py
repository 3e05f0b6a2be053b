"""A watch, the card it is on, and how it ends: this file contains all rules about that.

    watching ── Task ended ───────────────► SUCCEEDED | FAILED
             ── succeeded without a video ─► (a few more polls) ─► EMPTY
             ── Missing ──────────────────► (for a minute) ─► NO_SUCH_TASK, or if known before ─► VANISHED
             ── refused by the API ───────► (for ten minutes) ─► REFUSED
             ── nothing new for too long ──► STALLED
             ── watched for too long ──────► TOO_OLD, also while nothing is polled
             ── a person stops it ─────────► STOPPED
             ── the card is gone, or closed ► CARD_DELETED | ACCESS_LOST

The first end is final. What concerns the whole API is in `bot.core.health`.
"""

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from bot.core.events import ErrorKind, Missing, Observation, PollError
from bot.core.observed import Observed
from bot.core.outcome import Ending, Outcome, Summary
from bot.core.policy import PollPolicy
from bot.core.task import Task, TaskState

CONFIRMING_POLLS: Final = 3
"""Polls in a row that must agree on "no video", "no such task" or "vanished"."""
REFUSED_AFTER: Final = 600.0
"""Seconds of nothing but refused polls after which a watch ends."""


@dataclass(frozen=True, slots=True)
class Watch:
    """One task on one card, as it is stored. Times are Unix seconds."""

    id: int
    card_id: int
    task_id: str
    position: int
    """The row on the card, from 0."""
    started_at: float
    seen_at: float | None = None
    """When the API first returned the task."""
    outcome: Outcome | None = None
    name: str = ""
    """What people call the render, if they said so; clean (`bot.core.names`), not escaped."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card's message and language. All ids but `id` are Discord's; `created_at` is Unix seconds."""

    id: int
    guild_id: int
    channel_id: int
    message_id: int
    starter_id: int
    language: str
    created_at: float
    batch: bool = False
    """It began with several tasks: results are silent, and one summary pings (`bot.core.summary`)."""


@dataclass(frozen=True, slots=True)
class CardState:
    """A card, all its watches in the order of their rows, ended ones included, and its followers."""

    card: Card
    watches: tuple[Watch, ...]
    followers: tuple[int, ...] = ()
    """Who is pinged by each result or, on a card with several tasks, by the summary."""
    summary: Summary | None = None
    """Its summary, once that is due."""

    @property
    def ended(self) -> bool:
        return not self.live

    @property
    def live(self) -> tuple[Watch, ...]:
        """Its watches that have not ended."""
        return tuple(watch for watch in self.watches if watch.outcome is None)

    @property
    def names(self) -> dict[str, str]:
        """The names of its tasks by id; "" is no name."""
        return {watch.task_id: watch.name for watch in self.watches}

    def with_watch(self, watch: Watch) -> "CardState":
        """Return the state with a new state of one of its watches."""
        watches = tuple(watch if old.id == watch.id else old for old in self.watches)
        return replace(self, watches=watches)


class Listed(NamedTuple):
    """A watch in a list; `result_id` is the first message of its result, once that is sent."""

    card: Card
    watch: Watch
    result_id: int | None = None


def ending(
    watch: Watch, observed: Observed, observation: Observation, now: float, policy: PollPolicy
) -> Ending | None:
    """Return how a poll ends a live watch, None if it goes on; `observed` is what is known after the poll."""
    match observation:
        case Task() if observation.is_terminal:
            return Ending.FAILED if observation.state is TaskState.ERROR else Ending.SUCCEEDED
        case Task() if observed.empty:
            return Ending.EMPTY if observed.empty > CONFIRMING_POLLS else None
        case Missing():
            return _missing(watch, observed, now, policy)
    if is_too_old(watch, now, policy):
        return Ending.TOO_OLD
    if isinstance(observation, PollError) and observation.kind is ErrorKind.RATE_LIMITED:
        return None
    # A new watch must not end because of the time that older watches of its task have waited.
    age = now - watch.started_at
    if min(observed.idle_seconds, age) >= policy.stalled_after:
        return Ending.STALLED
    return Ending.REFUSED if min(observed.refused_for, age) >= REFUSED_AFTER else None


def is_too_old(watch: Watch, now: float, policy: PollPolicy) -> bool:
    """Return whether a watch is past the age limit."""
    return now - watch.started_at >= policy.too_old_after


def ended(watch: Watch, end: Ending, observed: Observed, now: float, by: int | None = None) -> Watch:
    """Return a watch with the outcome of its end; `by` is the person who stopped it."""
    return replace(watch, outcome=Outcome(end, now, observed.task, by, observed.message))


def shown(watch: Watch, observed: Observed) -> tuple[object, ...]:
    """Return everything that the card of a live watch shows of its task, to see whether that has changed."""
    failing = observed.is_failing
    return (
        None if observed.task is None else observed.task.visible,
        observed.expected_end,
        observed.no_change_since,
        (observed.error, observed.failing_since, observed.message) if failing else None,
        # A known task that is missing for a moment does not change the card.
        watch.seen_at is None and observed.missing > 0,
    )


def resumed(watch: Watch, now: float) -> Watch:
    """Return a watch after a restart; if the clock was set back, it starts now."""
    return replace(watch, started_at=min(watch.started_at, now))


def _missing(watch: Watch, observed: Observed, now: float, policy: PollPolicy) -> Ending | None:
    known = watch.seen_at is not None
    since = observed.missing_since if known else None
    age = now - (watch.started_at if since is None else since)
    if age < policy.visible_within or observed.missing < CONFIRMING_POLLS:
        return None
    return Ending.VANISHED if known else Ending.NO_SUCH_TASK
