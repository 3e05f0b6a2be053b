"""When to poll next: one clamped pure function for each situation.

All times are seconds. Chance comes in as an argument, a number in [0, 1), so that every pause can be tested.
"""

from dataclasses import dataclass
from typing import Final

from bot.core.backoff import exponential_backoff
from bot.core.course import Course
from bot.core.experience import Experience, Rhythm, pause
from bot.core.task import Task, TaskState

SHORTEST_OBEYED: Final = 1.0
LONGEST_OBEYED: Final = 300.0
"""Bounds in seconds on what a Retry-After header can make us wait."""
LONGEST_BACKOFF: Final = 60.0
LONGEST_PROBE: Final = 60.0
FIRST_PROBE: Final = 15.0


UNTAUGHT: Final = Experience().rhythm()
"""The rhythm as long as nothing was learned."""


@dataclass(frozen=True, slots=True)
class PollPolicy:
    """The settings of polling: bounds of an poll_delay, and the ages at which watching ends."""

    min_seconds: float = 2.0
    max_seconds: float = 15.0
    stalled_after: float = 2 * 3600.0
    too_old_after: float = 48 * 3600.0
    visible_within: float = 60.0
    """How long a new task may be unknown to the API before it counts as no task at all."""
    rhythm: Rhythm = UNTAUGHT
    """How often to poll where on a render's way."""


def _clamp(value: float, low: float, high: float) -> float:
    return max(low, min(high, value))


def poll_delay(task: Task, course: Course | None, quiet: float, policy: PollPolicy) -> float:
    """Return the pause before the next poll at a task that was seen `quiet` seconds after its last change.

    A render is polled as often as its end is near, by what finished renders have taught; `course` is where
    it is on its way. A queued task cannot end yet: a third of the quiet time keeps the delay in noticing its
    start in proportion to how long nothing happened.
    """
    low, high = policy.min_seconds, policy.max_seconds
    if task.state is TaskState.RUNNING and course is not None:
        return _clamp(pause(policy.rhythm, course, high), low, high)
    return _clamp(quiet / 3, min(2 * low, high), high)


def missing_delay(age: float, policy: PollPolicy) -> float:
    """Return the pause before polling again for a task that the API does not know yet."""
    return _clamp(age / 3, policy.min_seconds, min(policy.max_seconds, 10.0))


def confirm_delay(policy: PollPolicy) -> float:
    """Return the pause before the poll that confirms or refutes a surprising answer."""
    return _clamp(2 * policy.min_seconds, 1.0, policy.max_seconds)


def failure_delay(troubles: int, policy: PollPolicy, chance: float) -> float:
    """Return the pause after `troubles` failed polls in a row: doubling to a minute, half of it jitter."""
    ceiling = exponential_backoff(troubles, 2 * policy.min_seconds, max(policy.min_seconds, LONGEST_BACKOFF))
    return ceiling * (0.5 + chance / 2)


def retry_after_delay(retry_after: float | None) -> float:
    """Return the pause that a limit asks for, within bounds; five seconds where it names none."""
    return 5.0 if retry_after is None else _clamp(retry_after, SHORTEST_OBEYED, LONGEST_OBEYED)


def probe_delay(probes: int) -> float:
    """Return the pause before the next probe of an API that answers nobody: 15 s, at last a minute."""
    return exponential_backoff(probes + 1, FIRST_PROBE, LONGEST_PROBE)
