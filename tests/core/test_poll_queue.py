"""Whose poll begins next: what is due first, the failing ones behind the others, each task once."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.budget import RequestBudget
from bot.core.concurrency import START
from bot.core.poll_queue import FAILING_SHARE, PEOPLE_AHEAD, PollQueue


def queue_of(count: int, *, failing: int = 0) -> PollQueue:
    """Return a queue in which so many tasks are due at 0, the failing ones first."""
    names = [f"{'failing' if number < failing else 'good'}-{number}" for number in range(count)]
    queue = PollQueue(names, RequestBudget())
    for number, name in enumerate(names):
        queue.schedule(name, 0.0, failing=number < failing)
    return queue


def take_all(queue: PollQueue, now: float = 1.0) -> list[str]:
    taken = []
    while queue.next_at() <= now:
        taken.append(queue.take(now)[0])
    return taken


def test_the_earlier_of_two_schedules_holds() -> None:
    queue = PollQueue(["a", "b", "c"], RequestBudget())
    queue.schedule("a", 10.0)
    queue.schedule("a", 20.0)
    queue.schedule("b", 30.0)
    queue.schedule("b", 5.0)
    assert ("a" in queue, "c" in queue) == (True, False)
    assert queue.next_at() == 5.0
    assert queue.take(5.0) == ("b", 5.0)
    assert queue.next_at() == 10.0
    assert queue.take(12.0) == ("a", 10.0)
    assert queue.next_at() == inf


def test_a_poll_can_be_put_off_but_not_while_it_is_in_flight() -> None:
    queue = PollQueue(["a"], RequestBudget())
    queue.schedule("a", 1.0)
    queue.reschedule("a", 20.0)
    assert queue.next_at() == 20.0
    queue.take(20.0)
    queue.reschedule("a", 21.0)
    queue.done("a", 50.0, failing=False)
    assert queue.next_at() == 50.0


def test_a_task_in_flight_is_scheduled_by_its_end_only() -> None:
    queue = PollQueue(["a"], RequestBudget())
    queue.schedule("a", 1.0)
    queue.take(1.0)
    queue.schedule("a", 2.0)
    assert "a" in queue
    assert (queue.next_at(), queue.in_flight) == (inf, {"a": 1.0})
    queue.done("a", 7.0, failing=False)
    assert (queue.next_at(), queue.in_flight) == (7.0, {})


def test_a_task_that_nobody_watches_any_more_is_dropped() -> None:
    watched = ["a", "b"]
    queue = PollQueue(watched, RequestBudget())
    queue.schedule("a", 1.0)
    queue.schedule("b", 2.0)
    queue.take(1.0)
    watched.clear()
    assert queue.next_at() == inf
    queue.done("a", 3.0, failing=True)
    assert queue.next_at() == inf
    assert "a" not in queue
    assert "b" not in queue


def test_failing_tasks_take_at_most_half_of_the_places() -> None:
    queue = queue_of(500, failing=300)
    taken = take_all(queue)
    assert len(taken) == START
    assert sum(name.startswith("failing") for name in taken) <= START // 2
    only_failing = queue_of(300, failing=300)
    first = take_all(only_failing)
    assert len(first) == START // 2
    only_failing.done(first[0], None, failing=False)
    assert len(take_all(only_failing)) == 1, "the end of a poll makes capacity"


def test_while_others_are_due_all_the_time_one_poll_in_ten_is_of_a_failing_task() -> None:
    taken = take_all(queue_of(150, failing=50))
    places = [place for place, name in enumerate(taken[: 10 * FAILING_SHARE]) if name.startswith("failing")]
    assert places == list(range(FAILING_SHARE - 1, 10 * FAILING_SHARE, FAILING_SHARE))


def test_a_poll_that_succeeds_brings_a_task_back_among_the_others() -> None:
    queue = queue_of(1, failing=1)
    (name,) = take_all(queue)
    assert queue.is_failing(name)
    queue.done(name, 5.0, failing=False)
    assert not queue.is_failing(name)
    queue.schedule(name, 6.0, failing=True)
    assert queue.is_failing(name)
    assert queue.take(5.0) == (name, 5.0), "a failed poll from elsewhere does not put it off"


@pytest.mark.parametrize(("count", "latest"), [(4, 2.0), (1_000, 15.0)])
def test_what_is_overdue_is_spread_out_and_nothing_else(count: int, latest: float) -> None:
    queue = queue_of(count)
    queue._watched.append("later")  # type: ignore[attr-defined]
    queue.schedule("later", 200.0)
    chances = iter([number / count for number in range(count)])
    queue.spread(100.0, 15.0, 2.0, lambda: next(chances))
    due = []
    while (at := queue.next_at()) < 200.0:
        due.append(at)
        queue.done(queue.take(at)[0], None, failing=False)
    assert due == [pytest.approx(100.0 + latest * number / count) for number in range(count)]
    assert queue.take(200.0) == ("later", 200.0)


def test_the_most_urgent_of_those_that_are_due_goes_first() -> None:
    queue = PollQueue("abc", RequestBudget())
    for name, due in (("a", 1.0), ("b", 2.0), ("c", 3.0)):
        queue.schedule(name, due)
    assert queue.take(4.0, lambda name, due: {"a": 2.0, "b": 5.0}.get(name, 4.0) + due) == ("b", 2.0)
    assert queue.take(4.0, lambda name, due: {"a": 2.0}.get(name, 4.0) + due) == ("c", 3.0)
    assert queue.next_at() == 1.0
    queue.schedule("c", 2.0)
    assert "c" in queue, "still in flight"
    queue.done("c", 0.5, failing=False)
    assert queue.take(4.0) == ("c", 0.5)


@pytest.mark.slow
@settings(max_examples=40)
@given(
    st.integers(1, 40),
    st.integers(2, 60),
    st.floats(0.1, 2.0),
    st.lists(st.floats(0.5, 60.0), min_size=60, max_size=60),
)
def test_however_small_the_budget_nobody_starves(
    tasks: int, per_minute: int, asks_every: float, paces: list[float]
) -> None:
    """The tasks' own paces are up to 120 times as fast as each other, and somebody asks all the time."""
    budget = RequestBudget(per_minute)
    queue = PollQueue([str(number) for number in range(tasks)], budget)
    for number in range(tasks):
        queue.schedule(str(number), 0.0)
    last = dict.fromkeys(queue._watched, 0.0)
    now, persons, sent = 0.0, list[float](), list[float]()

    def urgency(name: str, due: float) -> float:
        return (now - due) / paces[int(name)]

    slowest = max(paces) / min(paces)
    longest = (tasks * slowest + 2) * 2 * (62 / per_minute) * 2 + 62
    while now < min(2_000.0, 2 * longest):
        if queue.people_waiting == 0 and now >= asks_every * len(persons):
            queue.people_waiting = 1
        if queue.people_waiting and queue.person_at(now, alone=False) <= now:
            queue.people_waiting = 0
            queue.begin_persons()
            budget.sent(now)
            persons.append(now)
            sent.append(now)
        while queue.next_at() <= now:
            name, _ = queue.take(now, urgency)
            budget.sent(now)
            sent.append(now)
            assert now - last[name] <= longest, "it starves"
            last[name] = now
            queue.done(name, now + paces[int(name)], failing=False)
        now += 0.5
    assert all(later - earlier >= 60 for earlier, later in zip(sent, sent[per_minute:], strict=False))
    assert len(persons) <= len(sent) / 2 + PEOPLE_AHEAD or tasks / max(paces) < per_minute / 60


names = st.sampled_from("abcdef")
acts = st.one_of(
    st.tuples(st.just("schedule"), names, st.floats(0, 30), st.booleans()),
    st.tuples(st.just("done"), names, st.none() | st.floats(0, 30), st.booleans()),
    st.tuples(st.just("wait"), names, st.floats(0, 5), st.booleans()),
)


@given(st.lists(acts))
def test_whatever_happens_each_task_is_polled_once_when_it_is_due(
    acts: list[tuple[str, str, float | None, bool]],
) -> None:
    queue, now, due = PollQueue("abcdef", RequestBudget()), 0.0, dict[str, float]()
    for act, name, after, failing in acts:
        if act == "schedule" and after is not None:
            queue.schedule(name, now + after, failing=failing)
            if name not in queue.in_flight:
                due[name] = min(now + after, due.get(name, inf))
        elif act == "done" and name in queue.in_flight:
            queue.done(name, None if after is None else now + after, failing=failing)
            if after is not None:
                due[name] = now + after
        elif act == "wait" and after is not None:
            now += after
            while queue.next_at() <= now:
                taken, was_due = queue.take(now)
                assert due.pop(taken) == was_due <= now
        assert queue.next_at() == min(due.values(), default=inf)
