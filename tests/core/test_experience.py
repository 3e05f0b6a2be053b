"""What finished renders teach, and how often to poll because of it."""

import json
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.course import CELLS, FIRST_CELLS, Course
from bot.core.experience import GUESSED, POLLS, REMEMBERED, Experience, experience_from, pause

YOUNG, NEARLY = Course(1, 0.1, 0.01), Course(5, 0.985, 0.01)


def taught(renders: int = 50) -> Experience:
    """Return what renders teach that take 100 seconds, and end at the share of one."""
    experience = Experience()
    for _ in range(renders):
        experience.lived(Course(1, 0.0, 0.01), 40.0)
        experience.lived(Course(2, 0.4, 0.01), 30.0)
        experience.lived(Course(3, 0.7, 0.01), 20.0)
        experience.lived(Course(4, 0.9, 0.01), 7.0)
        experience.lived(Course(5, 0.97, 0.01), 2.5)
        experience.ended(Course(5, 0.995, 0.01))
    return experience


def test_untaught_it_polls_more_often_towards_the_end() -> None:
    rhythm = Experience().rhythm()
    assert len(rhythm) == CELLS
    places = [Course(row, 0.5, 0.01).cell for row in range(1, 6)]
    assert sorted(rhythm[cell] for cell in places) == [rhythm[cell] for cell in places]


def test_taught_it_polls_where_renders_end_and_hardly_where_none_did() -> None:
    before, after = Experience().rhythm(), taught().rhythm()
    assert after[YOUNG.cell] < before[YOUNG.cell] / 2
    assert after[NEARLY.cell] > before[NEARLY.cell] * 1.5
    assert pause(after, NEARLY, 15.0) < 2.0 < pause(after, YOUNG, 15.0)


def test_polls_are_the_square_root_of_the_chance() -> None:
    experience = Experience()
    cell = Course(0, 100.0, 1.0).cell
    experience.seconds[cell], experience.ends[cell] = 1e9, 1e7
    assert experience.rhythm()[cell] == pytest.approx(POLLS * 0.1, rel=1e-3)


def test_what_is_old_fades() -> None:
    experience = taught(500)
    cell = NEARLY.cell
    ends = experience.ends[cell]
    for _ in range(500):
        experience.ended(Course(0, 10.0, 1.0))
    assert ends * 0.36 < experience.ends[cell] < ends * 0.38


@pytest.mark.parametrize(
    ("rhythm", "expected"), [(0.5, 2.0), (0.1, 10.0), (0.01, 15.0)], ids=["soon", "later", "at the latest"]
)
def test_a_poll_is_due_when_the_polls_of_the_cells_add_up_to_one(rhythm: float, expected: float) -> None:
    assert pause((rhythm,) * CELLS, YOUNG, 15.0) == pytest.approx(expected)


def test_a_poll_is_due_after_cells_of_different_rhythm() -> None:
    slow, fast = Course(1, 0.29, 0.01), Course(1, 0.31, 0.01)
    rhythm = [0.0] * CELLS
    rhythm[slow.cell], rhythm[fast.cell] = 0.2, 0.5
    assert pause(tuple(rhythm), slow, 15.0) == pytest.approx(1.0 + 0.8 / 0.5)


def test_the_usual_times_are_known_from_the_third_end_on() -> None:
    for renders in (0, 2):
        assert taught(renders).usual_render == 0.0
    for renders in (3, 2_000):
        assert taught(renders).usual_render == pytest.approx(99.5, rel=0.01)
    experience = Experience()
    for passed in range(3):
        assert experience.usual_queue == 0.0, passed
        experience.queued(50.0, left=False)
        experience.queued(10.0, left=True)
    assert experience.usual_queue == pytest.approx(60.0, rel=0.01)
    for _ in range(3 * int(REMEMBERED)):
        experience.queued(20.0, left=True)
    assert experience.usual_queue == pytest.approx(20.0, rel=0.2), "what is old counts ever less"


def test_a_record_without_the_queue_is_used_and_one_with_a_damaged_queue_too() -> None:
    record = taught().record()
    for queue in (None, [1.0], ["x", 2], [-1, 2]):
        back = experience_from(record | {"queue": queue})
        assert back.ends == pytest.approx(taught().ends, abs=1e-3)
        assert back.usual_queue == 0.0


def test_what_was_recorded_comes_back() -> None:
    experience = taught(3)
    back = experience_from(json.loads(json.dumps(experience.record())))
    assert back.ends == pytest.approx(experience.ends, abs=0.001)
    assert back.seconds == pytest.approx(experience.seconds, abs=0.001)


@pytest.mark.parametrize(
    "change",
    [
        {"shape": "another"},
        {"ends": [1.0]},
        {"ends": ["1"] * CELLS},
        {"ends": [-1.0] * CELLS},
        {"seconds": [nan] * CELLS},
        {"seconds": None},
    ],
    ids=str,
)
def test_what_cannot_be_used_is_forgotten(change: dict[str, object]) -> None:
    assert experience_from(taught(3).record() | change) == Experience()
    assert experience_from([1, 2]) == Experience()
    assert experience_from(None) == Experience()


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.floats(0, 1e4), st.floats(1e-9, 1), st.floats(0, 1e4), st.booleans()),
        max_size=30,
    )
)
def test_whatever_is_taught_the_rhythm_is_usable(
    lives: list[tuple[int, float, float, float, bool]],
) -> None:
    experience = Experience()
    for row, place, speed, seconds, ended in lives:
        way = Course(row, place, speed)
        experience.lived(way, seconds)
        if ended:
            experience.ended(way.after(seconds))
    rhythm = experience.rhythm()
    assert all(0 < polls < 100 for polls in rhythm)
    assert 0 < pause(rhythm, YOUNG, 15.0) <= 15.0


def test_what_is_old_fades_a_little_with_each_end() -> None:
    experience = Experience()
    experience.lived(Course(0, 10.0, 1.0), 100.0)
    experience.ended(Course(0, 110.0, 1.0))
    assert sum(experience.seconds) == pytest.approx(100.0 * (1 - 1 / REMEMBERED))
    experience.ended(Course(0, 110.0, 1.0))
    assert sum(experience.ends) == pytest.approx(2 - 1 / REMEMBERED)


def test_a_rhythm_that_knows_nothing_is_the_guess_of_its_row() -> None:
    rhythm = Experience().rhythm()
    for first, guess in zip(FIRST_CELLS, GUESSED, strict=True):
        assert rhythm[first] == pytest.approx(POLLS * (1 / guess) ** 0.5)


@given(
    st.lists(st.floats(1e-6, 10), min_size=CELLS, max_size=CELLS),
    st.builds(Course, st.integers(0, 5), st.floats(0, 5), st.floats(1e-6, 1)),
    st.floats(0.2, 3_600),
)
def test_a_pause_is_over_when_the_cells_gone_through_make_one_poll(
    polls: list[float], course: Course, longest: float
) -> None:
    after = pause(tuple(polls), course, longest)
    due = sum(polls[cell] * stay for cell, stay in course.cells(after))
    assert 0 < after <= longest
    assert due == pytest.approx(1.0, rel=1e-6) or (due < 1 and after == longest)
