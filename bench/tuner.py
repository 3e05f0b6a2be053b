"""The bot's own way of choosing when to poll, for virtual time; the only module here that knows the inside of the bot."""

import copy
from dataclasses import replace
from typing import Final, NamedTuple

from bot.core.experience import Experience
from bot.core.lesson import learn
from bot.core.pace import Pace
from bot.core.task import Task, TaskState
from bot.core.transitions import advance
from bot.core.watch import Watch

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
        self._experience = Experience()
        self._pace = Pace()
        self._watch = Watch(1, 1, ID, 0, 0.0)

    def copy(self) -> "Tuner":
        return copy.deepcopy(self)

    def begin(self, now: float) -> None:
        self._watch = Watch(1, 1, ID, 0, now, seen_at=now)

    def pause(self, answer: Answer, now: float) -> float:
        """Take in an answer; return the seconds until the next poll."""
        task = _task(answer)
        if learn(self._experience, self._watch, task, now):
            self._pace = replace(self._pace, rhythm=self._experience.rhythm())
        step = advance(self._watch, task, now, self._pace)
        self._watch = step.watch
        return step.after or 0.0


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
