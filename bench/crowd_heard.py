"""What a crowd's task API has heard of its bot, and the figures of that; `bench.crowd` plays it."""

from dataclasses import dataclass, field
from typing import Final

from bench.kinds import Trace
from bench.measure import Figures, spread
from bot.core.task import Task, TaskState

SAMPLED_EVERY: Final = 0.25
IN_TIME: Final = 0.25
"""Seconds by which a poll may begin late."""


@dataclass
class Render:
    """A watched render, and when its polls were answered with what."""

    id: str
    created: float
    trace: Trace
    began: float = 0.0
    seen: float | None = None
    polls: list[float] = field(default_factory=list)
    answers: list[tuple[float, int]] = field(default_factory=list)

    @property
    def ends(self) -> float:
        return self.created + self.trace.ends

    def task(self, at: float) -> Task:
        age = max(0.0, at - self.created)
        ended, begun = age >= self.trace.ends, age >= self.trace.begins
        state = TaskState.RUNNING if begun else TaskState.PENDING
        if ended:
            state = TaskState.ERROR if self.trace.fails else TaskState.SUCCEEDED
        return Task(
            id=self.id,
            state=state,
            state_text=state.value,
            progress=100 if ended else self.trace.progress(age) if begun else 0,
            created_at=int(self.created),
            updated_at=int(min(at, self.ends)),
            videos=("https://cdn.example/a.mp4",) if state is TaskState.SUCCEEDED else (),
        )


@dataclass
class Heard:
    """All times are Unix seconds; of acknowledgements and late polls also how long they took."""

    renders: dict[str, Render] = field(default_factory=dict)
    acks: list[tuple[float, float]] = field(default_factory=list)
    late: list[tuple[float, float]] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)


def figures(heard: Heard, begin: float, end: float) -> Figures:
    """Return what was found between two times."""
    renders = list(heard.renders.values())
    ended = [each for each in renders if begin <= each.ends <= end]
    late = [(end if each.seen is None else each.seen) - each.ends for each in ended]
    found = spread("late", late)
    found["late_mean"] = sum(late) / len(late) if late else None
    found |= spread("behind", [value for each in renders for value in _behind(each, begin, end)])
    found |= spread("ack", [took for at, took in heard.acks if begin <= at <= end])
    lateness = [late for at, late in heard.late if begin <= at <= end]
    found |= spread("poll_late", lateness)
    found["in_time"] = sum(late < IN_TIME for late in lateness) / len(lateness) if lateness else None
    lived = sum(max(0.0, min(end, each.ends) - max(begin, each.began)) for each in renders)
    asked = sum(begin <= at <= end for at in heard.asked)
    found["polls_a_minute"] = 60 * asked / lived if lived else None
    found["asked_a_second"] = asked / (end - begin)
    found["refused"] = sum(begin <= at <= end for at in heard.refused) / max(1, asked)
    return found


def _behind(render: Render, begin: float, end: float) -> list[float]:
    late: list[float] = []
    if not render.answers:
        return late
    at, index = max(begin, render.answers[0][0]), 0
    while at <= end:
        while index + 1 < len(render.answers) and render.answers[index + 1][0] <= at:
            index += 1
        shown = render.answers[index][1]
        if shown >= 100:
            break
        left = render.created + render.trace.ends * (shown + 1) / 100
        late.append(max(0.0, at - left))
        at += SAMPLED_EVERY
    return late
