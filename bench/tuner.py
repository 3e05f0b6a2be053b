"""The bot's own way of choosing when to poll, for virtual time; the only module here that knows the inside of the bot."""

import copy
from dataclasses import replace
from typing import Final, NamedTuple

from bot.core.hazard import HazardModel
from bot.core.observed import UNOBSERVED, observe
from bot.core.policy import PollPolicy
from bot.core.task import Task, TaskState
from bot.engine.tuner import learn

ID: Final = "bbbbbbbb-0000-4000-8000-000000000000"


class Answer(NamedTuple):
    """What one poll tells: times are Unix seconds, `ended` and `begun` say how far the render is."""

    created: float
    updated: float
    begun: bool
    ended: bool
    fails: bool
    progress: int | None


class Tuner:
    """The shipped settings, and what has been learned so far; it goes on learning with every poll."""

    def __init__(self) -> None:
        self._models: dict[str, HazardModel] = {}
        self._policy = PollPolicy()
        self._observed = UNOBSERVED

    def copy(self) -> "Tuner":
        return copy.deepcopy(self)

    def begin(self, _now: float) -> None:
        self._observed = UNOBSERVED

    def pause(self, answer: Answer, now: float) -> float:
        """Take in an answer; return the seconds until the next poll."""
        task = _task(answer)
        if learn(self._models, self._observed, task, now):
            learned = {action: model.learned for action, model in self._models.items()}
            self._policy = replace(self._policy, learned=learned)
        self._observed, pause = observe(self._observed, task, now, self._policy, chance=0.5)
        return 0.0 if task.is_terminal else pause


def _task(answer: Answer) -> Task:
    state = TaskState.RUNNING if answer.begun else TaskState.PENDING
    if answer.ended:
        state = TaskState.ERROR if answer.fails else TaskState.SUCCEEDED
    return Task(
        id=ID,
        state=state,
        state_text=state.value,
        progress=answer.progress,
        created_at=int(answer.created),
        updated_at=int(answer.updated),
        videos=("https://cdn.example/a.mp4",) if state is TaskState.SUCCEEDED else (),
    )
