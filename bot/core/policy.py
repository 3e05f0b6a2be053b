"""When to poll next: one clamped pure function for each situation.

`bot.core.poll_queue` lists everything that sets the time of the next poll, in its order of precedence. All
times are seconds. Chance comes in as an argument, a number in [0, 1), so that every delay can be tested.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

from bot.core.backoff import exponential_backoff
from bot.core.course import Course
from bot.core.experience import Experience, Rhythm, pause
from bot.core.task import Task, TaskState

SHORTEST_RETRY_AFTER: Final = 1.0
LONGEST_RETRY_AFTER: Final = 300.0
"""Bounds, in seconds, on the delay that a Retry-After header can cause."""
LONGEST_BACKOFF: Final = 60.0
LONGEST_PROBE: Final = 60.0
FIRST_PROBE: Final = 15.0
SUSPICIOUS_RENDER: Final = 300.0
SUSPICIOUS_QUEUE: Final = 900.0
"""Fewer seconds without a change are never suspicious."""
USUAL_TIMES: Final = 3.0
"""Nor is less than this multiple of the usual time."""
UNTAUGHT: Final = Experience().rhythm()
"""The rhythm as long as nothing was learned."""


@dataclass(frozen=True, slots=True)
class PollPolicy:
    """The settings of polling: bounds of a delay, and the ages at which watches end."""

    min_seconds: float = 2.0
    max_seconds: float = 15.0
    stalled_after: float = 2 * 3600.0
    too_old_after: float = 48 * 3600.0
    visible_within: float = 60.0
    """Seconds for which a new task may be unknown to the API."""
    rhythm: Rhythm = UNTAUGHT
    """How often to poll a render, by how far it is."""
    usual_queue: float = 0.0
    usual_render: float = 0.0
    """Seconds for which a task is usually queued, and rendered; 0 until that is learned."""


def _clamp(value: float, low: float, high: float) -> float:
    return max(low, min(high, value))


def suspicious_after(state: TaskState, policy: PollPolicy) -> float:
    """Return after how many seconds without a change people are warned; `inf` in states that do not last."""
    match state:
        case TaskState.PENDING:
            return max(SUSPICIOUS_QUEUE, USUAL_TIMES * policy.usual_queue)
        case TaskState.RUNNING:
            return max(SUSPICIOUS_RENDER, USUAL_TIMES * policy.usual_render)
        case _:
            return inf


def poll_delay(task: Task, course: Course | None, idle_seconds: float, policy: PollPolicy) -> float:
    """Return the delay before the next poll of a task that last changed `idle_seconds` ago.

    A render is polled as often as its end is likely, judging by finished renders; `course` is how far it is.
    A queued task cannot end yet, so its start may be noticed late, in proportion to its time in the queue:
    the delay is a third of its idle time.
    """
    low, high = policy.min_seconds, policy.max_seconds
    if task.state is TaskState.RUNNING and course is not None:
        return _clamp(pause(policy.rhythm, course, high), low, high)
    return _clamp(idle_seconds / 3, min(2 * low, high), high)


def missing_delay(age: float, policy: PollPolicy) -> float:
    """Return the delay before the next poll of a task that the API does not know yet."""
    return _clamp(age / 3, policy.min_seconds, min(policy.max_seconds, 10.0))


def confirm_delay(policy: PollPolicy) -> float:
    """Return the delay before the poll that confirms or refutes a surprising answer."""
    return _clamp(2 * policy.min_seconds, 1.0, policy.max_seconds)


def failure_delay(failures: int, policy: PollPolicy, chance: float) -> float:
    """Return the delay after `failures` failed polls in a row: doubling to a minute, half of it jitter."""
    ceiling = exponential_backoff(failures, 2 * policy.min_seconds, max(policy.min_seconds, LONGEST_BACKOFF))
    return ceiling * (0.5 + chance / 2)


def retry_after_delay(retry_after: float | None) -> float:
    """Return the delay that a 429 asks for, within bounds; five seconds if it names none."""
    return 5.0 if retry_after is None else _clamp(retry_after, SHORTEST_RETRY_AFTER, LONGEST_RETRY_AFTER)


def probe_delay(probes: int) -> float:
    """Return the delay before the next round of probes: 15 s at first, then up to a minute."""
    return exponential_backoff(probes + 1, FIRST_PROBE, LONGEST_PROBE)
