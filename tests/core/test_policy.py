"""When to poll next: bounds at any attempt, and what each situation asks for."""

from math import inf, nan
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import running, tasks

from bot.core.hazard import NOTHING_LEARNED, Learned
from bot.core.policy import (
    PollPolicy,
    confirm_delay,
    failure_delay,
    missing_delay,
    poll_delay,
    probe_delay,
    retry_after_delay,
)
from bot.core.position import BUCKETS, Position, position
from bot.core.task import Task, TaskState

POLICY: Final = PollPolicy()
PENDING: Final = running(0, state=TaskState.PENDING)
instants: Final = st.floats(0.0, 1e10)
reached: Final = st.none() | st.tuples(
    st.lists(st.tuples(instants, st.integers(0, 100)), max_size=2), instants, instants
).map(lambda given: position(tuple(given[0]), given[1], given[2]))
policies: Final = st.tuples(st.floats(0.2, 3600), st.floats(0.2, 3600)).map(
    lambda two: PollPolicy(min(two), max(two))
)


@pytest.mark.parametrize(
    ("quiet", "pause"), [(0.0, 4.0), (-10.0, 4.0), (30.0, 10.0), (3600.0, 15.0), (inf, 15.0)]
)
@pytest.mark.parametrize("state", [TaskState.PENDING, TaskState.UNKNOWN])
def test_the_pause_of_a_queued_task_follows_how_long_nothing_changed(
    state: TaskState, quiet: float, pause: float
) -> None:
    assert poll_delay(running(99, state=state), None, quiet, POLICY) == pause


def test_the_pause_of_a_render_follows_what_its_action_has_taught() -> None:
    task = running(None)
    reached = position((), 0.0, 100.0)
    often, rarely, never = (Learned(rates=(rate,) * BUCKETS) for rate in (1.0, 0.001, 1e-9))
    pauses = [
        poll_delay(task, reached, 0.0, PollPolicy(learned={task.action: learned}))
        for learned in (often, NOTHING_LEARNED, rarely, never)
    ]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (POLICY.min_seconds, POLICY.max_seconds)
    assert poll_delay(task, reached, 0.0, PollPolicy(learned={"another": never})) == pauses[1]


@given(tasks(), st.floats(allow_nan=False), policies, reached)
def test_an_interval_keeps_the_settings_bounds(
    task: Task, quiet: float, policy: PollPolicy, place: Position | None
) -> None:
    assert policy.min_seconds <= poll_delay(task, place, quiet, policy) <= policy.max_seconds


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True), policies)
def test_a_backoff_is_never_shorter_than_half_a_poll_and_never_longer_than_its_ceiling(
    troubles: int, chance: float, policy: PollPolicy
) -> None:
    assert policy.min_seconds / 2 <= failure_delay(troubles, policy, chance) <= max(60.0, policy.min_seconds)


@pytest.mark.parametrize(
    ("troubles", "pause"), [(1, 4.0), (2, 8.0), (3, 16.0), (4, 32.0), (5, 60.0), (5_000, 60.0)]
)
def test_a_backoff_doubles_to_a_minute(troubles: int, pause: float) -> None:
    assert failure_delay(troubles, POLICY, 1.0) == pause
    assert failure_delay(troubles, POLICY, 0.0) == pause / 2


@pytest.mark.parametrize(
    ("wish", "pause"),
    [
        (7.5, 7.5),
        (0.0, 1.0),
        (-9e9, 1.0),
        (9e9, 300.0),
        (inf, 300.0),
        (-inf, 1.0),
        (nan, 300.0),
        (None, 5.0),
    ],
)
def test_a_limit_is_limited_within_bounds(wish: float | None, pause: float) -> None:
    assert retry_after_delay(wish) == pause


@pytest.mark.parametrize(
    ("probes", "pause"), [(0, 15.0), (1, 30.0), (2, 60.0), (5_000, 60.0), (-5_000, 15.0)]
)
def test_probes_come_at_least_once_a_minute(probes: int, pause: float) -> None:
    assert probe_delay(probes) == pause


@pytest.mark.parametrize(("age", "pause"), [(-5.0, 2.0), (0.0, 2.0), (12.0, 4.0), (60.0, 10.0), (inf, 10.0)])
def test_an_invisible_task_is_polled_often_enough_to_be_found_within_the_minute(
    age: float, pause: float
) -> None:
    assert missing_delay(age, POLICY) == pause


@pytest.mark.parametrize(("shortest", "pause"), [(0.2, 1.0), (1.0, 4.0), (3.0, 4.0), (10.0, 10.0)])
def test_a_surprise_is_confirmed_soon_by_the_settings(shortest: float, pause: float) -> None:
    assert confirm_delay(PollPolicy(min_seconds=shortest)) == pause


@given(policies)
def test_a_surprise_is_confirmed_within_the_longest_pause(policy: PollPolicy) -> None:
    assert 1.0 <= confirm_delay(policy) <= max(1.0, policy.max_seconds)
