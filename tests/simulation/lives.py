"""What a seed's renders do by themselves: a life for each task, and the ends that it may lead to."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.outcome import Ending
from sim.task_api.answers import Answer
from sim.task_api.renders import Render, Step
from sim.task_api.server import RenderApi

LONG_LINK = 600
"""Characters that make a link so long that few fit a message: the result has several parts."""


@dataclass(frozen=True)
class Life:
    """A render and the endings that a watch of it may have while nobody interferes."""

    render: Render
    ends: frozenset[Ending]


LASTS = (8.0, 30.0, 90.0, 240.0)
"""Seconds, to be multiplied by half to one and a half."""


def lives(rng: random.Random, number: int, lasts: Sequence[float] = LASTS) -> list[Life]:
    """Draw the lives of `number` tasks, most of them successful."""
    ids = (f"{rng.getrandbits(32):08x}-0000-4000-8000-{n:012}" for n in range(number))
    return [_life(rng, task_id, rng.choice(lasts) * rng.uniform(0.5, 1.5)) for task_id in ids]


def serve_videos(api: RenderApi, drawn: list[Life], rng: random.Random) -> None:
    """Let the API have the videos of the renders, small and large."""
    for name in {name for life in drawn for step in life.render.steps for name in step.videos}:
        body = b"\0\0\0\x18ftypmp42" + bytes(rng.choice((2_000, 60_000, 300_000)))
        api.set_media(name, Answer(body=body, headers={"Content-Type": "video/mp4"}))


def _life(rng: random.Random, task_id: str, lasts: float) -> Life:
    kind = rng.choices(
        ("succeeds", "fails", "empty", "vanishes", "stalls", "late", "never"), (10, 3, 1, 1, 1, 1, 1)
    )[0]
    steps = [Step(0, "pending")]
    moves = sorted(rng.uniform(0.1, 0.9) * lasts for _ in range(rng.randrange(1, 6)))
    for count, at in enumerate(moves, 1):
        steps.append(Step(at, "running", 90 * count // len(moves)))
    match kind:
        case "succeeds" | "late":
            steps.append(Step(lasts, "succeeded", 100, videos=_videos(rng)))
        case "fails":
            steps.append(Step(lasts, "error", 90, "It may <@1> contain **words** that @everyone dislikes"))
        case "empty":
            steps.append(Step(lasts, "succeeded", 100))
    render = Render(
        id=task_id,
        name=kind,
        says=kind,
        steps=tuple(steps),
        appears=rng.uniform(5, 40) if kind == "late" else float("inf") if kind == "never" else 0.0,
        vanishes=lasts if kind == "vanishes" else float("inf"),
    )
    return Life(render, _ENDS[kind])


_ENDS = {
    "succeeds": frozenset({Ending.SUCCEEDED}),
    "fails": frozenset({Ending.FAILED}),
    "empty": frozenset({Ending.EMPTY}),
    # Whoever looks only after it vanished has never seen it.
    "vanishes": frozenset({Ending.VANISHED, Ending.NO_SUCH_TASK}),
    "stalls": frozenset({Ending.STALLED}),
    "late": frozenset({Ending.SUCCEEDED, Ending.NO_SUCH_TASK}),
    "never": frozenset({Ending.NO_SUCH_TASK}),
}


def _videos(rng: random.Random) -> tuple[str, ...]:
    number = rng.choice((1, 1, 2, 4, 9))
    padding = "x" * rng.choice((0, 0, LONG_LINK))
    return tuple(f"{padding}{n}.mp4" for n in range(number))
