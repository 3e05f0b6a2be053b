"""When people are warned that a task has not changed: since when, after how long, and when not."""

from dataclasses import replace
from typing import Final

import pytest
from made import NOW, TASK, VIDEO, Polled, poll, running, watch

from bot.core.events import ErrorKind, Missing, Observation, PollError
from bot.core.hazard import Learned
from bot.core.policy import PollPolicy
from bot.core.task import Task, TaskState

DOWN: Final = PollError(ErrorKind.UNAVAILABLE)
EVERY: Final = 10.0
UPDATED: Final = int(NOW) - 600


def queued(*, updated_at: int | None = None, created_at: int | None = None) -> Task:
    waiting = running(0, state=TaskState.PENDING)
    return replace(waiting, updated_at=updated_at, created_at=created_at)


def polled(*seen: Observation, policy: PollPolicy = PollPolicy()) -> list[Polled]:  # noqa: B008
    """Return the steps of polls, the first at NOW, one each `EVERY` seconds."""
    steps = [Polled(watch())]
    for number, event in enumerate(seen):
        steps.append(poll(steps[-1], event, NOW + number * EVERY, policy))
    return steps[1:]


def warned_after(task: Task, policy: PollPolicy) -> float | None:
    """Return after how many seconds without a change the warning comes, None if not within an hour."""
    steps = polled(*[task] * 360, policy=policy)
    since = [step.observed.no_change_since for step in steps]
    if not any(since):
        return None
    first = next(number for number, at in enumerate(since) if at is not None)
    assert set(since[first:]) == {NOW}
    assert [step.shows for step in steps].count(True) == 2, "at first, and for the warning"
    return first * EVERY


@pytest.mark.parametrize(
    ("task", "usual_queue", "usual_render", "seconds"),
    [
        (running(40), 0, 0, 300),
        (running(None), 0, 0, 300),
        (running(40), 900, 0, 300),
        (running(40), 0, 90, 300),
        (running(40), 0, 200, 600),
        (queued(), 0, 0, 900),
        (queued(), 0, 900, 900),
        (queued(), 400, 0, 1_200),
        (running(40, state=TaskState.UNKNOWN), 0, 0, None),
    ],
)
def test_a_warning_comes_after_five_or_fifteen_minutes_or_three_times_what_is_usual(
    task: Task, usual_queue: float, usual_render: float, seconds: float | None
) -> None:
    usual = Learned(usual_queue=usual_queue, usual_render=usual_render)
    policy = PollPolicy(learned={task.action: usual})
    assert warned_after(task, policy) == seconds


def test_a_change_ends_the_warning() -> None:
    *_, before, after = polled(*[running(40)] * 31, running(41))
    assert (before.observed.no_change_since, after.observed.no_change_since) == (NOW, None)
    assert after.shows


@pytest.mark.parametrize("event", [DOWN, Missing()])
def test_a_poll_without_an_answer_changes_nothing_about_the_warning(event: Observation) -> None:
    *_, step = polled(*[running(40)] * 31, event)
    assert step.observed.no_change_since == NOW


def test_a_time_without_polls_is_not_one_without_changes() -> None:
    steps = polled(running(40), running(40))
    later = poll(steps[-1], running(40), NOW + 9 * 3600)
    assert later.observed.no_change_since is None


@pytest.mark.parametrize(
    ("task", "since"),
    [
        (replace(running(40), updated_at=UPDATED), UPDATED),
        (replace(running(40), updated_at=UPDATED, created_at=UPDATED - 1), UPDATED),
        (queued(updated_at=UPDATED - 300, created_at=UPDATED - 300), UPDATED - 300),
        (queued(updated_at=UPDATED), None),
        (replace(running(40), updated_at=UPDATED, created_at=UPDATED), None),
        (replace(running(40), updated_at=UPDATED, created_at=UPDATED + 1), None),
        (replace(running(40), updated_at=int(NOW) - 49 * 3600), None),
        (replace(running(40), updated_at=int(NOW) + 1), None),
        (replace(running(40), updated_at=int(NOW) - 299), None),
    ],
    ids=[
        "told",
        "after its creation",
        "queued since its creation",
        "not for long enough",
        "never updated",
        "before its creation",
        "too long ago",
        "in the future",
        "lately",
    ],
)
def test_at_first_the_api_says_since_when_nothing_has_changed(task: Task, since: float | None) -> None:
    (step,) = polled(task)
    assert step.observed.no_change_since == since


@pytest.mark.parametrize(
    ("updated_at", "since"),
    [
        (int(NOW) + 4, int(NOW) + 4),
        (int(NOW), int(NOW)),
        (int(NOW) - 1, NOW + EVERY),
        (int(NOW) + 10, NOW + EVERY),
        (int(NOW) + 11, NOW + EVERY),
        (None, NOW + EVERY),
    ],
)
def test_a_change_that_was_seen_was_since_the_poll_before(updated_at: int | None, since: float) -> None:
    changed = replace(running(41), updated_at=updated_at)
    *_, step = polled(running(40), *[changed] * 40)
    assert step.observed.no_change_since == since


def test_an_update_time_that_ticks_by_itself_is_no_change() -> None:
    *_, step = polled(*(replace(running(40), updated_at=int(NOW) + 10 * n) for n in range(40)))
    assert step.observed.no_change_since == NOW


def test_an_end_is_never_warned_of() -> None:
    done = Task(TASK, TaskState.SUCCEEDED, "succeeded", 100)
    *_, waiting = polled(*[running(40)] * 40, done)
    assert waiting.observed.no_change_since is None
    *_, over = polled(*[running(40)] * 40, replace(done, videos=(VIDEO,)))
    assert over.outcome is not None
