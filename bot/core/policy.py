"""When to poll next: one clamped pure function for each situation.

`bot.core.poll_queue` lists everything that sets the time of the next poll, in its order of precedence. All
times are seconds. Chance comes in as an argument, a number in [0, 1), so that every delay can be tested.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Final

from bot.core.backoff import exponential_backoff
from bot.core.hazard import NOTHING_LEARNED, Learned, pause
from bot.core.position import Position
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
LONGEST_UNLEARNED: Final = 15.0
"""Longest pause where nothing was learned about what comes next: a queued task may begin at any time."""


@dataclass(frozen=True, slots=True)
class PollPolicy:
    """The settings of polling: bounds of a delay, and the ages at which watches end."""

    min_seconds: float = 1.0
    max_seconds: float = 60.0
    stalled_after: float = 2 * 3600.0
    too_old_after: float = 48 * 3600.0
    visible_within: float = 60.0
    """Seconds for which a new task may be unknown to the API."""
    learned: Mapping[str, Learned] = field(default_factory=dict)
    """What finished renders have taught, by action."""

    def learned_of(self, task: Task) -> Learned:
        return self.learned.get(task.action, NOTHING_LEARNED)


def _clamp(value: float, low: float, high: float) -> float:
    return max(low, min(high, value))


def _soon(policy: PollPolicy) -> float:
    """Return a short pause for what is not urgent: four seconds, less if the settings are for fast polls."""
    return max(policy.min_seconds, min(4.0, 4 * policy.min_seconds))


def suspicious_after(task: Task, policy: PollPolicy) -> float:
    """Return after how many seconds without a change people are warned; `inf` in states that do not last."""
    match task.state:
        case TaskState.PENDING:
            return max(SUSPICIOUS_QUEUE, USUAL_TIMES * policy.learned_of(task).usual_queue)
        case TaskState.RUNNING:
            return max(SUSPICIOUS_RENDER, USUAL_TIMES * policy.learned_of(task).usual_render)
        case _:
            return inf


def poll_delay(task: Task, position: Position | None, idle_seconds: float, policy: PollPolicy) -> float:
    """Return the delay before the next poll of a task that last changed `idle_seconds` ago.

    A render is polled as its end becomes likely, judging by finished renders; `position` is how far it is.
    A queued task cannot end yet, so its start may be noticed late, in proportion to its time in the queue:
    the delay is a third of its idle time.
    """
    low, high = policy.min_seconds, policy.max_seconds
    if task.state is TaskState.RUNNING and position is not None:
        return _clamp(pause(policy.learned_of(task).rates, position, high), low, high)
    return _clamp(idle_seconds / 3, min(_soon(policy), high), max(low, min(high, LONGEST_UNLEARNED)))


def spread(delay: float, policy: PollPolicy, chance: float) -> float:
    """Return a delay up to a tenth shorter or longer: tasks that were polled together do not stay in step."""
    return _clamp(delay * (0.9 + chance / 5), policy.min_seconds, policy.max_seconds)


def missing_delay(age: float, policy: PollPolicy) -> float:
    """Return the delay before the next poll of a task that the API does not know yet."""
    return _clamp(age / 3, max(policy.min_seconds, _soon(policy) / 2), min(policy.max_seconds, 10.0))


def confirm_delay(policy: PollPolicy) -> float:
    """Return the delay before the poll that confirms or refutes a surprising answer."""
    return _clamp(_soon(policy), 1.0, policy.max_seconds)


def failure_delay(failures: int, policy: PollPolicy, chance: float) -> float:
    """Return the delay after `failures` failed polls in a row: doubling to a minute, half of it jitter."""
    ceiling = exponential_backoff(failures, _soon(policy), max(policy.min_seconds, LONGEST_BACKOFF))
    return ceiling * (0.5 + chance / 2)


def retry_after_delay(retry_after: float | None) -> float:
    """Return the delay that a 429 asks for, within bounds; five seconds if it names none."""
    return 5.0 if retry_after is None else _clamp(retry_after, SHORTEST_RETRY_AFTER, LONGEST_RETRY_AFTER)


def probe_delay(probes: int) -> float:
    """Return the delay before the next round of probes: 15 s at first, then up to a minute."""
    return exponential_backoff(probes + 1, FIRST_PROBE, LONGEST_PROBE)
