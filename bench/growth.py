"""How cost grows with the number of live watches, and what ends the growth first."""

import asyncio
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from bench.measure import Say, Section, resident_bytes, span
from bench.restart import filled_file, parts
from bench.world import filled_board, render
from bot.chat.gate import PER_SECOND
from bot.core.pace import Pace
from bot.core.task import Task
from bot.metrics import Metrics
from bot.poller import Poller
from bot.store.database import Database
from bot.upstream import Upstream

ROOT: Final = Path(__file__).parents[1]
SMALL: Final = (10, 100, 1_000)
LARGE: Final = (10_000, 100_000)
WINDOW: Final = 4.0
AGE: Final = 60.0
RENDER_SECONDS: Final = 330.0
"""A render of 1 to 10 minutes in the mean."""
LOOKS_A_CORE: Final = 5_000
"""As the poll path is measured; of HTTP, law and board together."""
REQUESTS_A_RESULT: Final = 2
"""The card's final form, and the reply."""


async def _live(count: int) -> dict[str, float]:
    """Let so many renders be followed, answers coming from nowhere; return what that costs."""
    before = resident_bytes()
    board, _, _ = filled_board(count, time.time)
    begun, looks = time.time() - AGE, 0

    async def look(name: str, _known: Task | None = None) -> Task:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0)
        return render(name, min(99, int((time.time() - begun) / 3)), begun)

    metrics = Metrics()
    poller = Poller(Upstream(look, board, time.time, metrics), board, Pace(), time.time, metrics=metrics)
    for number, name in enumerate(list(board.roster.tasks)):
        poller.plan(name, Pace().max_seconds * number / count)
    running = asyncio.create_task(poller.run())
    await asyncio.sleep(16)
    looks = 0
    with span() as taken:
        await asyncio.sleep(WINDOW)
    found = {
        "cpu": taken.cpu / taken.wall,
        "looks": looks / taken.wall,
        "memory": max(0, resident_bytes() - before) / 2**20,
    }
    await poller.close(1)
    running.cancel()
    return found


async def _restart(path: Path) -> float:
    database = Database(path, None)
    await database.open()
    watching, _, _ = parts(database)
    with span() as taken:
        await watching.resume()
    await database.close()
    return taken.wall


def measure(count: int) -> dict[str, float]:
    """Measure one size; in a process of its own, for the memory's sake."""
    found = asyncio.run(_live(count))
    with filled_file(count) as path:
        found["restart"] = asyncio.run(_restart(path))
        found["rows"], found["file"] = 3 * count, path.stat().st_size / 2**20
    return found


def _in_its_process(count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.growth", str(count)]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return dict(json.loads(out))


def run(*, short: bool, say: Say) -> Section:  # noqa: ARG001 each size is measured once
    """Measure every size, and say what comes to its end first."""
    section = Section("Growth")
    say(" and ".join(f"{count:,}" for count in SMALL) + " watches, side by side: they hardly use the machine")
    with ThreadPoolExecutor(len(SMALL)) as pool:
        found = dict(zip(SMALL, pool.map(_in_its_process, SMALL), strict=True))
    for count in LARGE:
        say(f"{count:,} watches")
        found[count] = _in_its_process(count)
    section.table(
        [
            "live watches",
            "looks a second",
            "CPU of the law, % of a core",
            "memory, MiB",
            "restart, s",
            "rows",
            "file, MiB",
        ],
        *(
            [
                f"{count:,}",
                f"{of['looks']:,.1f}",
                f"{of['cpu'] * 100:.1f}",
                f"{of['memory']:.1f}",
                f"{of['restart']:.3f}",
                f"{of['rows']:,.0f}",
                f"{of['file']:.1f}",
            ]
            for count, of in found.items()
        ),
    )
    big = found[100_000]
    section.headline = (
        "100,000 live watches: law and scheduling, memory",
        f"{big['cpu'] * 100:.0f} % of a core; {big['memory']:.0f} MiB",
        "–",
    )
    section.text = _arithmetic(found[10_000])
    section.pictures.append(_picture(found))
    return section


def _arithmetic(of: dict[str, float]) -> str:
    every = 10_000 / of["looks"]
    results = PER_SECOND / REQUESTS_A_RESULT
    return (
        f"What ends the growth first is Discord: a result takes {REQUESTS_A_RESULT} requests (the card's final form and the"
        f" reply), and the bot sends {PER_SECOND:.0f} a second at most, below Discord's 50. So {results:.1f} renders a second"
        f" may end, which with renders of {RENDER_SECONDS:.0f} s are {results * RENDER_SECONDS:,.0f} live watches on cards of"
        " their own, if no card was edited without its interaction's token. Next is the task API, which an untaught bot asks"
        f" once in {every:.0f} s for each task: {10_000 / every:,.0f} requests a second at 10,000. A core carries some {LOOKS_A_CORE:,} looks"
        f" a second, HTTP included (see *Poll path*): some {LOOKS_A_CORE * every:,.0f} watches. Memory and rows come to no end before that."
    )


def _picture(found: dict[int, dict[str, float]]) -> dict[str, Any]:
    names = {"looks": "looks a second", "cpu": "CPU, cores", "memory": "memory, MiB", "restart": "restart, s"}
    lines = {text: [(count, of[name]) for count, of in found.items()] for name, text in names.items()}
    return {
        "file": "growth.svg",
        "title": "Cost by live watches",
        "x": "live watches",
        "y": "",
        "log": True,
        "lines": lines,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]))))
