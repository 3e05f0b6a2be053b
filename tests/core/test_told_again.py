"""A look that tells the same again: counted beside the watch, it comes to what `advance` makes of it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import NOW, running, tasks, watch

from bot.core.estimate import expected_end
from bot.core.events import Failure, Missing, PollError
from bot.core.experience import Experience
from bot.core.lesson import learn, learn_nothing_new
from bot.core.pace import Pace
from bot.core.task import Task, TaskState
from bot.core.transitions import advance, looked_on, told_again
from bot.core.watch import Watch

PACE = Pace()
EIGHTHS = (st.integers(0, 400) | st.integers(0, 64_000)).map(lambda eighths: eighths / 8)
"""Seconds of which sums are exact."""
SEEN = advance(watch(), running(40), NOW, PACE).watch


def seen(told: Task, *moves: tuple[float, int]) -> Watch:
    """Return a watch that has seen a task, and its progress move after so many seconds."""
    state, now = watch(), NOW
    for after, progress in moves:
        now += after
        state = advance(state, replace(told, progress=progress), now, PACE).watch
    return advance(state, told, now + 1, PACE).watch


@given(
    told=tasks(),
    moves=st.lists(st.tuples(EIGHTHS, st.integers(0, 99)), max_size=6),
    gap=EIGHTHS,
    before=EIGHTHS,
)
def test_it_is_what_advance_would_make_of_it(
    told: Task, moves: list[tuple[float, int]], gap: float, before: float
) -> None:
    moved = seen(told, *moves)
    if moved.task is None or moved.looked_at is None:
        return
    now = moved.looked_at + gap
    quiet = before + min(gap, PACE.max_seconds)
    after = told_again(moved, moved.task, now, quiet, PACE)
    if after is None:
        return
    step = advance(looked_on(moved, moved.looked_at, before), moved.task, now, PACE)
    assert step.after == after
    assert step.effects == ()
    assert step.watch == looked_on(moved, now, quiet)


def test_a_render_under_way_that_does_not_move_needs_nothing() -> None:
    assert SEEN.task is not None
    assert told_again(SEEN, SEEN.task, NOW + 5, 5.0, PACE) == advance(SEEN, SEEN.task, NOW + 5, PACE).after


@pytest.mark.parametrize("state", [TaskState.PENDING, TaskState.UNKNOWN])
def test_a_task_that_waits_needs_nothing_and_is_looked_at_less_and_less(state: TaskState) -> None:
    task = running(None, state=state)
    waiting = advance(watch(), task, NOW, PACE).watch
    pauses = [told_again(waiting, task, NOW + quiet, quiet, PACE) for quiet in (1.0, 30.0, 600.0)]
    assert pauses == [4.0, 10.0, 15.0]


@pytest.mark.parametrize(
    ("before", "task", "now", "quiet"),
    [
        (SEEN, running(40), NOW + 5, 5.0),
        (advance(SEEN, Failure(PollError.UNAVAILABLE), NOW + 1, PACE).watch, SEEN.task, NOW + 5, 5.0),
        (advance(SEEN, Missing(), NOW + 1, PACE).watch, SEEN.task, NOW + 5, 5.0),
        (SEEN, SEEN.task, NOW + 7_300, 7_200.0),
        (looked_on(SEEN, NOW + 7_000, 7_000.0), SEEN.task, NOW + 7_210, 200.0),
        (SEEN, SEEN.task, NOW + 48 * 3_600, 5.0),
        (watch(), SEEN.task, NOW + 5, 5.0),
    ],
    ids=["another answer", "after trouble", "after missing", "stalled", "stalled in all", "too old", "new"],
)
def test_what_is_to_be_decided_is_left_to_advance(
    before: Watch, task: Task, now: float, quiet: float
) -> None:
    assert told_again(before, task, now, quiet, PACE) is None


def test_a_task_that_ended_or_has_no_video_yet_is_left_to_advance() -> None:
    for task in (running(100, state=TaskState.SUCCEEDED), running(state=TaskState.ERROR)):
        ended = advance(watch(), task, NOW, PACE).watch
        assert told_again(ended, task, NOW + 5, 5.0, PACE) is None


def test_an_estimate_that_runs_out_is_left_to_advance() -> None:
    moving = seen(running(30), (0, 10), (10, 20), (10, 30))
    assert moving.task is not None
    assert moving.ends_at is not None
    soon, late = NOW + 25, moving.ends_at - 1
    assert told_again(moving, moving.task, soon, 4.0, PACE) is not None
    assert expected_end(moving.marks, late, late + 2) is None
    assert told_again(moving, moving.task, late, 40.0, PACE) is None


def test_looks_that_told_nothing_new_teach_the_same_when_they_are_taken_in_together() -> None:
    one, together = Experience(), Experience()
    state = SEEN
    assert state.task is not None
    for seconds in range(5, 300, 5):
        learn(one, state, state.task, NOW + seconds)
        state = advance(state, state.task, NOW + seconds, PACE).watch
    learn_nothing_new(together, SEEN, NOW + 295)
    assert together.seconds == pytest.approx(one.seconds)
    assert sum(together.seconds) == pytest.approx(295.0)


@pytest.mark.parametrize("unknown", [{"began_at": None}, {"looked_at": None}, {"looked_at": NOW + 10}])
def test_nothing_is_learned_where_no_time_went_by(unknown: dict[str, float | None]) -> None:
    experience = Experience()
    learn_nothing_new(experience, replace(SEEN, **unknown), NOW + 10)  # type: ignore[arg-type]
    assert experience == Experience()


def test_a_render_begins_with_its_task_at_the_first_look_and_else_when_it_was_seen_to() -> None:
    told = replace(running(0), created_at=int(NOW) - 100)
    first = advance(watch(), told, NOW, PACE).watch
    assert first.began_at == NOW - 100
    queued = advance(watch(), replace(told, state=TaskState.PENDING), NOW, PACE).watch
    assert queued.began_at is None
    begun = advance(queued, told, NOW + 10, PACE).watch
    assert begun.began_at == NOW + 10
    assert advance(begun, told, NOW + 20, PACE).watch.began_at == NOW + 10
    assert advance(begun, replace(told, state=TaskState.PENDING), NOW + 20, PACE).watch.began_at is None


def test_an_estimate_that_would_be_over_by_the_next_look_is_left_to_advance() -> None:
    moving = seen(running(90), (0, 70), (10, 80), (10, 90))
    assert moving.task is not None
    assert moving.ends_at == NOW + 30
    pauses = [
        (now, told_again(moving, moving.task, now, 4.0, PACE)) for now in range(int(NOW) + 21, int(NOW) + 40)
    ]
    assert pauses[0][1] is not None
    assert all(after is None or now + after < moving.ends_at for now, after in pauses)
