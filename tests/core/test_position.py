"""Where a render is: stages, places, and the buckets that it passes."""

from itertools import pairwise
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.position import AGES, AXES, BUCKETS, FIRST_BUCKETS, SHARES, Position, beginning, position
from bot.core.task import Task, TaskState


def test_a_render_without_progress_is_at_its_age() -> None:
    assert position((), 100.0, 130.0) == (0, 30.0, 1.0, 0.0)
    waiting = position(((100.0, 0),), 100.0, 130.0)
    assert waiting[:3] == (0, 30.0, 1.0)
    assert 0 < waiting.moves < position(((129.0, 0),), 100.0, 130.0).moves, "its first move is expected"
    assert position((), 100.0, 90.0) == (0, 0.0, 1.0, 0.0), "by a clock that was set back"


@pytest.mark.parametrize(("percent", "stage"), [(1, 1), (49, 1), (50, 2), (89, 2), (90, 3), (100, 3)])
def test_progress_chooses_the_stage(percent: int, stage: int) -> None:
    assert position(((50.0, percent),), 0.0, 50.0).stage == stage


def test_progress_that_has_not_been_seen_to_move_may_be_as_fast_as_any() -> None:
    assert position(((0.0, 60),), 0.0, 0.0)[:3] == (2, 0.6, 1 / 60)
    assert position(((0.0, 60),), 0.0, 12.0).place == pytest.approx(0.8)
    assert position(((300.0, 60),), 0.0, 300.0).speed == 1 / 60, "it may have been queued for most of its age"


def test_a_queue_that_nobody_saw_does_not_make_a_render_slow() -> None:
    reached = position(((290.0, 10), (300.0, 30)), 0.0, 305.0)
    assert reached[:3] == pytest.approx((1, 0.4, 0.02))


def test_speed_is_that_of_the_whole_way_to_the_newest_move() -> None:
    reached = position(((20.0, 10), (120.0, 50)), 100.0, 130.0)
    assert reached[:3] == pytest.approx((2, 0.75, 0.025))
    assert position(((101.0, 50),), 100.0, 101.0).speed == pytest.approx(0.5), "old enough to tell"


def test_progress_is_expected_to_move_at_its_speed_and_less_once_it_stands_still() -> None:
    samples = ((0.0, 0), (50.0, 50))
    just_moved, standing = (position(samples, 0.0, now).moves for now in (50.0, 150.0))
    assert just_moved == pytest.approx(1 / 5), "two points at one a second, and three seconds"
    assert standing == pytest.approx(1 / 105)


def test_edges_are_close_together_where_renders_end() -> None:
    assert all(low < high for axis in AXES for low, high in pairwise(axis))
    assert all(high - low <= max(2.0, 0.03 * high) for low, high in pairwise(AGES))
    assert all(high - low < 0.021 for low, high in pairwise(SHARES) if 0.97 < low < 1.02)


def test_buckets_are_passed_in_turn() -> None:
    edge = AGES[3]
    assert list(Position(0, edge - 1.5, 1.0).buckets(3.0)) == [(3, 1.5), (4, 1.5)]
    assert list(Position(0, edge - 1.5, 0.5).buckets(4.0)) == [(3, 3.0), (4, 1.0)]
    assert list(Position(0, 1e9, 1.0).buckets(30.0)) == [(len(AGES), 30.0)]
    assert list(Position(1, 0.0, 0.01).buckets(1.0)) == [(FIRST_BUCKETS[1], 1.0)]


@given(st.integers(0, 3), st.floats(0, 1e6), st.floats(1e-9, 10), st.floats(0, 1e5))
def test_no_second_is_lost_and_every_bucket_is_one_of_its_stage(
    stage: int, place: float, speed: float, seconds: float
) -> None:
    passed = list(Position(stage, place, speed).buckets(seconds))
    assert isclose(sum(stay for _, stay in passed), seconds, rel_tol=1e-6, abs_tol=1e-6)
    buckets = [bucket for bucket, _ in passed]
    assert buckets == sorted(set(buckets))
    assert all(0 <= bucket - FIRST_BUCKETS[stage] <= len(AXES[stage]) for bucket in buckets)
    assert all(bucket < BUCKETS for bucket in buckets)


@pytest.mark.parametrize(
    ("created_at", "began_at"),
    [(900, 900), (None, 1_000.0), (1_000, 1_000.0), (1_001, 1_000.0), (500, 1_000.0), (501, 501)],
    ids=["as reported", "not reported", "at this poll", "in the future", "too long ago", "just not"],
)
def test_a_running_render_began_with_its_task_if_that_is_plausible(
    created_at: int | None, began_at: float
) -> None:
    task = Task("t", TaskState.RUNNING, created_at=created_at)
    assert beginning(task, 1_000.0, 500.0) == began_at
