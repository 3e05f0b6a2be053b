"""One look from its due time to the next: due, GET, decode, advance, plan; beside a bare loop of aiohttp GETs."""

import asyncio
import gc
import multiprocessing
import time
import tracemalloc
from multiprocessing.connection import Connection
from typing import Final

import aiohttp
from aiohttp import web

from bench.measure import Say, Section, Span, median, span
from bench.world import filled_board, task_id
from bot.core.pace import Pace
from bot.core.task import Task
from bot.poller import IN_FLIGHT, Look, Poller
from bot.veo.client import VeoClient

TASKS: Final = 2_000
LOOKS: Final = 6_000
TIMES: Final = 7
LEAST: Final = 0.85
NAMED: Final = 64.0
"""Bytes a look that are not worth naming."""


def serve(pipe: Connection) -> None:
    """Answer in a process of its own: every task renders, and nothing ever changes."""
    asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    connections = set()
    now = int(time.time())

    async def answer(request: web.Request) -> web.Response:
        connections.add(request.transport)
        name = request.match_info["task"]
        body = (
            f'{{"id": "{name}", "state": "running", "data": {{"videos": []}}, "progress": 40,'
            f' "create_time": {now - 60}, "update_time": {now}, "message": "", "action": "generate"}}'
        )
        return web.Response(text=body, content_type="application/json")

    async def count(_request: web.Request) -> web.Response:
        return web.json_response(len(connections))

    app = web.Application()
    app.router.add_get("/v1/videos/tasks/{task}", answer)
    app.router.add_get("/connections", count)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pipe.send(runner.addresses[0][1])
    while not await asyncio.to_thread(pipe.poll, 0.5):
        pass


async def _bare(url: str) -> Span:
    """GET as often with as many at once, with nothing around it: read the body, and that is all."""
    left = iter(range(LOOKS))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=96)) as session:

        async def work() -> None:
            for number in left:
                async with session.get(f"{url}/v1/videos/tasks/{task_id(number % TASKS)}") as response:
                    await response.read()

        await work_in_turn(session, url)
        with span() as taken:
            await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return taken


async def work_in_turn(session: aiohttp.ClientSession, url: str) -> None:
    """Open the connections before anything is measured."""
    await asyncio.gather(*(session.get(f"{url}/connections") for _ in range(IN_FLIGHT)))


class Counter:
    """Counts looks, and tells when there were enough."""

    def __init__(self, look: Look) -> None:
        self.looks = 0
        self.enough = asyncio.Event()
        self._look: Final = look

    async def again(self) -> None:
        """Wait for as many looks once more."""
        self.looks = 0
        self.enough.clear()
        await self.enough.wait()

    async def look(self, name: str, known: Task | None = None) -> Task:
        self.looks += 1
        if self.looks == LOOKS:
            self.enough.set()
        return await self._look(name, known)


async def _ours(url: str) -> tuple[Span, int, int, float]:
    """Let the real poller look at tasks that are due again at once."""
    board, audience, store = filled_board(TASKS, time.time, Pace(min_seconds=0.0, max_seconds=0.0))
    async with VeoClient(url, "key", "raw") as veo:
        counter = Counter(veo.look)
        poller = Poller(counter.look, board, Pace(), time.time)
        for name in list(board.roster.tasks):
            await board.see(name, await veo.look(name))
            poller.plan(name, 0.0)
        shown, saved = audience.shown, store.saved
        with span() as taken:
            running = asyncio.create_task(poller.run())
            await counter.enough.wait()
        tracemalloc.start()
        await counter.again()  # whatever each task keeps has been made anew by now
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        await counter.again()
        gc.collect()
        kept = (tracemalloc.get_traced_memory()[0] - before) / LOOKS
        tracemalloc.stop()
        await poller.close(5)
        running.cancel()
    return taken, audience.shown - shown, store.saved - saved, kept


async def _connections(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/connections") as response:
        return int(await response.json())


def run(*, short: bool, say: Say) -> Section:
    """Compare the throughput of the two."""
    section = Section("Poll path")
    ours_pipe, theirs_pipe = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs_pipe,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ours_pipe.recv()}"
    rows: list[list[object]] = []
    bares: list[Span] = []
    ours: list[Span] = []
    shown = saved = opened = 0
    kept: list[float] = []
    for turn in range(5 if short else TIMES):
        say(f"{LOOKS:,} looks, {turn + 1}")
        bares.append(asyncio.run(_bare(url)))
        before = asyncio.run(_connections(url))
        taken, more_shown, more_saved, bytes_kept = asyncio.run(_ours(url))
        opened = asyncio.run(_connections(url)) - before - 1
        ours.append(taken)
        kept.append(bytes_kept)
        shown, saved = shown + more_shown, saved + more_saved
    ours_pipe.send("end")
    rate = [LOOKS / taken.wall for taken in bares], [LOOKS / taken.wall for taken in ours]
    ratio = median([one / other for other, one in zip(*rate, strict=True)])
    cpu = median([one.cpu / other.cpu for other, one in zip(bares, ours, strict=True)])
    for name, rates, spans, share in (("bare aiohttp", rate[0], bares, 1.0), ("ours", rate[1], ours, ratio)):
        cost = median([taken.cpu / LOOKS for taken in spans]) * 1e6
        rows.append([name, f"{median(rates):,.0f}", f"{cost:.0f}", f"{share:.2f}"])
    section.table(["loop", "looks a second", "CPU a look, µs", "throughput, ratio"], *rows)
    section.text = (
        f"{opened} connections served {LOOKS:,} looks and more. CPU a look is {cpu:.2f} times the bare loop's. Looks at"
        f" what did not change wrote {saved} times, edited {shown} times, and left {median(kept):.0f} bytes each."
    )
    section.headline = (
        "looks a second on one core",
        str(rows[1][1]),
        f"a bare loop of aiohttp GETs: {rows[0][1]}",
    )
    section.goal("0.85 or more of the bare loop's throughput", met=ratio >= LEAST)
    section.goal("connections are used again", met=opened <= IN_FLIGHT)
    section.goal(
        "an unchanged task costs no write, no edit, no memory worth naming",
        met=not saved and not shown and median(kept) < NAMED,
    )
    return section
