"""What one poll teaches: seconds lived, and where a render ended."""

from dataclasses import replace

import pytest
from made import running

from bot.core.course import Course, course
from bot.core.experience import Experience
from bot.core.observed import Observed
from bot.core.task import TaskState
from bot.engine.tuner import learn

BEFORE = Observed(task=running(50), polled_at=100.0, began_at=0.0, samples=((100.0, 50),))


def test_a_poll_at_a_render_that_goes_on_teaches_where_none_ended() -> None:
    experience = Experience()
    assert not learn(experience, BEFORE, running(55), 110.0)
    assert sum(experience.seconds) == pytest.approx(10.0)
    assert experience.seconds[course(BEFORE.samples, 0.0, 105.0).cell] == pytest.approx(10.0)
    assert sum(experience.ends) == 0.0


@pytest.mark.parametrize("state", [TaskState.SUCCEEDED, TaskState.ERROR])
@pytest.mark.parametrize(
    ("updated_at", "until"),
    [(104, 4.0), (None, 5.0), (99, 5.0), (100, 5.0), (110, 5.0), (9_999, 5.0)],
    ids=["as told", "not told", "before the last poll", "at it", "at this poll", "in the future"],
)
def test_an_end_teaches_when_it_was_as_told_or_half_way(
    state: TaskState, updated_at: int | None, until: float
) -> None:
    experience = Experience()
    assert learn(experience, BEFORE, replace(running(100, state=state), updated_at=updated_at), 110.0)
    assert sum(experience.seconds) == pytest.approx(until, rel=0.01)
    assert experience.ends[Course(2, 0.5 + until * 0.005, 0.005).cell] == 1.0


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (replace(BEFORE, began_at=None), 110.0),
        (replace(BEFORE, polled_at=None), 110.0),
        (BEFORE, 100.0),
        (BEFORE, 90.0),
        (BEFORE, 161.0),
    ],
    ids=["was not rendered", "never polled", "no time", "clock set back", "not polled for long"],
)
def test_nothing_is_learned_where_nobody_knows_what_was_when(before: Observed, now: float) -> None:
    experience = Experience()
    assert not learn(experience, before, running(100, state=TaskState.SUCCEEDED), now)
    assert experience == Experience()


def test_polls_of_a_queued_task_teach_how_long_the_queue_is() -> None:
    experience = Experience()
    waiting = running(0, state=TaskState.PENDING)
    before = Observed(task=waiting, polled_at=100.0)
    assert not learn(experience, before, waiting, 110.0)
    assert experience.queue == [10.0, 0.0]
    assert learn(experience, before, running(5), 105.0)
    assert experience.queue == pytest.approx([15.0, 1.0], rel=0.01)
    assert sum(experience.seconds) == 0.0


@pytest.mark.parametrize("gap", [0.5, 60.0])
def test_polls_half_a_second_to_a_minute_apart_teach(gap: float) -> None:
    experience = Experience()
    learn(experience, BEFORE, running(55), 100.0 + gap)
    assert sum(experience.seconds) == pytest.approx(gap)
