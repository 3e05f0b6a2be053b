"""The state machine of a watch: everything that can happen to one is in this file and nowhere else.

A look at the task, a person or Discord makes an `Event`; `advance` says what the watch becomes, what must be
done about it (`Effect`) and when to look again. It decides for one watch alone: what concerns the whole API
is in `bot.core.health`. Nothing here reads a clock, draws a number or talks to anyone.

    watching ── Task ended ───────────────► SUCCEEDED | FAILED
             ── succeeded without a video ─► (a few more looks) ─► EMPTY
             ── Missing ──────────────────► (for a minute) ─► NO_SUCH_TASK, or once seen ─► VANISHED
             ── refused by the API ───────► (for ten minutes) ─► REFUSED
             ── nothing new for too long ──► STALLED | TOO_OLD
             ── Stopped ──────────────────► STOPPED
             ── CardDeleted, AccessLost ───► the same, quietly

The first event that ends a watch decides; whatever comes later changes nothing.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from bot.core import pace as pacing
from bot.core.course import beginning, course
from bot.core.estimate import expected_end, with_mark
from bot.core.events import (
    AccessLost,
    CardDeleted,
    Event,
    Failure,
    Missing,
    PollError,
    Stopped,
    Unpolled,
)
from bot.core.outcome import Ending, Outcome
from bot.core.pace import Pace
from bot.core.task import Task, TaskState
from bot.core.value import frozen_by_types
from bot.core.watch import Watch

CONFIRMING_LOOKS: Final = 3
"""Looks in a row that must agree before "no video", "no such task" or "vanished" is believed."""
REFUSED_AFTER: Final = 600.0
"""Seconds of nothing but refusals after which a watch ends."""
REFUSALS: Final = frozenset({PollError.TASK_REFUSED, PollError.KEY_REFUSED})


class Effect(StrEnum):
    """What must be done about a step, in this order."""

    SAVE_SEEN = "save_seen"
    """Make `seen_at` durable: after a restart a missing task has then vanished."""
    SAVE_OUTCOME = "save_outcome"
    """Store the outcome in one transaction; whatever follows from it comes after that."""
    SHOW = "show"
    """The card may look different now."""


@frozen_by_types
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
            return _missing(watch, event, now, pace)
        case Failure():
            return _failed(watch, event, now, pace, chance)
        case Stopped(by):
            return _end(watch, Ending.STOPPED, now, by=by)
        case CardDeleted():
            return _end(watch, Ending.CARD_DELETED, now)
        case AccessLost():
            return _end(watch, Ending.ACCESS_LOST, now)
        case Unpolled():
            return _end(watch, Ending.TOO_OLD, now) if _is_too_old(watch, now, pace) else Step(watch)


def told_again(watch: Watch, task: Task, now: float, quiet: float, pace: Pace) -> float | None:
    """Return the pause before the next look where the newest answer, told again, decides nothing; else None.

    `quiet` is the seconds without a change since the watch's last step. The pause is the one that `advance`
    would give; `looked_on` does what else it would do, at any later time.
    """
    quiet += watch.quiet
    doubtful = watch.troubles or watch.missing_looks or watch.empty_looks
    if watch.task is not task or doubtful or watch.outcome or _ran_out(watch, quiet, now, pace):
        return None
    way = None if watch.began_at is None else course(watch.marks, watch.began_at, now)
    after = pacing.interval(task, way, quiet, pace)
    return after if expected_end(watch.marks, now, now + after) == watch.ends_at else None


def looked_on(watch: Watch, at: float, quiet: float) -> Watch:
    """Return a watch after looks that told nothing new, the last one `at` this time, over `quiet` seconds."""
    return replace(watch, looked_at=at, quiet=watch.quiet + quiet)


def resumed(watch: Watch, now: float) -> Watch:
    """Return a watch as it goes on after a restart: by a clock that was set back it has begun only now."""
    return replace(watch, started_at=min(watch.started_at, now))


def _end(watch: Watch, ending: Ending, now: float, by: int | None = None) -> Step:
    ended = replace(
        watch, outcome=Outcome(ending, now, watch.task, by, watch.message), troubles=0, trouble=None
    )
    return Step(ended, (Effect.SAVE_OUTCOME, Effect.SHOW))


def _seen(watch: Watch, task: Task, now: float, pace: Pace) -> Step:
    before = watch.task
    known = None if before is None else before.progress
    if known is not None and (task.progress is None or task.progress < known):
        task = replace(task, progress=known)
    changed = before is None or before.visible != task.visible
    # A task cannot be called stalled for a time in which nobody looked.
    quiet = 0.0 if changed else watch.quiet + min(_passed(watch, now), pace.max_seconds)
    empty = task.state is TaskState.SUCCEEDED and not task.settled
    rendering = task.state is TaskState.RUNNING
    marks = with_mark(watch.marks, now, task.progress) if rendering else ()
    began_at = watch.began_at if rendering else None
    if rendering and began_at is None:
        began_at = beginning(task, now, pace.too_old_after) if before is None else now
    way = None if began_at is None else course(marks, began_at, now)
    after = pacing.confirming(pace) if empty else pacing.interval(task, way, quiet, pace)
    seen = replace(
        watch,
        task=task,
        seen_at=now if watch.seen_at is None else watch.seen_at,
        changed_at=now if changed else watch.changed_at,
        looked_at=now,
        quiet=quiet,
        began_at=began_at,
        marks=marks,
        ends_at=expected_end(marks, now, now + after),
        missing_looks=0,
        missing_since=None,
        empty_looks=watch.empty_looks + 1 if empty else 0,
        troubles=0,
        trouble=None,
        trouble_since=None,
        failed_at=None,
        refused_for=0.0,
        message="",
    )
    if task.settled:
        return _end(seen, Ending.FAILED if task.state is TaskState.ERROR else Ending.SUCCEEDED, now)
    if empty:
        if seen.empty_looks > CONFIRMING_LOOKS:
            return _end(seen, Ending.EMPTY, now)
    elif (ending := _ran_out(watch, quiet, now, pace)) is not None:
        return _end(seen, ending, now)
    effects: tuple[Effect, ...] = (Effect.SAVE_SEEN,) if watch.seen_at is None else ()
    if changed or watch.in_trouble or seen.ends_at != watch.ends_at:
        effects += (Effect.SHOW,)
    return Step(seen, effects, after)


def _passed(watch: Watch, now: float) -> float:
    """Return the seconds since the newest poll; 0 where there was none, or the clock was set back."""
    polled_at = watch.looked_at if watch.failed_at is None else watch.failed_at
    return 0.0 if polled_at is None else max(0.0, now - polled_at)


def _is_too_old(watch: Watch, now: float, pace: Pace) -> bool:
    return now - watch.started_at >= pace.too_old_after


def _ran_out(watch: Watch, quiet: float, now: float, pace: Pace) -> Ending | None:
    """Return how a watch ends for its age or for want of news, if it does."""
    if _is_too_old(watch, now, pace):
        return Ending.TOO_OLD
    return Ending.STALLED if quiet >= pace.stalled_after else None


def _missing(watch: Watch, event: Missing, now: float, pace: Pace) -> Step:
    since = now if watch.missing_since is None else watch.missing_since
    missing = replace(
        watch,
        troubles=0,
        trouble=None,
        trouble_since=None,
        failed_at=None,
        refused_for=0.0,
        missing_looks=watch.missing_looks + 1,
        missing_since=since,
        empty_looks=0,
        ends_at=None,
        message=event.message or watch.message,
    )
    # Once the task was seen, the card stays as it is until the task has vanished for sure.
    first = watch.seen_at is None and not watch.missing_looks
    show = (Effect.SHOW,) if watch.in_trouble or first or watch.ends_at is not None else ()
    known = watch.seen_at is not None
    age = now - (since if known else watch.started_at)
    if age >= pace.visible_within and missing.missing_looks >= CONFIRMING_LOOKS:
        return _end(missing, Ending.VANISHED if known else Ending.NO_SUCH_TASK, now)
    return Step(missing, show, pacing.while_invisible(age, pace))


def _failed(watch: Watch, failure: Failure, now: float, pace: Pace, chance: float) -> Step:
    limited = failure.error is PollError.RATE_LIMITED
    after = pacing.backoff(watch.troubles + 1, pace, chance)
    if limited:
        after = max(after, pacing.limited(failure.retry_after))
    # No pause of the task's own is longer than the longest backoff: more was a pause for all.
    passed = min(_passed(watch, now), pacing.LONGEST_BACKOFF)
    refused_twice = failure.error in REFUSALS and watch.trouble in REFUSALS
    failed = replace(
        _still_expected(watch, now + after),
        troubles=watch.troubles + 1,
        trouble=failure.error,
        trouble_since=now if watch.trouble_since is None else watch.trouble_since,
        failed_at=now,
        quiet=watch.quiet if limited else watch.quiet + passed,
        refused_for=watch.refused_for + passed if refused_twice else watch.refused_for,
        message=failure.message or watch.message,
    )
    ending = _ran_out(failed, 0.0 if limited else failed.quiet, now, pace)
    if ending is None and failed.refused_for >= REFUSED_AFTER:
        ending = Ending.REFUSED
    if ending is not None:
        return _end(failed, ending, now)
    changed = failed.in_trouble and _shown(failed) != _shown(watch)
    return Step(failed, (Effect.SHOW,) if changed or failed.ends_at != watch.ends_at else (), after)


def _shown(watch: Watch) -> tuple[PollError | None, str] | None:
    """Return what a card says of a watch's trouble."""
    return (watch.trouble, watch.message) if watch.in_trouble else None


def _still_expected(watch: Watch, next_look: float) -> Watch:
    """Drop an estimate that would be in the past by the next look."""
    past = watch.ends_at is not None and watch.ends_at <= next_look
    return replace(watch, ends_at=None) if past else watch
