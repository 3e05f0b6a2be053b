"""The shared pause: what the looks at all tasks say together about the API."""

from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import NOW, failures, running

from bot.core.events import Failure, Missing, PollError, Seen
from bot.core.health import IMPOSSIBLE_ID, Health, Mode, after_key_probe, after_look, answered
from bot.core.task_ids import is_task_id

DOWN: Final = Failure(PollError.UNAVAILABLE)
REFUSED: Final = Failure(PollError.KEY_REFUSED)
LIMITED: Final = Failure(PollError.RATE_LIMITED, 20.0)
OK: Final = running(5)


def after(*looks: tuple[str, Seen], start: Health = Health()) -> Health:  # noqa: B008
    """Return the health after looks at tasks, one a second from NOW on."""
    health = start
    for second, (task_id, seen) in enumerate(looks):
        health = after_look(health, task_id, seen, NOW + second)
    return health


SILENT: Final = after(("a", DOWN), ("b", DOWN), ("c", DOWN))


def test_three_different_tasks_that_fail_in_a_row_open_the_shared_pause() -> None:
    assert (SILENT.mode, SILENT.paused, SILENT.since) == (Mode.SILENT, True, NOW)
    assert SILENT.not_before == NOW + 2 + 5


@pytest.mark.parametrize(
    "looks",
    [
        [("a", DOWN)] * 50,
        [("a", DOWN), ("b", DOWN)] * 50,
        [("a", DOWN), ("b", DOWN), ("x", OK), ("c", DOWN), ("a", DOWN), ("x", OK)],
        [("a", DOWN), ("b", DOWN), ("x", Missing()), ("c", DOWN)],
        [("a", DOWN), ("b", DOWN), ("c", REFUSED), ("d", REFUSED), ("e", DOWN)],
        [("a", LIMITED), ("b", LIMITED), ("c", LIMITED), ("d", LIMITED)],
    ],
)
def test_one_or_two_bad_tasks_never_pause_the_others(looks: list[tuple[str, Seen]]) -> None:
    assert after(*looks).mode is Mode.ANSWERING


def test_a_limit_between_failures_says_nothing_about_them() -> None:
    health = after(("a", DOWN), ("b", DOWN), ("x", LIMITED), ("c", DOWN))
    assert (health.mode, health.since) == (Mode.SILENT, NOW)


def test_three_refused_tasks_mean_the_key() -> None:
    health = after(("a", REFUSED), ("b", REFUSED), ("c", REFUSED))
    assert (health.mode, health.since) == (Mode.REFUSED, NOW)


# Probes


def test_probes_come_ever_more_slowly_up_to_a_minute() -> None:
    health, now, pauses = SILENT, SILENT.not_before, []
    for _ in range(8):
        health = after_look(health, "a", DOWN, now)
        pauses.append(health.not_before - now)
        now = health.not_before
    assert pauses == [10, 20, 40, 60, 60, 60, 60, 60]
    assert health.since == NOW


@pytest.mark.parametrize("late", [("d", DOWN), ("a", DOWN), ("d", REFUSED)])
def test_a_look_that_was_under_way_when_the_pause_began_is_no_probe(late: tuple[str, Seen]) -> None:
    health = after_look(SILENT, *late, NOW + 3)
    assert (health.mode, health.not_before) == (Mode.SILENT, SILENT.not_before)


@pytest.mark.parametrize("seen", [OK, Missing()])
def test_any_answer_ends_the_pause_and_says_since_when(seen: Seen) -> None:
    health = after_look(SILENT, "d", seen, NOW + 100)
    assert health == Health(since=NOW + 100, answered_at=NOW + 100)
    assert after_look(health, "e", OK, NOW + 200).since == NOW + 100


def test_a_probe_that_is_refused_does_not_make_the_next_one_come_at_once() -> None:
    health = after_look(SILENT, "a", REFUSED, SILENT.not_before)
    assert health.mode is Mode.SILENT
    assert health.not_before > SILENT.not_before


def test_an_outage_after_a_refused_key_is_told_as_an_outage() -> None:
    refused = after(("a", REFUSED), ("b", REFUSED), ("c", REFUSED))
    health = after(("a", DOWN), ("b", DOWN), ("c", DOWN), start=refused)
    assert health.mode is Mode.SILENT


# The key


def test_one_refusal_raises_doubt_about_the_key_unless_an_answer_has_just_proven_it() -> None:
    assert not Health().doubts_key(NOW)
    assert after(("a", REFUSED)).doubts_key(NOW)
    assert not after(("a", DOWN)).doubts_key(NOW)
    proven = after(("x", OK), ("a", REFUSED))
    assert [proven.doubts_key(NOW + s) for s in (1, 59.9, 60)] == [False, False, True]
    assert not after(("a", REFUSED), ("b", REFUSED), ("c", REFUSED)).doubts_key(NOW + 100)


@pytest.mark.parametrize(
    ("probe", "mode", "doubts"),
    [
        (REFUSED, Mode.REFUSED, False),
        (Missing(), Mode.ANSWERING, False),
        (OK, Mode.ANSWERING, False),
        (DOWN, Mode.ANSWERING, True),
        (LIMITED, Mode.ANSWERING, True),
    ],
)
def test_the_probe_of_an_impossible_id_tells_whether_it_is_the_key(
    probe: Seen, mode: Mode, doubts: bool
) -> None:
    health = after_key_probe(after(("a", REFUSED)), probe, NOW + 1)
    assert (health.mode, health.doubts_key(NOW + 1)) == (mode, doubts)
    assert is_task_id(IMPOSSIBLE_ID)


def test_a_pause_for_the_key_begins_with_its_first_refusal() -> None:
    health = after_key_probe(after(("a", REFUSED), ("b", REFUSED)), REFUSED, NOW + 30)
    assert (health.since, health.not_before) == (NOW, NOW + 35)


# Limits


def test_a_limit_holds_everybody_back_for_as_long_as_the_api_asks() -> None:
    health = after(("a", LIMITED))
    assert (health.mode, health.not_before) == (Mode.ANSWERING, NOW + 20)


def test_limits_without_a_wish_grow_and_start_over_after_an_answer() -> None:
    health, pauses, now = Health(), [], NOW
    for _ in range(6):
        health = after_look(health, "a", Failure(PollError.RATE_LIMITED), now)
        pauses.append(health.not_before - now)
        now = health.not_before
    assert pauses == [5, 10, 20, 40, 60, 60]
    health = after_look(answered(health, now), "a", Failure(PollError.RATE_LIMITED), now)
    assert health.not_before == now + 5


def test_an_answer_that_was_under_way_does_not_lift_a_limit() -> None:
    assert after(("a", LIMITED), ("b", OK)).not_before == NOW + 20


def test_limits_that_were_under_way_together_count_as_one() -> None:
    wordless = Failure(PollError.RATE_LIMITED)
    health = after(("a", wordless), ("b", wordless), ("c", wordless))
    assert (health.limits, health.not_before) == (1, NOW + 7)
    assert after_look(health, "a", wordless, NOW + 7).not_before == NOW + 17


def test_an_answer_that_was_under_way_does_not_make_the_next_limit_the_first() -> None:
    wordless = Failure(PollError.RATE_LIMITED)
    health = after(("a", wordless), ("b", OK))
    assert after_look(health, "a", wordless, NOW + 5).not_before == NOW + 15


def test_another_pause_begins_its_probes_anew() -> None:
    health = SILENT
    for _ in range(3):
        health = after_look(health, "a", DOWN, health.not_before)
    refused = after_key_probe(health, REFUSED, NOW + 200)
    assert (health.probes, refused.probes, refused.not_before) == (3, 0, NOW + 205)


def test_a_shorter_limit_does_not_shorten_a_longer_one() -> None:
    assert after(("a", LIMITED), ("b", Failure(PollError.RATE_LIMITED, 1.0))).not_before == NOW + 20


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdef"), st.one_of(failures, st.just(OK), st.just(Missing())), st.floats(0, 90)
        ),
        max_size=40,
    )
)
def test_no_course_of_looks_pauses_for_longer_than_a_limit_may_ask(
    looks: list[tuple[str, Seen, float]],
) -> None:
    health, now = Health(), NOW
    for task_id, seen, passed in looks:
        now += passed
        before, health = health, after_look(health, task_id, seen, now)
        assert health.not_before <= max(before.not_before, now + 300)
        assert not health.paused or health.since is not None
        assert health.since is None or health.since <= now
        if not isinstance(seen, Failure):
            assert not health.paused
    assert after_look(replace(health), "z", OK, now).mode is Mode.ANSWERING


def test_another_answer_within_a_second_says_nothing_new() -> None:
    health = answered(Health(), NOW)
    assert answered(health, NOW) is health
    assert answered(health, NOW + 0.99) is health
    assert answered(health, NOW + 1.0) == Health(answered_at=NOW + 1.0)
    assert answered(health, NOW - 1.0) == Health(answered_at=NOW - 1.0), "by a clock that was set back"


@pytest.mark.parametrize(
    "change",
    [
        {"mode": Mode.SILENT, "since": NOW},
        {"suspicion": PollError.UNAVAILABLE},
        {"suspects": frozenset({"a"})},
        {"limits": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_answer_clears_what_was_held_against_the_api_at_once(change: dict[str, Any]) -> None:
    health = replace(answered(Health(), NOW), **change)
    cleared = answered(health, NOW + 0.5)
    assert (cleared.mode, cleared.suspicion, cleared.suspects, cleared.limits) == (
        Mode.ANSWERING,
        None,
        frozenset(),
        0,
    )
