"""What polling has learned about one task: one value per task, however many watch it.

`observe` returns it after a poll, and when to poll again. It is not stored; after a restart the first polls
learn it again. `bot.core.watch` decides how watches end.
"""

from dataclasses import dataclass, replace
from typing import Final

from bot.core import policy as delays
from bot.core.events import ErrorKind, Missing, Observation, PollError
from bot.core.hazard import USUAL_RATE, worth
from bot.core.policy import PollPolicy
from bot.core.position import ProgressSample, beginning, position
from bot.core.task import Task, TaskState

SHOWN_FAILURES: Final = 3
"""Failed polls in a row before the card mentions them."""
SAMPLES_KEPT: Final = 5
MOVES_NEEDED: Final = 2
"""Changes of progress that are needed to estimate a speed."""
STALLED_AFTER: Final = 3.0
"""Progress counts as stalled after this many times the mean interval between its changes."""
SHORTEST_STALL: Final = 20.0
"""Progress never counts as stalled before so many seconds without a change."""
REFUSALS: Final = frozenset({ErrorKind.TASK_REFUSED, ErrorKind.KEY_REFUSED})


@dataclass(frozen=True, slots=True)
class Observed:
    """Times are Unix seconds."""

    task: Task | None = None
    """The newest answer; its progress never goes back."""
    changed_at: float | None = None
    polled_at: float | None = None
    """When the newest answer came."""
    idle_seconds: float = 0.0
    """Seconds without a change, failed polls included; pauses of all polling and 429s do not count."""
    missing: int = 0
    """Polls in a row that returned "missing", since `missing_since`; a proxy may do so for a while, too."""
    missing_since: float | None = None
    empty: int = 0
    """Polls in a row that returned "succeeded" without a video."""
    failures: int = 0
    """Failed polls in a row, since `failing_since`; the newest at `failed_at` with `error`."""
    error: ErrorKind | None = None
    failing_since: float | None = None
    failed_at: float | None = None
    refused_for: float = 0.0
    """Seconds in which polls were refused; pauses of all polling do not count."""
    message: str = ""
    """The API's message with its newest error, if no answer has come since."""
    began_at: float | None = None
    """When rendering began, as far as that is known; None while it is not rendered."""
    samples: tuple[ProgressSample, ...] = ()
    """The newest moves of its progress."""
    expected_end: float | None = None
    """When it may end, by the recent moves of its progress."""
    last_change: float | None = None
    """When it changed by the API's `update_time`, if that is plausible; else `changed_at`."""
    no_change_since: float | None = None
    """`last_change`, once people should be warned."""
    watched_since: float | None = None
    """When the first of its watches began; None once the API has returned the task."""

    @property
    def is_failing(self) -> bool:
        """Whether so many polls failed in a row that the card mentions it."""
        return self.failures >= SHOWN_FAILURES

    @property
    def was_polled(self) -> bool:
        """Whether a poll has returned anything since the start of the process."""
        return any(at is not None for at in (self.polled_at, self.failed_at, self.missing_since))


UNOBSERVED: Final = Observed()


def observe(
    before: Observed, observation: Observation, now: float, policy: PollPolicy, chance: float
) -> tuple[Observed, float]:
    """Return what is known after a poll, and the delay until the next one in seconds.

    `chance` in [0, 1) spreads the delays.
    """
    match observation:
        case Task():
            return _answered(before, observation, now, policy, chance)
        case Missing():
            since = now if before.missing_since is None else before.missing_since
            missing = Observed(
                task=before.task,
                changed_at=before.changed_at,
                last_change=before.last_change,
                no_change_since=before.no_change_since,
                polled_at=before.polled_at,
                idle_seconds=before.idle_seconds,
                missing=before.missing + 1,
                missing_since=since,
                message=observation.message or before.message,
                began_at=before.began_at,
                samples=before.samples,
                watched_since=before.watched_since,
            )
            invisible_since = since if before.watched_since is None else before.watched_since
            return missing, delays.missing_delay(now - invisible_since, policy)
        case PollError():
            return _failed(before, observation, now, policy, chance)


def urgency(observed: Observed, due: float, now: float, policy: PollPolicy) -> float:
    """Return what a poll of a task is worth now, in seconds by which its end is noticed earlier.

    Of a task that is not rendered, as far as is known, the same is said as of one with the usual chance.
    """
    task, began_at, polled_at = observed.task, observed.began_at, observed.polled_at
    if task is None or began_at is None or polled_at is None:
        waited = now - (due if polled_at is None else polled_at)
        return USUAL_RATE * waited * waited / 2
    reached = position(observed.samples, began_at, polled_at)
    return worth(policy.learned_of(task).rates, reached, max(0.0, now - polled_at))


def _answered(
    before: Observed, task: Task, now: float, policy: PollPolicy, chance: float
) -> tuple[Observed, float]:
    known = None if before.task is None else before.task.progress
    if known is not None and (task.progress is None or task.progress < known):
        task = replace(task, progress=known)
    changed = before.task is None or before.task.visible != task.visible
    # Time without polls must not make a task count as stalled.
    idle = 0.0 if changed else before.idle_seconds + min(_since_newest_poll(before, now), policy.max_seconds)
    changed_at = now if changed or before.changed_at is None else before.changed_at
    last_change = before.last_change
    if changed or last_change is None:
        last_change = _change_time(before, task, now, policy)
    unchanged_for = changed_at - last_change + idle
    empty = task.state is TaskState.SUCCEEDED and not task.is_terminal
    rendering = task.state is TaskState.RUNNING
    samples = with_sample(before.samples, now, task.progress) if rendering else ()
    began_at = before.began_at if rendering else None
    if rendering and began_at is None:
        began_at = beginning(task, now, policy.too_old_after) if before.task is None else now
    reached = None if began_at is None else position(samples, began_at, now)
    pause = delays.confirm_delay(policy) if empty else delays.poll_delay(task, reached, idle, policy)
    pause = delays.spread(pause, policy, chance)
    after = Observed(
        task=task,
        changed_at=changed_at,
        last_change=last_change,
        no_change_since=last_change if unchanged_for >= delays.suspicious_after(task, policy) else None,
        polled_at=now,
        idle_seconds=idle,
        empty=before.empty + 1 if empty else 0,
        began_at=began_at,
        samples=samples,
        expected_end=expected_end(samples, now, now + pause),
    )
    return after, pause


def _failed(
    before: Observed, failure: PollError, now: float, policy: PollPolicy, chance: float
) -> tuple[Observed, float]:
    limited = failure.kind is ErrorKind.RATE_LIMITED
    pause = delays.failure_delay(before.failures + 1, policy, chance)
    if limited:
        pause = max(pause, delays.retry_after_delay(failure.retry_after))
    # Any longer interval than the longest backoff was a pause of all polling, not this task's own.
    passed = min(_since_newest_poll(before, now), delays.LONGEST_BACKOFF)
    refused_twice = failure.kind in REFUSALS and before.error in REFUSALS
    past = before.expected_end is not None and before.expected_end <= now + pause
    after = replace(
        before,
        idle_seconds=before.idle_seconds + (0.0 if limited else passed),
        failures=before.failures + 1,
        error=failure.kind,
        failing_since=now if before.failing_since is None else before.failing_since,
        failed_at=now,
        refused_for=before.refused_for + (passed if refused_twice else 0.0),
        message=failure.message or before.message,
        expected_end=None if past else before.expected_end,
    )
    return after, pause


def _change_time(before: Observed, task: Task, now: float, policy: PollPolicy) -> float:
    """Return when the change happened that a poll has just shown."""
    updated_at = task.updated_at
    if updated_at is None or updated_at > now:
        return now
    if before.polled_at is not None:
        return updated_at if updated_at >= before.polled_at else now
    if updated_at < now - policy.too_old_after or updated_at < (task.created_at or 0):
        return now
    # A task that is rendered has changed since it was created: this API does not update the time.
    frozen = task.state is not TaskState.PENDING and updated_at == task.created_at
    return now if frozen else updated_at


def _since_newest_poll(before: Observed, now: float) -> float:
    """Return the seconds since the newest poll; 0 if there was none or the clock was set back."""
    polled_at = before.polled_at if before.failed_at is None else before.failed_at
    return 0.0 if polled_at is None else max(0.0, now - polled_at)


def with_sample(
    samples: tuple[ProgressSample, ...], now: float, progress: int | None
) -> tuple[ProgressSample, ...]:
    """Return the samples with the current progress, if it has moved; only the newest are kept."""
    if progress is None or (samples and progress <= samples[-1][1]):
        return samples
    return (*samples, (now, progress))[-SAMPLES_KEPT:]


def expected_end(samples: tuple[ProgressSample, ...], now: float, next_poll: float) -> float | None:
    """Return when the render may end, None if that cannot be said.

    `next_poll` is when we will know more: an estimate that has passed by then is not returned.
    """
    if len(samples) <= MOVES_NEEDED:
        return None
    (began, first), (moved, last) = samples[0], samples[-1]
    if moved <= began:
        return None
    pause = (moved - began) / (len(samples) - 1)
    if now - moved > max(STALLED_AFTER * pause, SHORTEST_STALL):
        return None
    end = moved + (100 - last) * (moved - began) / (last - first)
    return end if end > next_poll else None
