"""Scripted renders: what the task API would answer about a task of a given age.

Pure: no clock, socket or file, only ages in seconds. Answers have the format of the API's documentation
(GET /v1/videos/tasks/{task_id}).
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, Literal, Self

Action = Literal["generate", "remix"]
State = Literal["pending", "running", "succeeded", "error"]


@dataclass(frozen=True, slots=True)
class Step:
    """What a render reports from age `at` (seconds) until its next step; `videos` are file names."""

    at: float
    state: State
    progress: int = 0
    message: str = ""
    videos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Render:
    """The course of one task by its age: the seconds since it was created.

    `steps` start at age 0, are ordered by age, and progress never falls. Before `appears` and from `vanishes`
    on the API does not know the task. `head_start` is its age (seconds) at the first request. `says` is a
    sentence for people who choose an example.
    """

    id: str
    name: str
    says: str
    steps: tuple[Step, ...]
    action: Action = "generate"
    appears: float = 0.0
    vanishes: float = float("inf")
    head_start: float = 0.0

    def __post_init__(self) -> None:
        if not self.steps or self.steps[0].at != 0:
            raise ValueError(f"{self.name}: the first step must be at 0 s")
        for one, other in pairwise(self.steps):
            if other.at <= one.at:
                raise ValueError(f"{self.name}: the step at {other.at} s comes after one at {one.at} s")
            if other.progress < one.progress:
                raise ValueError(f"{self.name}: progress falls at {other.at} s")

    def at_speed(self, speed: float) -> Self:
        """Return the same render at `speed`: every duration is divided by it."""
        if not speed > 0:
            raise ValueError("the speed must be more than 0")
        return replace(
            self,
            steps=tuple(replace(step, at=step.at / speed) for step in self.steps),
            appears=self.appears / speed,
            vanishes=self.vanishes / speed,
            head_start=self.head_start / speed,
        )

    def answer(self, age: float, created_at: float, video_base: str) -> dict[str, Any] | None:
        """Return the API's JSON object `age` seconds after `created_at` (Unix seconds), or None for a 404.

        A negative age (the clock was set back) counts as 0. Videos are `<video_base>/<file name>`. The update
        time is that of the step, not of the request.
        """
        age = max(0.0, age)
        if not self.appears <= age < self.vanishes:
            return None
        step = next(step for step in reversed(self.steps) if step.at <= age)
        return {
            "id": self.id,
            "state": step.state,
            "data": {"videos": [{"url": f"{video_base}/{name}"} for name in step.videos]},
            "progress": step.progress,
            "create_time": int(created_at),
            "update_time": int(created_at + step.at),
            "message": step.message,
            "action": self.action,
        }


def _queued_then(*points: tuple[float, int]) -> tuple[Step, ...]:
    """Return the steps of a task that is queued and then runs through `points`: (age in seconds, percent)."""
    return (Step(0, "pending"), *(Step(at, "running", progress) for at, progress in points))


SIGNATURE: Final = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=studio%2F20261125%2Fus-east-1%2Fs3%2Faws4_request"
    "&X-Amz-Date=20261125T094100Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
    f"&X-Amz-Security-Token={'9fKq2LrT' * 24}&X-Amz-Signature={'5d0e8c71' * 8}"
)
"""The query of a signed link, as object stores make them: 400 to 600 characters."""


def _delivers(at: float, *names: str) -> Step:
    """Return the step of a success, with signed links of videos."""
    return Step(at, "succeeded", 100, videos=tuple(f"{name}?{SIGNATURE}" for name in names))


# Progress jumps and pauses as with real renders: an estimate from a smooth curve would prove nothing.
SUCCEEDS: Final = Render(
    id="11111111-1111-4111-8111-111111111111",
    name="SUCCEEDS",
    says="Renders for about a minute and delivers two videos with long, signed links.",
    steps=(
        *_queued_then((5, 0), (8, 4), (11, 9), (14, 12), (18, 27), (22, 31), (26, 44), (29, 48)),
        # A long pause in the middle.
        *(Step(at, "running", to) for at, to in ((38, 52), (41, 63), (45, 71), (49, 78), (53, 86), (57, 94))),
        _delivers(61, "sunrise.mp4", "waves.mp4"),
    ),
)

FAILS: Final = Render(
    id="22222222-2222-4222-8222-222222222222",
    name="FAILS",
    says="Renders for 25 seconds, reaches 45 % and fails with a content policy error.",
    steps=(
        *_queued_then((4, 0), (7, 6), (11, 18), (15, 23), (20, 37), (25, 45)),
        Step(
            29,
            "error",
            45,
            "The prompt could not be submitted. It may contain words that violate our content policy. "
            "Please rephrase the prompt and try again. Support code: 29310472",
        ),
    ),
)

STALLS: Final = Render(
    id="33333333-3333-4333-8333-333333333333",
    name="STALLS",
    says="Reaches 72 % within 40 seconds and then never changes.",
    steps=_queued_then((4, 0), (8, 11), (13, 19), (18, 34), (24, 41), (29, 58), (34, 66), (40, 72)),
)

QUEUES: Final = Render(
    id="44444444-4444-4444-8444-444444444444",
    name="QUEUES",
    says="Queued for three minutes, then renders for one minute and delivers one video.",
    steps=(
        *_queued_then((180, 0), (186, 8), (193, 21), (201, 33), (214, 40), (220, 61), (228, 79), (234, 92)),
        Step(240, "succeeded", 100, videos=("waves.mp4",)),
    ),
)

FINISHED: Final = Render(
    id="55555555-5555-4555-8555-555555555555",
    name="FINISHED",
    says="Finished half an hour ago: its video is there at once.",
    steps=(
        *_queued_then((6, 0), (20, 30), (45, 75)),
        Step(70, "succeeded", 100, videos=("sunrise.mp4",)),
    ),
    action="remix",
    head_start=1870,
)

EMPTY: Final = Render(
    id="66666666-6666-4666-8666-666666666666",
    name="EMPTY",
    says="Succeeds after 20 seconds without a video.",
    steps=(*_queued_then((3, 0), (7, 24), (12, 55), (16, 83)), Step(20, "succeeded", 100)),
)

VANISHES: Final = Render(
    id="77777777-7777-4777-8777-777777777777",
    name="VANISHES",
    says="Renders for 20 seconds, then the API no longer knows it.",
    steps=_queued_then((4, 0), (8, 13), (12, 22), (17, 31)),
    vanishes=20,
)

LATE: Final = Render(
    id="88888888-8888-4888-8888-888888888888",
    name="LATE",
    says="Unknown for the first 8 seconds, then appears, renders and delivers one video.",
    steps=(
        *_queued_then((12, 0), (16, 15), (21, 38), (27, 52), (32, 81)),
        Step(36, "succeeded", 100, videos=("sunrise.mp4",)),
    ),
    action="remix",
    appears=8,
)

STANDS_STILL: Final = Render(
    id="99990000-9999-4999-8999-999999990000",
    name="STANDS_STILL",
    says="Has stood still at 64 % for ten minutes.",
    steps=_queued_then((6, 0), (20, 22), (40, 47), (70, 64)),
    head_start=670,
)


def _take(letter: str, says: str, last: Step) -> Render:
    """Return one of several renders for one card, which progresses evenly."""
    length = int(last.at) - 4
    points = ((4 + length * step // 5, 19 * step) for step in range(5))
    digits = (letter * 8, letter * 4, f"4{letter * 3}", f"8{letter * 3}", letter * 12)
    return Render("-".join(digits), f"TAKE_{letter.upper()}", says, (*_queued_then(*points), last))


TAKES: Final = (
    _take("a", "The first of four takes: ready after 24 seconds.", _delivers(24, "sunrise.mp4")),
    _take("b", "The second take, which fails after 36 seconds.", Step(36, "error", 80, "The model is busy.")),
    _take("c", "The third take: ready after 44 seconds.", _delivers(44, "waves.mp4")),
    _take("d", "The last take: ready after 56 seconds.", _delivers(56, "sunrise.mp4")),
)

EXAMPLES: Final = (SUCCEEDS, FAILS, STALLS, QUEUES, FINISHED, EMPTY, VANISHES, LATE, STANDS_STILL, *TAKES)
