"""The law of a watch at its edges: what a step keeps, what it drops, and the very moment a bound is met."""

from dataclasses import replace
from typing import Final

import pytest
from made import NOW, TASK, Polled, poll, running, watch

from bot.core.events import ErrorKind, Missing, Observation, PollError
from bot.core.observed import Observed
from bot.core.outcome import Ending
from bot.core.policy import PollPolicy
from bot.core.task import Task, TaskState
from bot.core.watch import Watch, resumed

POLICY: Final = PollPolicy()
DOWN: Final = PollError(ErrorKind.UNAVAILABLE)
LIMITED: Final = PollError(ErrorKind.RATE_LIMITED, 20.0)
EMPTY: Final = Task(TASK, TaskState.SUCCEEDED, "succeeded", 100)


def polls(*seen: Observation, every: float = 10.0) -> list[Polled]:
    """Return the steps of polls, the first at NOW."""
    steps: list[Polled] = []
    for number, event in enumerate(seen):
        current = steps[-1] if steps else Polled(watch())
        steps.append(poll(current, event, NOW + number * every))
    return steps


# The estimate


def test_two_moves_make_an_estimate_and_a_third_one_moves_it() -> None:
    steps = polls(running(0), running(10), running(20), running(40))
    assert [step.observed.expected_end for step in steps] == [None, None, NOW + 100, pytest.approx(NOW + 75)]
    assert steps[-1].observed.samples == ((NOW, 0), (NOW + 10, 10), (NOW + 20, 20), (NOW + 30, 40))
    assert steps[-1].observed.changed_at == steps[-1].observed.polled_at == NOW + 30


def test_a_poll_without_a_change_keeps_when_the_last_one_was() -> None:
    *_, step = polls(running(0), running(0), running(0))
    assert (step.observed.changed_at, step.observed.polled_at, step.observed.idle_seconds) == (
        NOW,
        NOW + 20,
        20.0,
    )


def test_an_estimate_that_only_grew_silent_is_shown_as_well() -> None:
    *_, before, step = polls(running(0), running(10), running(20), *[running(20)] * 4)
    assert (before.observed.expected_end, step.observed.expected_end) == (NOW + 100, None)
    assert step.shows


def test_an_end_before_the_next_poll_is_no_estimate() -> None:
    *_, step = polls(running(0), running(50), running(98))
    assert step.observed.expected_end is None


def test_what_does_not_run_has_no_moves() -> None:
    pending = [running(progress, state=TaskState.PENDING) for progress in (0, 10, 20)]
    assert all(step.observed.samples == () and step.observed.expected_end is None for step in polls(*pending))


@pytest.mark.parametrize(
    ("event", "ends_at", "kept"),
    [
        (LIMITED, NOW + 10, False),
        (LIMITED, NOW + 20, False),
        (LIMITED, NOW + 20.5, True),
        (DOWN, NOW + 1, False),
        (DOWN, NOW + 3, False),
        (DOWN, NOW + 3.5, True),
        (Missing(), NOW + 1000, False),
    ],
)
def test_an_estimate_is_kept_while_it_lies_behind_the_next_poll(
    event: Observation, ends_at: float, kept: bool
) -> None:
    before = Polled(replace(watch(), seen_at=NOW - 9), Observed(running(5), expected_end=ends_at))
    step = poll(before, event, NOW)
    assert step.observed.expected_end == (ends_at if kept else None)
    assert step.shows is not kept


# Pauses


@pytest.mark.parametrize(
    ("event", "after"),
    [(running(10), 3.8), (DOWN, 3.0), (PollError(ErrorKind.RATE_LIMITED), 5.0), (LIMITED, 20.0)],
)
def test_the_first_poll_asks_for_its_own_pause(event: Observation, after: float) -> None:
    assert poll(Polled(watch()), event, NOW).after == pytest.approx(after, abs=0.1)


def test_each_trouble_doubles_the_pause() -> None:
    assert [step.after for step in polls(DOWN, DOWN, DOWN)] == [3.0, 6.0, 12.0]


def test_a_success_without_a_video_is_confirmed_at_its_own_pace() -> None:
    assert poll(Polled(watch()), EMPTY, NOW, PollPolicy(min_seconds=0.2)).after == 1.0


# The very moment


@pytest.mark.parametrize("event", [running(5), DOWN, LIMITED])
@pytest.mark.parametrize(("short_of", "ending"), [(0.0, Ending.TOO_OLD), (0.1, None)])
def test_a_watch_is_too_old_from_the_second_it_reaches_its_age(
    event: Observation, short_of: float, ending: Ending | None
) -> None:
    old = replace(watch(), started_at=NOW - POLICY.too_old_after + short_of)
    outcome = poll(Polled(old), event, NOW).outcome
    assert (outcome and outcome.ending) == ending


@pytest.mark.parametrize(("quiet", "ending"), [(7190.0, Ending.STALLED), (7189.9, None)])
def test_a_task_is_stalled_from_the_second_it_was_quiet_for_so_long(
    quiet: float, ending: Ending | None
) -> None:
    known = Observed(running(5), polled_at=NOW - 10, idle_seconds=quiet)
    outcome = poll(Polled(watch(started_at=NOW - 7_200), known), running(5), NOW).outcome
    assert (outcome and outcome.ending) == ending


@pytest.mark.parametrize("polled_at", [None, NOW, NOW + 500])
def test_no_quiet_time_is_counted_where_no_time_has_passed(polled_at: float | None) -> None:
    before = Polled(watch(), Observed(running(5), polled_at=polled_at, idle_seconds=7.0))
    assert poll(before, running(5), NOW).observed.idle_seconds == 7.0


def test_a_missing_task_is_an_answer_and_ends_troubles_and_doubts() -> None:
    failing = Observed(failures=3, error=ErrorKind.UNAVAILABLE, failing_since=NOW - 60, empty=2)
    step = poll(Polled(watch(), failing), Missing(), NOW)
    assert step.observed == Observed(missing=1, missing_since=NOW)
    assert step.shows


@pytest.mark.parametrize(("started_at", "goes_on_from"), [(NOW - 50, NOW - 50), (NOW + 50, NOW)])
def test_a_watch_that_goes_on_after_a_restart_never_began_in_the_future(
    started_at: float, goes_on_from: float
) -> None:
    before: Watch = replace(watch(), started_at=started_at, seen_at=NOW - 9)
    assert resumed(before, NOW) == replace(before, started_at=goes_on_from)


def test_a_render_begins_with_its_task_at_the_first_poll_and_else_when_it_was_seen_to() -> None:
    reported = replace(running(0), created_at=int(NOW) - 100)
    queued = replace(reported, state=TaskState.PENDING)
    (first,) = polls(reported)
    assert first.observed.began_at == NOW - 100
    waits, begun, later, back = polls(queued, reported, reported, queued)
    assert [step.observed.began_at for step in (waits, begun, later, back)] == [
        None,
        NOW + 10,
        NOW + 10,
        None,
    ]
