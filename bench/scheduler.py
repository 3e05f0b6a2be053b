"""Many live tasks, polls that do nothing: what the scheduling alone costs, and how late it is."""

import asyncio
import gc
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from discord.ext import tasks

from bench.measure import Say, Section, median, percentile, span
from bench.restart import filled_file, parts
from bench.world import ANSWER, render, task_id
from bot.core.pace import Pace
from bot.core.task import Task
from bot.poller import Poller
from bot.store.database import Database
from bot.upstream import IN_FLIGHT
from bot.veo.protocol import decode

EVERY: Final = 12.0
AGE: Final = 60.0
TIMES: Final = 5
WINDOW: Final = 2.0
"""Seconds that are measured, once everything has been running for a while."""
SETTLED: Final = 0.5


class Lateness:
    """Keeps how late each poll was while it is switched on."""

    def __init__(self) -> None:
        self.on = False
        self.late_by: list[float] = []

    def observe(self, seconds: float) -> None:
        if self.on:
            self.late_by.append(seconds)


class NullUpstream:
    """Every look tells the same at once."""

    room, not_before, held_back, probing = IN_FLIGHT, 0.0, False, False

    def __init__(self) -> None:
        self._answer = render("x", 50, time.time())

    async def see(self, _task: str) -> Task:
        return self._answer


class NullBoard:
    """Every task is watched, and wanted again after the usual time."""

    def __init__(self, count: int) -> None:
        self.tasks = dict.fromkeys(task_id(number) for number in range(1, count + 1))
        self.roster = self

    def told_again(self, _task: str, _seen: object) -> float:
        return EVERY


async def _ours(count: int) -> tuple[float, list[float]]:
    lateness = Lateness()
    metrics: Any = SimpleNamespace(poll_lateness=lateness)
    board: Any = NullBoard(count)
    upstream: Any = NullUpstream()
    poller = Poller(upstream, board, Pace(), time.monotonic, metrics=metrics)
    for number, name in enumerate(board.tasks):
        poller.plan(name, 1.0 + EVERY * number / count)
    loop = asyncio.create_task(poller.run())
    cost = await _window(lateness)
    loop.cancel()
    return cost / max(1, len(lateness.late_by)), lateness.late_by


async def _peer(count: int) -> tuple[float, list[float]]:
    """One `discord.ext.tasks` loop for each watch, as bots are used to do it."""
    lateness = Lateness()
    loops = [_loop(lateness) for _ in range(count)]
    event_loop = asyncio.get_running_loop()
    begun = event_loop.time()
    for number, (loop, due) in enumerate(loops):
        due[0] = begun + EVERY * number / count
        event_loop.call_at(due[0], loop.start)
    while event_loop.time() - begun < EVERY:
        await asyncio.sleep(0.5)
    cost = await _window(lateness)
    for loop, _ in loops:
        loop.cancel()
    await asyncio.sleep(0)
    return cost / max(1, len(lateness.late_by)), lateness.late_by


def _loop(lateness: Lateness) -> tuple["tasks.Loop[Any]", list[float]]:
    due = [0.0]

    async def poll() -> None:
        lateness.observe(time.monotonic() - due[0])
        due[0] += EVERY

    return tasks.loop(seconds=EVERY)(poll), due


async def _window(lateness: Lateness) -> float:
    await asyncio.sleep(SETTLED)
    gc.collect()
    await asyncio.sleep(SETTLED)
    lateness.on = True
    with span() as taken:
        await asyncio.sleep(WINDOW)
    lateness.on = False
    return taken.cpu


def _bytes_a_watch(count: int) -> tuple[float, float]:
    """Return what a watch keeps in memory, its record and its place in the schedule: taken up, and looked at."""

    async def build(path: Path) -> tuple[float, float]:
        database = Database(path, None)
        await database.open()
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        watching, board, poller = parts(database)
        await watching.resume()
        gc.collect()
        taken_up = tracemalloc.get_traced_memory()[0] - before
        for name in list(board.roster.tasks):
            body = ANSWER.format(name=name, created_at=int(time.time() - AGE), updated_at=int(time.time()))
            await board.see(name, decode(200, {}, body.encode(), name, time.time()))
            poller.plan(name, EVERY)
        gc.collect()
        looked_at = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        await database.close()
        return taken_up / count, looked_at / count

    with filled_file(count) as path:
        return asyncio.run(build(path))


def run(*, short: bool, say: Say) -> Section:
    """Compare the poller with a loop for each watch."""
    section = Section("Scheduler")
    rows, ratio, late = [], 1.0, 0.0
    for count in (10_000, 100_000):
        times = TIMES if short else 2 * TIMES
        ours, peers, ours_late, peers_late = [], [], [], []
        for turn in range(times):
            say(f"{count} tasks, {turn + 1} of {times}")
            cost, late_by = asyncio.run(_ours(count))
            ours.append(cost)
            ours_late.append(percentile(late_by, 0.99))
            cost, late_by = asyncio.run(_peer(count))
            peers.append(cost)
            peers_late.append(percentile(late_by, 0.99))
        ratio, late = median(ours) / median(peers), median(ours_late)
        for name, costs, lates in (("ours", ours, ours_late), ("a loop for each watch", peers, peers_late)):
            rows.append([f"{count:,}", name, f"{median(costs) * 1e6:.1f}", f"{median(lates) * 1e3:.0f}"])
        rows[-2].append(f"{ratio:.2f}")
        rows[-1].append("1")
    section.table(
        ["tasks", "scheduler", "CPU a poll, µs", "99 % of polls late by less than, ms", "ratio"], *rows
    )
    kept, looked_at = _bytes_a_watch(20_000)
    section.text = (
        f"A watch keeps {kept:,.0f} bytes, its record and its place on the board and in the schedule included;"
        f" {looked_at:,.0f} with the newest answer."
    )
    section.headline = (
        "CPU of scheduling a poll at 100,000 live tasks; 99 % late by less than",
        f"{rows[-2][2]} µs; {rows[-2][3]} ms",
        f"a loop for each watch: {rows[-1][2]} µs; {rows[-1][3]} ms",
    )
    section.goal("at 100,000 tasks a third of the peer's CPU a poll, or less", met=ratio <= 1 / 3)
    section.goal("99 % of polls less than 60 ms late", met=late < 0.06)
    section.goal("1 KB a watch at most, record included", met=kept <= 1024)
    return section
