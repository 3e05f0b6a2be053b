"""Where a render is on its way: rows, places, and the cells that it goes through."""

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.course import AXES, CELLS, FIRST_CELLS, Course, beginning, course
from bot.core.task import Task, TaskState


def test_a_render_that_tells_nothing_is_only_so_old() -> None:
    assert course((), 100.0, 130.0) == (0, 30.0, 1.0)
    assert course(((100.0, 0),), 100.0, 130.0) == (0, 30.0, 1.0)
    assert course((), 100.0, 90.0) == (0, 0.0, 1.0), "by a clock that was set back"


@pytest.mark.parametrize(
    ("percent", "row"), [(1, 1), (39, 1), (40, 2), (70, 3), (89, 3), (90, 4), (97, 5), (100, 5)]
)
def test_progress_chooses_the_row(percent: int, row: int) -> None:
    assert course(((50.0, percent),), 0.0, 50.0).row == row


def test_a_render_that_keeps_its_pace_is_done_at_the_share_of_one() -> None:
    way = course(((20.0, 10), (50.0, 25)), 0.0, 50.0)
    assert way.place == 0.25
    assert way.after(150.0).place == 1.0
    assert way.after(300.0).place == 1.75, "overdue"


def test_progress_without_an_age_is_taken_to_go_on_at_the_usual_speed() -> None:
    assert course(((0.0, 60),), 0.0, 0.0) == (2, 0.6, 1 / 300)
    assert course(((0.0, 60),), 0.0, 30.0).place == pytest.approx(0.7)


def test_cells_are_gone_through_in_turn() -> None:
    cells, seconds = zip(*Course(1, 0.25, 0.01).cells(30.0), strict=True)
    assert cells == (FIRST_CELLS[1], FIRST_CELLS[1] + 1, FIRST_CELLS[1] + 2)
    assert seconds == pytest.approx((5.0, 20.0, 5.0))
    assert list(Course(0, 1e9, 1.0).cells(30.0)) == [(len(AXES[0]), 30.0)]
    assert list(Course(1, 0.25, 0.01).cells(0.0)) == []


@given(st.integers(0, 5), st.floats(0, 1e6), st.floats(1e-9, 10), st.floats(0, 1e5))
def test_no_second_is_lost_and_every_cell_is_one_of_its_row(
    row: int, place: float, speed: float, seconds: float
) -> None:
    way = Course(row, place, speed)
    gone = list(way.cells(seconds))
    assert isclose(sum(stay for _, stay in gone), seconds, rel_tol=1e-6, abs_tol=1e-6)
    cells = [cell for cell, _ in gone]
    assert cells == sorted(set(cells))
    assert all(0 <= cell - FIRST_CELLS[row] <= len(AXES[row]) and cell < CELLS for cell in cells)
    assert not cells or cells[0] == way.cell


@pytest.mark.parametrize(
    ("created_at", "began_at"),
    [(900, 900), (None, 1_000.0), (1_000, 1_000.0), (1_001, 1_000.0), (500, 1_000.0), (501, 501)],
    ids=["as told", "not told", "at this poll", "in the future", "too long ago", "just not"],
)
def test_a_render_under_way_began_with_its_task_if_that_can_be_believed(
    created_at: int | None, began_at: float
) -> None:
    task = Task("t", TaskState.RUNNING, created_at=created_at)
    assert beginning(task, 1_000.0, 500.0) == began_at


def test_speed_is_that_of_the_whole_way_to_the_newest_move_and_goes_on() -> None:
    way = course(((120.0, 50),), 100.0, 130.0)
    assert tuple(way) == pytest.approx((2, 0.75, 0.025))
    assert tuple(way.after(2.0)) == pytest.approx((2, 0.8, 0.025))
    assert course(((101.0, 50),), 100.0, 101.0).speed == pytest.approx(0.5), "old enough to tell"
