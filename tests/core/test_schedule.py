"""What is due when: the earliest plan of each task holds, and each is taken once."""

from hypothesis import given
from hypothesis import strategies as st

from bot.core.schedule import SLOT_SECONDS, Schedule


def test_the_earlier_of_two_plans_holds() -> None:
    schedule = Schedule()
    assert schedule.plan("a", 10.0)
    assert not schedule.plan("a", 20.0)
    assert not schedule.plan("a", 10.0)
    assert not schedule.plan("b", 12.0), "something is due before it"
    assert schedule.plan("b", 5.0)
    assert ("a" in schedule, "c" in schedule, len(schedule)) == (True, False, 2)
    assert schedule.soonest is not None
    assert 5.0 <= schedule.soonest <= 5.001 + SLOT_SECONDS
    assert schedule.take(4.99) is None
    assert schedule.take(5.001 + SLOT_SECONDS) == ("b", 5.0)
    assert schedule.take(9.0) is None
    assert schedule.take(9.0, early=True) == ("a", 10.0)
    assert schedule.take(100.0) is None
    assert schedule.take(100.0, early=True) is None
    assert not schedule


def test_what_is_put_off_is_due_later_only() -> None:
    schedule = Schedule()
    schedule.plan("a", 1.0)
    schedule.plan("b", 2.0)
    assert schedule.late(1.5) == ["a"]
    assert schedule.late(2.0) == ["a", "b"]
    assert schedule.late(0.5) == []
    assert not schedule.put_off("a", 3.0), "something is due before it"
    assert not schedule.put_off("c", 3.0)
    assert schedule.put_off("c", 0.5)
    assert schedule.take(1.0) == ("c", 0.5)
    assert schedule.take(2.5) == ("b", 2.0)
    assert schedule.take(2.5) is None
    assert schedule.take(3.1) == ("a", 3.0)


def test_what_is_due_together_is_taken_together() -> None:
    schedule = Schedule()
    for number in range(3):
        schedule.plan(f"task-{number}", 1.0 + number * SLOT_SECONDS / 10)
    assert sorted(iter(lambda: (schedule.take(1.1) or ("", 0))[0], "")) == ["task-0", "task-1", "task-2"]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 100))))
def test_whatever_is_planned_is_taken_once_in_order_at_its_earliest_time(
    plans: list[tuple[str, float]],
) -> None:
    schedule, expected = Schedule(), dict[str, float]()
    for task_id, due in plans:
        schedule.plan(task_id, due)
        expected[task_id] = min(due, expected.get(task_id, due))
    taken, now = list[tuple[str, float]](), 0.0
    while schedule:
        assert schedule.soonest is not None
        assert schedule.soonest > now or not taken
        now = schedule.soonest
        while (one := schedule.take(now)) is not None:
            assert now - SLOT_SECONDS * 1.001 <= one[1] <= now
            taken.append(one)
    assert len(taken) == len(expected)
    assert dict(taken) == expected


@given(st.lists(st.one_of(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), st.floats(0, 5))))
def test_nothing_is_overslept_by_whoever_sleeps_until_the_soonest_or_a_plan_before_it(
    acts: list[tuple[str, float] | float],
) -> None:
    schedule, now = Schedule(), 0.0
    wakes = schedule.soonest
    for act in acts:
        if isinstance(act, tuple):  # plan, so many seconds from now
            if schedule.plan(act[0], now + act[1]):
                wakes = schedule.soonest
        else:  # so many seconds pass
            now += act
            while wakes is not None and wakes <= now:
                while schedule.take(wakes) is not None:
                    pass
                wakes = schedule.soonest
        assert all(due + SLOT_SECONDS > now - 0.001 for due in schedule._due.values()), "overslept"
        if len(schedule):
            assert wakes is not None, "asleep for ever"
