"""A value that only the type checker freezes is the same value in every other way."""

import dataclasses
import pickle

import pytest
from made import running, watch

from bot.core.card import Card, CardState
from bot.core.task import Task, TaskState
from bot.core.transitions import Step
from bot.core.watch import Watch

CARD = Card(1, 2, 3, 4, 5, "en", 6.0)
VALUES = [watch(), running(), CARD, CardState(CARD, (watch(),), (5,)), Step(watch())]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_it_is_compared_hashed_copied_and_kept_by_its_fields(value: object) -> None:
    assert dataclasses.is_dataclass(value)
    same = dataclasses.replace(value)  # type: ignore[type-var]
    assert same is not value
    assert (same, hash(same), repr(same)) == (value, hash(value), repr(value))
    assert pickle.loads(pickle.dumps(value)) == value
    assert not hasattr(value, "__dict__")


def test_what_is_not_given_is_as_the_class_says() -> None:
    task = Task("t", TaskState.RUNNING, videos=("v",))
    assert (task.progress, task.message, task.videos, task.refused_videos) == (None, "", ("v",), ())
    with pytest.raises(TypeError):
        Watch(1, 1, "t")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Task("t", TaskState.RUNNING, colour="red")  # type: ignore[call-arg]
