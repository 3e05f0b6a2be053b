"""What one poll teaches, and what is kept of it between runs."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import running

from bot.core.hazard import SHAPE, HazardModel
from bot.core.observed import Observed
from bot.core.position import position
from bot.core.task import Task, TaskState
from bot.engine.tuner import LONGEST_RECORD, MOST_ACTIONS, learn, models_from, record_of

BEFORE = Observed(task=running(50), polled_at=100.0, began_at=0.0, samples=((100.0, 50),))


def learned(task: Task, now: float, before: Observed = BEFORE) -> HazardModel | None:
    """Return the model of the task's action after one poll."""
    models: dict[str, HazardModel] = {}
    assert learn(models, before, task, now) == task.state.ended
    return models.get(task.action)


def test_a_poll_of_a_render_that_goes_on_teaches_where_none_ended() -> None:
    model = learned(running(55), 110.0)
    assert model is not None
    assert sum(model.seconds) == pytest.approx(10.0)
    assert sum(model.ends) == 0.0
    buckets = dict(position(BEFORE.samples, 0.0, 100.0).buckets(10.0))
    assert {bucket for bucket, seconds in enumerate(model.seconds) if seconds} == set(buckets)


@pytest.mark.parametrize("state", [TaskState.SUCCEEDED, TaskState.ERROR])
@pytest.mark.parametrize(
    ("updated_at", "until"),
    [
        (104, 4.5),
        (100, 0.5),
        (110, 10.0),
        (None, 5.0),
        (99, 5.0),
        (111, 5.0),
        (9_999, 5.0),
    ],
    ids=["reported", "at the last poll", "at this poll", "no", "before", "just ahead", "in the future"],
)
def test_an_end_is_in_the_middle_of_the_reported_second_or_of_the_interval(
    state: TaskState, updated_at: int | None, until: float
) -> None:
    model = learned(replace(running(100, state=state), updated_at=updated_at), 110.0)
    assert model is not None
    assert sum(model.seconds) == pytest.approx(until, rel=0.01)
    *_, (bucket, _) = position(BEFORE.samples, 0.0, 100.0).buckets(until)
    assert [number for number, ends in enumerate(model.ends) if ends] == [bucket]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (replace(BEFORE, polled_at=None), 110.0),
        (replace(BEFORE, task=None), 110.0),
        (BEFORE, 100.0),
        (BEFORE, 90.0),
        (BEFORE, 176.0),
    ],
    ids=["never polled", "unknown", "no time", "clock set back", "not polled for long"],
)
def test_nothing_is_learned_where_nobody_knows_what_was_when(before: Observed, now: float) -> None:
    models: dict[str, HazardModel] = {}
    assert not learn(models, before, running(100, state=TaskState.SUCCEEDED), now)
    assert not models


def test_the_queue_teaches_how_long_it_takes_and_nothing_about_renders() -> None:
    models: dict[str, HazardModel] = {}
    waiting = running(0, state=TaskState.PENDING)
    before = Observed(task=waiting, polled_at=100.0)
    assert not learn(models, before, waiting, 110.0)
    assert learn(models, before, running(5), 105.0)
    model = models[waiting.action]
    assert model.queue == pytest.approx([15.0, 1.0], rel=0.01)
    assert sum(model.seconds) == 0.0


def test_each_action_is_learned_apart_up_to_a_bound() -> None:
    models: dict[str, HazardModel] = {}
    for number in range(MOST_ACTIONS + 5):
        learn(models, BEFORE, replace(running(55), action=f"action {number}"), 110.0)
    learn(models, BEFORE, replace(running(55), action="x" * 10_000), 110.0)
    assert list(models) == [f"action {number}" for number in range(MOST_ACTIONS)]
    assert all(sum(model.seconds) == pytest.approx(10.0) for model in models.values())


def test_a_full_record_is_bounded_and_comes_back() -> None:
    models: dict[str, HazardModel] = {}
    for number in range(MOST_ACTIONS):
        action = f"{number:060}"
        models[action] = HazardModel()
        for _ in range(3):
            models[action].update(position((), 0.0, 0.0), 3_000.0, ended=True)
    record = record_of(models)
    assert len(record) < LONGEST_RECORD / 4
    assert list(models_from(record)) == list(models)


OLD = {"shape": "1:137", "seconds": [1.0] * 137, "ends": [1.0] * 137, "queue": [1.0, 1.0]}
"""What the first version stored."""


@pytest.mark.parametrize(
    "record",
    [
        None,
        json.dumps(OLD),
        "null",
        "[]",
        "7",
        json.dumps({"shape": SHAPE}),
        json.dumps({"shape": SHAPE, "actions": [1]}),
        json.dumps({"shape": SHAPE, "actions": {"": 1, "x": {"ends": [float("nan")]}}}),
        json.dumps({"shape": SHAPE, "actions": {"x" * 61: HazardModel().record()}}),
        json.dumps({"shape": "3:9", "actions": {"": HazardModel().record()}}),
    ],
)
def test_a_record_of_another_version_or_a_damaged_one_is_not_used(record: str | None) -> None:
    assert models_from(record) == {}


def test_of_a_record_with_a_damaged_action_the_others_are_used() -> None:
    actions = {"good": HazardModel().record(), "bad": {}}
    assert models_from(json.dumps({"shape": SHAPE, "actions": actions})) == {"good": HazardModel()}


@pytest.mark.parametrize("record", ["", "{", "[" * 100_000, " " * (LONGEST_RECORD + 1)], ids=len)
def test_what_is_no_json_is_an_error_that_the_tuner_knows(record: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        models_from(record)


@pytest.mark.slow
@given(
    st.recursive(
        st.none() | st.floats() | st.text(), lambda some: st.lists(some) | st.dictionaries(st.text(), some)
    )
)
def test_no_json_does_harm(value: object) -> None:
    assert models_from(json.dumps(value)) == {}
    assert models_from(json.dumps({"shape": SHAPE, "actions": value})) == {}
