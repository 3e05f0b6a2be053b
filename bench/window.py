"""What happens in a scene's window of time, and the figures of it."""

import asyncio
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from bench import seen
from bench.measure import Figures, Used, median, percentile, used
from bench.simulators import TaskApi

if TYPE_CHECKING:
    from bench.scene import Scene

GRACE: Final = 6.0
"""Seconds after the window in which what ended in it may still be told."""
BURST: Final = 1000
"""Renders that end within one second."""
AFTER_RESTART: Final = 20.0
START_SECONDS: Final = 60.0


async def look_at(scene: "Scene") -> Figures:
    """Let the scene's window pass; return what was found in it."""
    load, bot, api = scene.load, scene.bot, scene.api
    stalls: list[float] = []
    probing = asyncio.create_task(bot.longest_stall(stalls))
    before, runner_before = bot.used(), used_by_runner()
    metrics_before = await bot.metrics()
    refused_before, begin = len(api.refused), time.time()
    extra: Figures = {}
    if load.act == "restart":
        extra = await _restart(scene)
    elif load.act == "burst":
        scene.end_soon(BURST, 1.0)
    await scene.live(load.window, replace=not load.act)
    end, after, runner_after = time.time(), bot.used(), used_by_runner()
    probing.cancel()
    with suppress(asyncio.CancelledError):
        await probing
    metrics_after = await bot.metrics()
    grace = time.time() + GRACE
    while time.time() < grace and (
        any(each.render.ends <= end for each in scene.late)
        or not all(each.answered for each in scene.watched)
    ):
        await scene.live(0.2, replace=False)
    figures = seen.window(scene.watched, begin, end, time.time(), gently=load.gently, expired=load.expired)
    if load.act or load.tasks_a_card > 1:  # progress that jumps, or many percentages on one card
        figures |= {name: None for name in figures if name.startswith("behind")}
    figures |= seen.traffic(scene.sim, api, begin, end)
    figures["api_refused"] = _share(len(api.refused) - refused_before, begin, end, api)
    figures["stall"] = max(stalls, default=None)
    whole = bot.used()
    figures |= _resources(before, after, whole, end - begin)
    if runner_before and runner_after:
        figures["simulators"] = (runner_after.cpu - runner_before.cpu) / (end - begin)
    figures["lateness"] = _lateness(metrics_before, metrics_after)
    figures |= extra
    return figures


def used_by_runner() -> Used | None:
    return used(os.getpid())


def _share(refused: int, begin: float, end: float, api: TaskApi) -> float | None:
    asked = refused + sum(begin <= at <= end for at in api.answered)
    return refused / asked if asked and api.allowed is not None else None


def _resources(before: Used | None, after: Used | None, whole: Used | None, seconds: float) -> Figures:
    if before is None or after is None or whole is None:
        return {}
    return {"cpu_whole": whole.cpu, "cpu": (after.cpu - before.cpu) / seconds, "memory_load": after.memory}


def _lateness(before: dict[str, float], after: dict[str, float]) -> float | None:
    """Return how late polls began in the mean, by the bot's own count."""
    name = "veobot_poll_lateness_seconds"
    polls = after.get(f"{name}_count", 0.0) - before.get(f"{name}_count", 0.0)
    return (after[f"{name}_sum"] - before.get(f"{name}_sum", 0.0)) / polls if polls > 0 else None


async def _restart(scene: "Scene") -> Figures:
    """Kill the bot and start it again; say how soon it was ready, and how soon it asked for each render again."""
    await scene.bot.stop(kill=True)
    await scene.until(lambda: not scene.sim.gateway.ready, 10.0)
    refused, asked = len(scene.api.refused), len(scene.api.answered)
    waiting = [each.render for each in scene.watched if each.result_at is None]
    marks = {render.id: len(render.polls) for render in waiting}
    began = await scene.bot.start()
    await scene.until(lambda: scene.sim.gateway.ready, START_SECONDS)
    ready = time.time()
    await scene.until(lambda: len(scene.api.answered) > asked, START_SECONDS)
    await scene.live(1.0, replace=False)
    first, burst = len(scene.api.answered) - asked, len(scene.api.refused) - refused
    await scene.live(AFTER_RESTART, replace=False)
    again = [
        render.polls[marks[render.id]] - ready for render in waiting if len(render.polls) > marks[render.id]
    ]
    return {
        "restart_ready": ready - began,
        "first_second_polls": first,
        "first_second_429": burst,
        "polled_again_p50": median(again),
        "polled_again_p95": percentile(again, 0.95),
    }
