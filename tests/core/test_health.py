"""What polls say together of the task API: when the breaker opens, when it must not, and what closes it."""

from collections.abc import Mapping
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import NOW, running

from bot.core.events import ErrorKind, Missing, Observation, PollError
from bot.core.health import IMPOSSIBLE_ID, SHARED_BY, Health, Mode, after_probes, observe

OK: Final = running(5)
DOWN: Final = PollError(ErrorKind.UNAVAILABLE)
BROKEN: Final = PollError(ErrorKind.BROKEN)
BAD: Final = PollError(ErrorKind.TASK_REFUSED)
KEY: Final = PollError(ErrorKind.KEY_REFUSED)
LIMITED: Final = PollError(ErrorKind.RATE_LIMITED, 20.0)
ANSWERS: Final = (OK, Missing(), BAD, LIMITED)


def polls(*polled: tuple[float, str, Observation], start: Health = Health()) -> Health:  # noqa: B008
    """Return the health after polls, each so many seconds after NOW and answered at once."""
    for after, task_id, seen in polled:
        start = observe(start, task_id, seen, NOW + after, NOW + after)
    return start


def probed(health: Health, polled: Mapping[str, Observation], at: float, watched: int = 9) -> Health:
    """Return the health after a round of probes `at` so many seconds after NOW."""
    for task_id, seen in polled.items():
        health = observe(health, task_id, seen, NOW + at, NOW + at)
    return after_probes(health, polled, NOW + at, NOW + at, watched)


ALL_DOWN: Final = {"a": DOWN, IMPOSSIBLE_ID: DOWN}
ALL_REFUSED: Final = {"a": KEY, IMPOSSIBLE_ID: KEY}
FAILING: Final = polls((0, "a", OK), (10, "a", DOWN), (11, "b", DOWN), (12, "c", DOWN))
OPEN: Final = probed(FAILING, ALL_DOWN, 30)
REFUSED: Final = probed(polls((0, "a", OK), (10, "b", KEY)), ALL_REFUSED, 30)


def test_nobody_answered_for_a_while_and_both_probes_failed_opens_it() -> None:
    assert FAILING.next_probe(9) == NOW + 30
    assert (OPEN.mode, OPEN.paused, OPEN.since) == (Mode.OPEN, True, NOW + 10)
    assert OPEN.next_probe(9) == NOW + 30 + 15


@pytest.mark.parametrize(("watched", "failing"), [(1, 1), (2, 2), (3, 3), (50, SHARED_BY)])
def test_as_many_different_tasks_must_fail_as_are_watched_up_to_three(watched: int, failing: int) -> None:
    names = "abc"[:failing]
    enough = polls(*((10.0, name, DOWN) for name in names))
    assert enough.next_probe(watched) == NOW + 30
    assert probed(enough, ALL_DOWN, 30, watched).mode is Mode.OPEN
    too_few = polls(*((10.0 + n, name, DOWN) for name in names[1:] for n in range(20)))
    assert too_few.next_probe(watched) is None


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("whose", ["a", "x", IMPOSSIBLE_ID])
def test_one_answer_about_anything_ends_the_suspicion(answer: Observation, whose: str) -> None:
    health = polls((20, whose, answer), start=FAILING)
    assert health.next_probe(9) is None
    assert polls((21, "a", DOWN), (22, "b", DOWN), start=health).next_probe(9) is None


@pytest.mark.parametrize("answer", [*ANSWERS, KEY, BROKEN])
@pytest.mark.parametrize("whose", ["a", IMPOSSIBLE_ID])
def test_one_probe_that_did_not_fail_keeps_it_closed(answer: Observation, whose: str) -> None:
    assert probed(FAILING, ALL_DOWN | {whose: answer}, 30).mode is Mode.CLOSED


def test_damage_and_refusals_of_tasks_are_never_an_outage() -> None:
    for seen in (BROKEN, BAD):
        health = polls(*((float(n), f"t{n % 25}", seen) for n in range(200)))
        assert health.next_probe(25) is None


def test_a_poll_that_was_under_way_when_another_was_answered_began_no_silence_before() -> None:
    health = observe(polls((10, "x", OK)), "a", DOWN, NOW, NOW + 15)
    assert health.failing_since == NOW + 10


def test_after_a_time_without_polls_one_lost_answer_is_no_outage() -> None:
    health = polls((0, "a", OK), (1_000, "a", DOWN))
    assert health.next_probe(1) == NOW + 1_020
    assert probed(health, ALL_DOWN, 1_000, 1).mode is Mode.CLOSED, "the verdict is not due yet"


def test_a_verdict_needs_that_nobody_was_answered_while_the_probes_were_under_way() -> None:
    answered = polls((29, "x", OK), start=FAILING)
    assert after_probes(answered, ALL_DOWN, NOW + 30, NOW + 45, 9).mode is Mode.CLOSED


def test_the_impossible_id_does_not_count_once_it_failed_while_others_were_answered() -> None:
    doubtful = probed(FAILING, {"a": OK, IMPOSSIBLE_ID: DOWN}, 30)
    assert (doubtful.mode, doubtful.impossible_id_tells) == (Mode.CLOSED, False)
    later = polls((50, "a", DOWN), (51, "b", DOWN), (52, "c", DOWN), start=doubtful)
    assert probed(later, {"a": DOWN}, 80).mode is Mode.OPEN
    assert probed(FAILING, {"a": BROKEN, IMPOSSIBLE_ID: DOWN}, 30).impossible_id_tells


# The key


def test_a_refused_key_needs_a_task_and_both_probes() -> None:
    assert (REFUSED.mode, REFUSED.since) == (Mode.REFUSED, NOW + 10)
    suspicious = polls((0, "a", OK), (10, "b", KEY))
    assert suspicious.next_probe(9) == NOW + 30, "it was accepted a moment ago"
    for answer in (*ANSWERS, DOWN, BROKEN):
        assert probed(suspicious, ALL_REFUSED | {"a": answer}, 30).mode is Mode.CLOSED
        assert probed(suspicious, ALL_REFUSED | {IMPOSSIBLE_ID: answer}, 30).mode is Mode.CLOSED
    doubtful = probed(suspicious, ALL_REFUSED | {IMPOSSIBLE_ID: DOWN}, 30)
    assert not doubtful.impossible_id_tells, "a refusal is an answer"
    assert probed(doubtful, {"a": KEY, "b": DOWN}, 45).mode is Mode.CLOSED
    assert probed(doubtful, {"a": KEY, "b": KEY}, 45).mode is Mode.REFUSED


def test_a_key_that_was_never_accepted_is_doubted_at_once() -> None:
    assert polls((0, "a", KEY)).next_probe(1) == NOW
    assert probed(Health(), {IMPOSSIBLE_ID: KEY}, 0, 0).mode is Mode.REFUSED
    polled: dict[str, Observation] = {IMPOSSIBLE_ID: KEY}
    seen = observe(
        Health(), IMPOSSIBLE_ID, KEY, NOW + 0.001, NOW + 0.2
    )  # a probe is sent after its round began
    assert after_probes(seen, polled, NOW, NOW + 0.2, 0).mode is Mode.REFUSED


def test_a_doubt_about_the_key_opens_nothing_before_its_time() -> None:
    """With one task refused and an id that cannot exist answered 500, right after the start."""
    first = polls((0, "a", KEY))
    doubtful = probed(first, {IMPOSSIBLE_ID: DOWN}, 0, watched=0)
    assert doubtful.mode is Mode.CLOSED
    assert probed(doubtful, {IMPOSSIBLE_ID: DOWN}, 29, watched=0).mode is Mode.CLOSED
    assert probed(doubtful, {IMPOSSIBLE_ID: DOWN}, 30, watched=0).mode is Mode.OPEN


def test_a_task_that_is_refused_alone_says_nothing_of_the_key() -> None:
    asked_alone = probed(OPEN, {"a": KEY}, 50)
    assert asked_alone.mode is Mode.CLOSED, "it was answered"
    assert asked_alone.next_probe(1) == NOW + 50, "and both are asked at once"
    assert probed(asked_alone, ALL_REFUSED, 50, watched=1).mode is Mode.REFUSED


@pytest.mark.parametrize("answer", [OK, Missing(), BAD])
def test_an_accepted_key_ends_the_doubt(answer: Observation) -> None:
    assert polls((0, "a", KEY), (1, "b", answer)).next_probe(9) is None
    assert polls((50, "b", answer), start=REFUSED).mode is Mode.CLOSED


def test_a_limit_says_nothing_of_the_key() -> None:
    assert polls((0, "a", KEY), (1, "b", LIMITED)).next_probe(9) == NOW
    assert polls((50, "b", LIMITED), start=REFUSED).mode is Mode.REFUSED


def test_limits_while_the_key_is_in_doubt_hurry_no_probe() -> None:
    doubted = probed(polls((0, "a", OK), (10, "b", KEY)), {"a": LIMITED, IMPOSSIBLE_ID: LIMITED}, 30)
    limited = polls((31, "c", LIMITED), (32, "d", LIMITED), start=doubted)
    assert limited.mode is Mode.CLOSED
    assert limited.next_probe(9) == doubted.next_probe(9) == NOW + 30 + 15


def test_an_api_that_comes_back_with_a_refused_key_goes_from_one_pause_to_the_other() -> None:
    back = probed(OPEN, ALL_REFUSED, 50)
    assert (back.mode, back.since) == (Mode.REFUSED, NOW + 50)
    mixed = probed(OPEN, {"a": KEY, IMPOSSIBLE_ID: DOWN, "b": DOWN}, 50)
    assert mixed.mode is Mode.CLOSED


# While it is open


@pytest.mark.parametrize("paused", [OPEN, REFUSED])
def test_probes_come_every_15_to_60_seconds(paused: Health) -> None:
    polled, pauses = ALL_DOWN if paused is OPEN else ALL_REFUSED, []
    at = 45.0
    for _ in range(6):
        paused = probed(paused, polled, at)
        pauses.append((paused.next_probe(9) or 0) - NOW - at)
        at += pauses[-1]
    assert pauses == [30, 60, 60, 60, 60, 60]
    assert paused.since == NOW + 10


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_first_answer_closes_it(answer: Observation) -> None:
    health = polls((50, "x", answer), start=OPEN)
    assert (health.mode, health.since, health.paused) == (Mode.CLOSED, NOW + 50, False)
    assert health.next_probe(9) is None


def test_what_is_no_answer_leaves_it_open() -> None:
    for seen in (DOWN, BROKEN):
        assert polls((50, "x", seen), start=OPEN).mode is Mode.OPEN
    doubted = polls((35, "x", KEY), start=OPEN)
    assert (doubted.mode, doubted.next_probe(9)) == (Mode.OPEN, NOW + 35), "only the probes can tell"


def test_an_answer_that_says_nothing_new_makes_no_new_value() -> None:
    health = polls((0, "a", OK))
    assert polls((0.5, "b", OK), start=health) is health
    assert polls((1.5, "b", OK), start=health) is not health


def test_a_limit_is_one_spell_until_a_while_after_it_has_passed() -> None:
    health = polls((0, "a", LIMITED))
    assert health.limited_until == NOW + 20 + 90
    assert polls((5, "b", OK), start=health).limited_until == health.limited_until


# What holds whatever happens

seens: Final = st.sampled_from([OK, Missing(), DOWN, BROKEN, BAD, KEY, LIMITED])
names: Final = st.sampled_from(["a", "b", "c", "d", IMPOSSIBLE_ID])


@given(st.lists(st.tuples(st.floats(0, 60), names, seens), max_size=30), st.integers(0, 5))
def test_polls_alone_never_pause_anything(polled: list[tuple[float, str, Observation]], watched: int) -> None:
    health, now = Health(), NOW
    for passed, task_id, seen in polled:
        now += passed
        health = observe(health, task_id, seen, now - passed, now)
        assert health.mode is Mode.CLOSED
        due = health.next_probe(watched)
        assert due is None or health.failing_since or health.refused_since
        assert len(health.failed) <= SHARED_BY


@given(st.dictionaries(names, seens, min_size=1), st.sampled_from([FAILING, OPEN, REFUSED, Health()]))
def test_a_round_with_an_answer_leaves_nothing_paused(polled: dict[str, Observation], before: Health) -> None:
    health = probed(before, polled, 60)
    if any(
        not isinstance(seen, PollError) or seen.kind is ErrorKind.TASK_REFUSED for seen in polled.values()
    ):
        assert not health.paused
    assert health.next_probe(9) is None or (health.next_probe(9) or 0) >= NOW
