"""The law of a watch: everything that can happen to one is in this file and nowhere else.

A look at the task, a person or Discord makes an `Event`; `advance` says what the watch becomes, what must be
done about it (`Effect`) and when to look again. It decides for one watch alone: what concerns the whole API
is in `bot.core.health`. Nothing here reads a clock, draws a number or talks to anyone.

    watching ── Task ended ───────────────► SUCCEEDED | FAILED
             ── succeeded without a video ─► (a few more looks) ─► EMPTY
             ── Missing ──────────────────► (a minute) ─► NO_SUCH_TASK, or once seen ─► VANISHED
             ── nothing new for too long ──► STALLED | TOO_OLD
             ── Stopped ──────────────────► STOPPED
             ── CardDeleted, AccessLost ───► the same, quietly

The first event that ends a watch decides; whatever comes later changes nothing.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from bot.core import pace as pacing
from bot.core.events import AccessLost, CardDeleted, Event, Failure, Missing, Stopped, Trouble
from bot.core.outcome import Ending, Outcome
from bot.core.pace import Pace
from bot.core.task import Task, TaskState

CONFIRMING_LOOKS: Final = 3
"""Looks in a row that must agree before "no video" or "vanished" is believed."""
SHOWN_TROUBLES: Final = 3
"""Failed looks in a row from which the card speaks of them."""


@dataclass(frozen=True, slots=True)
class Watch:
    """One task on one card. Times are Unix seconds.

    Durable are the ids, the position, `started_at`, `seen_at` and `outcome`; the rest is seen anew after
    a restart.
    """

    id: int
    card_id: int
    task_id: str
    position: int
    """The row on the card, from 0."""
    started_at: float
    seen_at: float | None = None
    """When the API first knew the task."""
    task: Task | None = None
    """The newest answer, its progress never lower than an earlier one's."""
    changed_at: float | None = None
    odd_looks: int = 0
    """Looks in a row that said "missing", or "succeeded" without a video."""
    troubles: int = 0
    trouble: Trouble | None = None
    trouble_since: float | None = None
    outcome: Outcome | None = None

    @property
    def in_trouble(self) -> bool:
        """Whether so many looks failed in a row that the card should say so."""
        return self.troubles >= SHOWN_TROUBLES


class Effect(StrEnum):
    """What must be done about a step, in this order."""

    SAVE_SEEN = "save_seen"
    """Make `seen_at` durable: after a restart a missing task has then vanished."""
    SAVE_OUTCOME = "save_outcome"
    """Store the outcome in one transaction; whatever follows from it comes after that."""
    SHOW = "show"
    """The card may look different now."""


@dataclass(frozen=True, slots=True)
class Step:
    """What an event makes of a watch; `after` is the pause in seconds before the next look, or None."""

    watch: Watch
    effects: tuple[Effect, ...] = ()
    after: float | None = None


def advance(watch: Watch, event: Event, now: float, pace: Pace, chance: float = 0.5) -> Step:
    """Say what `event` makes of `watch` at `now` (Unix seconds); `chance` in [0, 1) spreads the pauses."""
    if watch.outcome is not None:
        return Step(watch)
    match event:
        case Task():
            return _seen(watch, event, now, pace)
        case Missing():
            return _missing(watch, now, pace)
        case Failure():
            return _failed(watch, event, now, pace, chance)
        case Stopped(by):
            return _end(watch, Ending.STOPPED, now, by=by)
        case CardDeleted():
            return _end(watch, Ending.CARD_DELETED, now)
        case AccessLost():
            return _end(watch, Ending.ACCESS_LOST, now)


def _end(watch: Watch, ending: Ending, now: float, by: int | None = None) -> Step:
    ended = replace(watch, outcome=Outcome(ending, now, watch.task, by), troubles=0, trouble=None)
    return Step(ended, (Effect.SAVE_OUTCOME, Effect.SHOW))


def _seen(watch: Watch, task: Task, now: float, pace: Pace) -> Step:
    before = watch.task
    if before is not None and before.progress is not None:
        task = replace(task, progress=max(before.progress, task.progress or 0))
    changed = before is None or _visible(before) != _visible(task)
    changed_at = now if changed or watch.changed_at is None else watch.changed_at
    if not changed and watch.trouble_since is not None:
        # A task cannot be called stalled for the time in which nobody could see it.
        changed_at = min(now, changed_at + max(0.0, now - watch.trouble_since))
    seen = replace(
        watch,
        task=task,
        seen_at=now if watch.seen_at is None else watch.seen_at,
        changed_at=changed_at,
        odd_looks=0,
        troubles=0,
        trouble=None,
        trouble_since=None,
    )
    if task.settled:
        return _end(seen, Ending.FAILED if task.state is TaskState.ERROR else Ending.SUCCEEDED, now)
    if task.state is TaskState.SUCCEEDED:
        seen = replace(seen, odd_looks=_odd_looks_as(TaskState.SUCCEEDED, watch) + 1)
        if seen.odd_looks > CONFIRMING_LOOKS:
            return _end(seen, Ending.EMPTY, now)
    elif now - watch.started_at >= pace.too_old_after:
        return _end(seen, Ending.TOO_OLD, now)
    elif now - changed_at >= pace.stalled_after:
        return _end(seen, Ending.STALLED, now)
    effects: tuple[Effect, ...] = (Effect.SAVE_SEEN,) if watch.seen_at is None else ()
    if changed or watch.troubles or watch.odd_looks:
        effects += (Effect.SHOW,)
    after = pacing.confirming(pace) if seen.odd_looks else pacing.interval(task, now - changed_at, pace)
    return Step(seen, effects, after)


def _odd_looks_as(state: TaskState, watch: Watch) -> int:
    """Return how many odd looks in a row there were, if they were about a task in `state`."""
    return watch.odd_looks if watch.task is not None and watch.task.state is state else 0


def _visible(task: Task) -> tuple[object, ...]:
    """Return what a person would call a change; an update time that ticks by itself is none."""
    return task.state_text, task.state, task.progress, task.message, task.action, task.videos


def _missing(watch: Watch, now: float, pace: Pace) -> Step:
    age = now - watch.started_at
    missing = replace(watch, troubles=0, trouble=None, trouble_since=None, odd_looks=watch.odd_looks + 1)
    first = watch.seen_at is None and not watch.odd_looks
    show = (Effect.SHOW,) if watch.troubles or first else ()
    if watch.seen_at is None:
        if age >= pace.visible_within:
            return _end(missing, Ending.NO_SUCH_TASK, now)
        return Step(missing, show, pacing.while_invisible(age, pace))
    if missing.odd_looks >= CONFIRMING_LOOKS:
        return _end(missing, Ending.VANISHED, now)
    return Step(missing, show, pacing.confirming(pace))


def _failed(watch: Watch, failure: Failure, now: float, pace: Pace, chance: float) -> Step:
    if failure.trouble is Trouble.RATE_LIMITED:
        return Step(watch, (), pacing.obeyed(failure.retry_after, 1))
    if now - watch.started_at >= pace.too_old_after:
        return _end(watch, Ending.TOO_OLD, now)
    failed = replace(
        watch,
        troubles=watch.troubles + 1,
        trouble=failure.trouble,
        trouble_since=now if watch.trouble_since is None else watch.trouble_since,
    )
    # Before the first good answer there is nothing else to show, so the first failure is shown at once.
    first = 1 if watch.task is None else SHOWN_TROUBLES
    changed = failed.troubles == first or (failed.troubles > first and failed.trouble != watch.trouble)
    return Step(failed, (Effect.SHOW,) if changed else (), pacing.backoff(failed.troubles, pace, chance))
