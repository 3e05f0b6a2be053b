"""The law of a watch, case by case and for every event there can be."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import NOW, TASK, VIDEO, Polled, failures, moments, poll, polls, running, watch

from bot.core.events import ErrorKind, Missing, Observation, PollError
from bot.core.observed import SHOWN_FAILURES, UNOBSERVED, Observed
from bot.core.outcome import Ending, Outcome
from bot.core.policy import PollPolicy
from bot.core.task import Task, TaskState
from bot.core.watch import CONFIRMING_POLLS, Watch, ended, is_too_old

POLICY: Final = PollPolicy()
DONE: Final = Task(TASK, TaskState.SUCCEEDED, "succeeded", 100, videos=(VIDEO,))
ODD: Final = Task(TASK, TaskState.SUCCEEDED, "succeeded", 100, refused_videos=("ftp://x",))
FAILED: Final = Task(TASK, TaskState.ERROR, "error", 45, message="no")
EMPTY: Final = Task(TASK, TaskState.SUCCEEDED, "succeeded", 100)
DOWN: Final = PollError(ErrorKind.UNAVAILABLE)
REFUSED: Final = PollError(ErrorKind.KEY_REFUSED)
BROKEN: Final = PollError(ErrorKind.BROKEN)
BAD: Final = PollError(ErrorKind.TASK_REFUSED, message="not yours")
LIMITED: Final = PollError(ErrorKind.RATE_LIMITED, 20.0)
HOUR: Final = 3600.0


def seen(*happened: Observation, every: float = 10.0, start: Watch | None = None) -> list[Polled]:
    """Return the steps of a watch to which polls happen, the first one at once."""
    steps, now = [], NOW
    current = Polled(start or watch())
    for answer in happened:
        steps.append(current := poll(current, answer, now))
        now += every
    return steps


def followed(
    answer: Callable[[float], Observation], policy: PollPolicy = POLICY
) -> tuple[float, Watch, list[Polled]]:
    """Look as often as asked for until the watch ends; return its age, itself and the steps."""
    current, now, steps = Polled(watch()), NOW, []
    while current.outcome is None:
        steps.append(current := poll(current, answer(now - NOW), now, policy))
        now += current.after or 0.0
        assert len(steps) < 100_000
    return current.outcome.at - NOW, current.watch, steps


def shows(steps: Iterable[Polled]) -> list[bool]:
    return [step.shows for step in steps]


@pytest.mark.parametrize(
    ("happened", "outcome"),
    [
        ([DONE], Outcome(Ending.SUCCEEDED, NOW, DONE)),
        ([ODD], Outcome(Ending.SUCCEEDED, NOW, ODD)),
        ([EMPTY, EMPTY, DONE], Outcome(Ending.SUCCEEDED, NOW + 20, DONE)),
        ([FAILED], Outcome(Ending.FAILED, NOW, FAILED)),
        ([EMPTY] * 4, Outcome(Ending.EMPTY, NOW + 30, EMPTY)),
        ([running(5), *[Missing()] * 7], Outcome(Ending.VANISHED, NOW + 70, running(5))),
        ([*[Missing()] * 7], Outcome(Ending.NO_SUCH_TASK, NOW + 60)),
    ],
)
def test_a_watch_ends_with_the_outcome_of_what_happened(
    happened: list[Observation], outcome: Outcome
) -> None:
    *before, last = seen(*happened)
    assert last.outcome == outcome
    assert (last.shows, last.after) == (True, None)
    assert all(step.outcome is None and step.after is not None for step in before)


@pytest.mark.parametrize(
    ("ending", "announced", "shown"),
    [
        (Ending.SUCCEEDED, True, True),
        (Ending.FAILED, True, True),
        (Ending.EMPTY, True, True),
        (Ending.VANISHED, True, True),
        (Ending.REFUSED, True, True),
        (Ending.STALLED, True, True),
        (Ending.TOO_OLD, True, True),
        (Ending.STOPPED, False, True),
        (Ending.NO_SUCH_TASK, False, True),
        (Ending.CARD_DELETED, False, False),
        (Ending.ACCESS_LOST, False, False),
    ],
)
def test_what_each_ending_asks_for(ending: Ending, announced: bool, shown: bool) -> None:
    assert (ending.announced, ending.shown) == (announced, shown)
    assert len(Ending) == 11


def test_a_task_that_never_moves_is_stalled_after_two_hours_of_polling() -> None:
    age, ended, steps = followed(lambda _age: running(40))
    assert ended.outcome == Outcome(Ending.STALLED, NOW + age, running(40))
    assert 2 * HOUR <= age < 2 * HOUR + POLICY.max_seconds
    assert shows(steps).count(True) == 3  # the first poll, the warning and the end


@pytest.mark.slow
def test_a_task_that_moves_for_ever_is_too_old_after_two_days() -> None:
    age, ended, _ = followed(lambda age: running(0, message=str(age // 600)))
    assert ended.outcome is not None
    assert ended.outcome.ending is Ending.TOO_OLD
    assert 48 * HOUR <= age < 48 * HOUR + POLICY.max_seconds


@pytest.mark.parametrize(
    ("failure", "ending", "after"),
    [
        (LIMITED, Ending.TOO_OLD, 48 * HOUR),
        (DOWN, Ending.STALLED, 2 * HOUR),
        (BROKEN, Ending.STALLED, 2 * HOUR),
        (REFUSED, Ending.REFUSED, 600),
        (BAD, Ending.REFUSED, 600),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_watch_ends_whatever_the_api_goes_on_telling(
    failure: PollError, ending: Ending, after: float, known: bool
) -> None:
    first = [running(5, "rendering")] if known else []
    age, ended, _ = followed(lambda _age: first.pop() if first else failure)
    assert ended.outcome is not None
    assert ended.outcome.ending is ending
    assert after <= age <= after + 90
    assert ended.outcome.last_message == (failure.message or ("rendering" if known else ""))


def test_the_last_words_of_the_api_are_those_that_it_said_last() -> None:
    said = PollError(ErrorKind.UNAVAILABLE, message="busy")
    for happened, last in (
        ([running(5, "moving"), said, DOWN], "busy"),
        ([running(5, "moving"), said, running(6, "again")], "again"),
        ([running(5, "moving"), said, running(6)], ""),
        ([Missing("never heard of it")], "never heard of it"),
        ([running(5), *[Missing("expired")] * 7], "expired"),
    ):
        current = seen(*happened)[-1]
        stopped = ended(current.watch, Ending.STOPPED, current.observed, NOW + 99, 7)
        outcome = current.outcome or stopped.outcome
        assert outcome is not None
        assert outcome.last_message == last


def test_a_pause_for_all_between_two_refusals_counts_as_one_pause_of_the_task() -> None:
    refused = seen(BAD, BAD, every=50.0)[-1]
    assert refused.observed.refused_for == 50.0
    assert poll(refused, BAD, NOW + 5 * HOUR).observed.refused_for == 110.0


@pytest.mark.parametrize("between", [DOWN, BROKEN, LIMITED])
def test_what_says_nothing_of_a_refusal_neither_counts_as_one_nor_ends_it(between: PollError) -> None:
    watched = [step.observed.refused_for for step in seen(BAD, BAD, between, BAD, BAD)]
    assert watched == [0, 10, 10, 10, 20]
    assert seen(BAD, BAD, running(5), BAD)[-1].observed.refused_for == 0
    assert seen(BAD, BAD, Missing(), BAD)[-1].observed.refused_for == 0


def test_flapping_answers_without_news_stall_too() -> None:
    age, ended, _ = followed(lambda age: running(5) if int(age) % 3 else DOWN)
    assert ended.outcome is not None
    assert ended.outcome.ending is Ending.STALLED
    assert 2 * HOUR <= age <= 3 * HOUR


@pytest.mark.parametrize(("old", "too_old"), [(48 * HOUR, True), (47 * HOUR, False)])
def test_a_watch_is_too_old_by_its_age_alone(old: float, too_old: bool) -> None:
    assert is_too_old(watch(started_at=NOW - old), NOW, POLICY) is too_old


def test_a_finished_task_is_never_too_old() -> None:
    (step,) = seen(DONE, start=watch(started_at=NOW - 100 * HOUR))
    assert step.outcome == Outcome(Ending.SUCCEEDED, NOW, DONE)


@pytest.mark.parametrize("away", ["limit", "shared pause"])
def test_a_time_in_which_nobody_saw_the_task_is_not_one_in_which_it_stalled(away: str) -> None:
    step = poll(Polled(watch()), running(0, state=TaskState.PENDING), NOW)
    last = NOW + 5 * HOUR
    if away == "limit":
        for minute in range(1, 300):
            step = poll(step, LIMITED, NOW + 60 * minute)
    step = poll(step, running(0, state=TaskState.PENDING), last)
    assert step.outcome is None
    assert step.observed.idle_seconds == POLICY.max_seconds


def test_a_new_task_may_be_invisible_for_a_minute() -> None:
    age, _, steps = followed(lambda _age: Missing())
    assert 60 <= age <= 70
    assert shows(steps) == [True, *[False] * (len(steps) - 2), True]
    *_, found = seen(*[Missing()] * 5, running(1))
    assert found.outcome is None
    assert found.shows


def test_a_task_is_not_unknown_by_the_first_answer_after_an_outage() -> None:
    *outage, first, second, third = seen(*[DOWN] * 9, *[Missing()] * 3)
    assert [step.outcome for step in (*outage, first, second)] == [None] * 11
    assert third.outcome == Outcome(Ending.NO_SUCH_TASK, NOW + 110)


def test_a_task_that_was_seen_before_a_restart_vanishes_instead_of_being_unknown() -> None:
    *before, last = seen(*[Missing()] * 7, start=replace(watch(started_at=NOW - HOUR), seen_at=NOW - HOUR))
    assert last.outcome == Outcome(Ending.VANISHED, NOW + 60)
    assert shows(before) == [False] * 6


@pytest.mark.parametrize(
    "happened",
    [
        [running(5), *[Missing()] * 6, running(5), *[Missing()] * 6],
        [EMPTY, EMPTY, EMPTY, Missing(), EMPTY],
        [running(5), Missing(), EMPTY, Missing(), EMPTY, Missing(), EMPTY],
        [EMPTY, EMPTY, running(5), EMPTY, EMPTY, EMPTY],
    ],
)
def test_polls_that_disagree_confirm_nothing(happened: list[Observation]) -> None:
    assert seen(*happened)[-1].outcome is None


def test_an_outage_between_confirming_polls_neither_confirms_nor_refutes() -> None:
    *_, before, last = seen(running(5), Missing(), *[DOWN] * 9, Missing(), DOWN, Missing())
    assert before.outcome is None
    assert last.outcome == Outcome(Ending.VANISHED, NOW + 130, running(5))


def test_a_minute_of_missing_ends_nothing_that_was_seen() -> None:
    age, _, steps = followed(lambda age: running(5) if age < 30 else Missing())
    missing = [step for step in steps if step.observed.missing]
    assert len(missing) > CONFIRMING_POLLS
    assert 90 <= age <= 120


# What is shown


@pytest.mark.parametrize(
    ("happened", "shown"),
    [
        ([running(5), running(5), running(5)], [True, False, False]),
        ([running(5), running(6), running(4)], [True, True, False]),
        ([running(5), running(None)], [True, False]),
        ([running(5), running(5, "hello")], [True, True]),
        ([running(5), replace(running(5), updated_at=9)], [True, False]),
        ([running(5), replace(running(5), state=TaskState.UNKNOWN, state_text="odd")], [True, True]),
        ([running(5), EMPTY, EMPTY], [True, True, False]),
        ([running(5), Missing(), Missing(), running(5)], [True, False, False, False]),
        ([running(5), DOWN, DOWN, running(5)], [True, False, False, False]),
        ([running(5), *[DOWN] * 6], [True, False, False, True, False, False, False]),
        ([running(5), *[DOWN] * 3, running(5), running(5)], [True, False, False, True, True, False]),
        ([running(5), *[DOWN] * 3, REFUSED, REFUSED], [True, False, False, True, True, False]),
        ([running(5), DOWN, REFUSED, REFUSED, REFUSED], [True, False, False, True, False]),
        ([DOWN, DOWN, DOWN, DOWN], [False, False, True, False]),
        ([DOWN, DOWN, DOWN, Missing(), Missing()], [False, False, True, True, False]),
        ([*[LIMITED] * 4, running(5)], [False, False, True, False, True]),
        ([*[BAD] * 3, replace(BAD, message="other")], [False, False, True, True]),
    ],
)
def test_the_card_is_shown_when_it_may_look_different_and_only_then(
    happened: list[Observation], shown: list[bool]
) -> None:
    assert shows(seen(*happened)) == shown


def test_failures_are_told_since_the_first_one_and_an_answer_forgets_them() -> None:
    *_, third, back = seen(running(5), DOWN, REFUSED, DOWN, running(5))
    assert (third.observed.failures, third.observed.failing_since) == (SHOWN_FAILURES, NOW + 10)
    assert third.observed.is_failing
    known = third.observed
    assert back.observed == Observed(
        task=running(5),
        changed_at=NOW,
        last_change=NOW,
        polled_at=NOW + 40,
        idle_seconds=40.0,
        began_at=known.began_at,
        samples=known.samples,
    )


def test_a_limit_holds_its_task_and_longer_each_time_it_comes_again() -> None:
    assert [step.after for step in seen(*[LIMITED] * 6)] == [20, 20, 20, 24, 45, 45]
    unnamed = PollError(ErrorKind.RATE_LIMITED)
    assert [step.after for step in seen(*[unnamed] * 6)] == [5, 6, 12, 24, 45, 45]


# What holds whatever happens


@given(st.lists(st.tuples(st.floats(0, 300), polls), max_size=30))
def test_the_law_holds_for_every_course_of_polls(course: list[tuple[float, Observation]]) -> None:
    before, now = Polled(watch()), NOW
    for passed, answer in course:
        now += passed
        step = poll(before, answer, now, POLICY, 0.3)
        after = step.observed
        assert (step.outcome is None) == (step.after is not None)
        assert step.after is None or 0 < step.after <= 300
        assert step.outcome is not None or (step.watch.seen_at is not None) >= (after.task is not None)
        if before.observed.task is not None and before.observed.task.progress is not None:
            assert after.task is not None
            assert after.task.progress is not None
            assert after.task.progress >= before.observed.task.progress
        assert after.missing <= CONFIRMING_POLLS or step.watch.seen_at is None
        assert after.empty <= CONFIRMING_POLLS + 1
        assert (after.error is None) == (after.failures == 0)
        if step.outcome is not None:
            return
        before = step


@given(failures, moments, st.floats(0, 1, exclude_max=True))
def test_no_time_and_no_chance_makes_a_pause_that_is_none(
    failure: PollError, at: float, chance: float
) -> None:
    step = poll(Polled(watch(started_at=at)), failure, NOW, POLICY, chance)
    assert step.outcome is not None or 0 < (step.after or 0) <= 300


@pytest.mark.parametrize(
    ("known", "answer", "ending"),
    [
        (Observed(running(5), NOW - 9 * HOUR, NOW - 10, 3 * HOUR), running(5), Ending.STALLED),
        (replace(UNOBSERVED, failures=9, error=ErrorKind.TASK_REFUSED, refused_for=900), BAD, Ending.REFUSED),
    ],
    ids=["stalled", "refused"],
)
def test_a_watch_that_began_later_has_not_waited_for_what_others_saw(
    known: Observed, answer: Observation, ending: Ending
) -> None:
    early, late = watch(started_at=NOW - 9 * HOUR), watch(started_at=NOW - 60)
    ended_early, goes_on = (poll(Polled(row, known), answer, NOW).outcome for row in (early, late))
    assert ended_early is not None
    assert ended_early.ending is ending
    assert goes_on is None
