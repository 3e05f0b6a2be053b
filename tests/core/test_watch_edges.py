"""The law of a watch at its edges: what a step keeps, what it drops, and the very moment a bound is met."""

from dataclasses import replace
from typing import Final

import pytest
from made import NOW, TASK, running, watch

from bot.core.events import Event, Failure, Missing, PollError
from bot.core.outcome import Ending
from bot.core.pace import Pace
from bot.core.task import Task, TaskState
from bot.core.transitions import Effect, Step, advance, resumed
from bot.core.watch import Watch

PACE: Final = Pace()
DOWN: Final = Failure(PollError.UNAVAILABLE)
LIMITED: Final = Failure(PollError.RATE_LIMITED, 20.0)
EMPTY: Final = Task(TASK, TaskState.SUCCEEDED, "succeeded", 100)


def looks(*seen: Event, every: float = 10.0) -> list[Step]:
    """Return the steps of looks, the first at NOW."""
    steps: list[Step] = []
    for number, event in enumerate(seen):
        current = steps[-1].watch if steps else watch()
        steps.append(advance(current, event, NOW + number * every, PACE))
    return steps


# The estimate


def test_two_moves_make_an_estimate_and_a_third_one_moves_it() -> None:
    steps = looks(running(0), running(10), running(20), running(40))
    assert [step.watch.ends_at for step in steps] == [None, None, NOW + 100, pytest.approx(NOW + 75)]
    assert steps[-1].watch.marks == ((NOW, 0), (NOW + 10, 10), (NOW + 20, 20), (NOW + 30, 40))
    assert steps[-1].watch.changed_at == steps[-1].watch.looked_at == NOW + 30


def test_a_look_without_a_change_keeps_when_the_last_one_was() -> None:
    *_, step = looks(running(0), running(0), running(0))
    assert (step.watch.changed_at, step.watch.looked_at, step.watch.quiet) == (NOW, NOW + 20, 20.0)


def test_an_estimate_that_only_grew_silent_is_shown_as_well() -> None:
    *_, before, step = looks(running(0), running(10), running(20), *[running(20)] * 4)
    assert (before.watch.ends_at, step.watch.ends_at) == (NOW + 100, None)
    assert step.effects == (Effect.SHOW,)


def test_an_end_before_the_next_look_is_no_estimate() -> None:
    *_, step = looks(running(0), running(50), running(98))
    assert step.watch.ends_at is None


def test_what_does_not_run_has_no_moves() -> None:
    pending = [running(progress, state=TaskState.PENDING) for progress in (0, 10, 20)]
    assert all(step.watch.marks == () and step.watch.ends_at is None for step in looks(*pending))


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
def test_an_estimate_is_kept_while_it_lies_behind_the_next_look(
    event: Event, ends_at: float, kept: bool
) -> None:
    before = replace(watch(), seen_at=NOW - 9, task=running(5), ends_at=ends_at)
    step = advance(before, event, NOW, PACE)
    assert step.watch.ends_at == (ends_at if kept else None)
    assert (Effect.SHOW in step.effects) is not kept


# Pauses


@pytest.mark.parametrize(
    ("event", "after"),
    [(running(10), 11.1), (DOWN, 3.0), (Failure(PollError.RATE_LIMITED), 5.0), (LIMITED, 20.0)],
)
def test_the_first_look_asks_for_its_own_pause(event: Event, after: float) -> None:
    assert advance(watch(), event, NOW, PACE).after == pytest.approx(after, abs=0.1)


def test_each_trouble_doubles_the_pause() -> None:
    assert [step.after for step in looks(DOWN, DOWN, DOWN)] == [3.0, 6.0, 12.0]


def test_a_success_without_a_video_is_confirmed_at_its_own_pace() -> None:
    assert advance(watch(), EMPTY, NOW, Pace(min_seconds=0.2)).after == 1.0


# The very moment


@pytest.mark.parametrize("event", [running(5), DOWN, LIMITED])
@pytest.mark.parametrize(("short_of", "ending"), [(0.0, Ending.TOO_OLD), (0.1, None)])
def test_a_watch_is_too_old_from_the_second_it_reaches_its_age(
    event: Event, short_of: float, ending: Ending | None
) -> None:
    old = replace(watch(), started_at=NOW - PACE.too_old_after + short_of)
    outcome = advance(old, event, NOW, PACE).watch.outcome
    assert (outcome and outcome.ending) == ending


@pytest.mark.parametrize(("quiet", "ending"), [(7190.0, Ending.STALLED), (7189.9, None)])
def test_a_task_is_stalled_from_the_second_it_was_quiet_for_so_long(
    quiet: float, ending: Ending | None
) -> None:
    still = replace(watch(), seen_at=NOW - 9, task=running(5), looked_at=NOW - 10, quiet=quiet)
    outcome = advance(still, running(5), NOW, PACE).watch.outcome
    assert (outcome and outcome.ending) == ending


@pytest.mark.parametrize("looked_at", [None, NOW, NOW + 500])
def test_no_quiet_time_is_counted_where_no_time_has_passed(looked_at: float | None) -> None:
    before = replace(watch(), seen_at=NOW - 9, task=running(5), looked_at=looked_at, quiet=7.0)
    assert advance(before, running(5), NOW, PACE).watch.quiet == 7.0


def test_a_missing_task_is_an_answer_and_ends_troubles_and_doubts() -> None:
    troubled = replace(
        watch(), troubles=3, trouble=PollError.UNAVAILABLE, trouble_since=NOW - 60, empty_looks=2
    )
    step = advance(troubled, Missing(), NOW, PACE)
    assert step.watch == replace(watch(), missing_looks=1, missing_since=NOW)
    assert step.effects == (Effect.SHOW,)


@pytest.mark.parametrize(("started_at", "goes_on_from"), [(NOW - 50, NOW - 50), (NOW + 50, NOW)])
def test_a_watch_that_goes_on_after_a_restart_never_began_in_the_future(
    started_at: float, goes_on_from: float
) -> None:
    before: Watch = replace(watch(), started_at=started_at, seen_at=NOW - 9)
    assert resumed(before, NOW) == replace(before, started_at=goes_on_from)
