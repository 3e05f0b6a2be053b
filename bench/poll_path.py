"""One look from its due time to the next: due, GET, decode, advance, plan; beside a bare loop of aiohttp GETs."""

import asyncio
import gc
import multiprocessing
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from itertools import count
from multiprocessing.connection import Connection
from typing import Final

import aiohttp
from aiohttp import web

from bench.measure import Say, Section, Span, median, span
from bench.world import ANSWER, NullAudience, NullStore, filled_board, task_id
from bot.core.pace import Pace
from bot.core.task import Task
from bot.metrics import Metrics
from bot.poller import Poller
from bot.upstream import IN_FLIGHT, Look, Upstream
from bot.veo.client import VeoClient

TASKS: Final = 2_000
LOOKS: Final = 3_000
TIMES: Final = 20
"""Turns of the one and the other, each beside each: this machine is not always as fast."""
LEAST: Final = 0.85
NAMED: Final = 64.0
"""Bytes a look that are not worth naming."""


def serve(pipe: Connection) -> None:
    """Answer in a process of its own: every task renders, and nothing ever changes but below /moving."""
    asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    connections = set()
    began = int(time.time())
    news = count()

    async def answer(request: web.Request) -> web.Response:
        connections.add(request.transport)
        name = request.match_info["task"]
        now = began + (next(news) if "moving" in request.path else 0)
        body = ANSWER.format(name=name, created_at=began - 60, updated_at=now)
        return web.Response(text=body, content_type="application/json")

    async def opened(_request: web.Request) -> web.Response:
        return web.json_response(len(connections))

    app = web.Application()
    app.router.add_get("/v1/videos/tasks/{task}", answer)
    app.router.add_get("/moving/v1/videos/tasks/{task}", answer)
    app.router.add_get("/connections", opened)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pipe.send(runner.addresses[0][1])
    while not await asyncio.to_thread(pipe.poll, 0.5):
        pass


async def _bare(url: str) -> Span:
    """GET as often with as many at once and the key, with nothing around it: read the body, and that is all."""
    left = iter(range(LOOKS))
    headers = {"Authorization": "key", "Accept": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=96), headers=headers) as session:

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

    def look(self, name: str, known: Task | None = None) -> Awaitable[Task]:
        self.looks += 1
        if self.looks == LOOKS:
            self.enough.set()
        return self._look(name, known)


@asynccontextmanager
async def _polling(url: str) -> AsyncIterator[tuple[Counter, NullAudience, NullStore]]:
    """Let the real poller look at tasks that are due again at once, counting as the bot counts."""
    board, audience, store = filled_board(TASKS, time.time, Pace(min_seconds=0.0, max_seconds=0.0))
    metrics = Metrics()
    async with VeoClient(url, "key", "raw") as veo:
        counter = Counter(veo.look)
        upstream = Upstream(counter.look, board, time.time, metrics)
        poller = Poller(upstream, board, Pace(), time.time, metrics=metrics)
        for name in list(board.roster.tasks):
            poller.plan(name, 0.0)
        running = asyncio.create_task(poller.run())
        await counter.again()  # every task has been seen, the connections are open
        yield counter, audience, store
        await poller.close(5)
        running.cancel()


async def _ours(url: str) -> Span:
    async with _polling(url) as (counter, _, _):
        with span() as taken:
            await counter.again()
    return taken


async def _nothing_new(url: str) -> tuple[int, int, float]:
    """Return how often what did not change was shown and saved, and the bytes that each look left behind."""
    async with _polling(url) as (counter, audience, store):
        shown, saved = audience.shown, store.saved
        tracemalloc.start()
        await counter.again()  # whatever each task keeps has been made anew by now
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        await counter.again()
        gc.collect()
        kept = (tracemalloc.get_traced_memory()[0] - before) / LOOKS
        tracemalloc.stop()
        return audience.shown - shown, store.saved - saved, kept


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
    moving: list[Span] = []
    opened = 0
    for turn in range(turns := TIMES if short else 2 * TIMES):
        if turn % 5 == 0:
            say(f"{turn} of {turns} turns of {LOOKS:,} looks")
        bares.append(asyncio.run(_bare(url)))
        before = asyncio.run(_connections(url))
        ours.append(asyncio.run(_ours(url)))
        opened = asyncio.run(_connections(url)) - before - 1
        if turn % 5 == 0:
            moving.append(asyncio.run(_ours(f"{url}/moving")))
    say("looks that tell nothing new")
    shown, saved, kept = asyncio.run(_nothing_new(url))
    ours_pipe.send("end")
    loops = {"bare aiohttp": bares, "ours": ours, "ours, each answer another": moving}
    wall = {name: median([taken.wall for taken in spans]) for name, spans in loops.items()}
    ratio = median([bare.wall / own.wall for bare, own in zip(bares, ours, strict=True)])
    shares = (1.0, ratio, wall["bare aiohttp"] / wall["ours, each answer another"])
    for (name, spans), share in zip(loops.items(), shares, strict=True):
        cost = median([taken.cpu for taken in spans]) / LOOKS * 1e6
        rows.append([name, f"{LOOKS / wall[name]:,.0f}", f"{cost:.0f}", f"{share:.2f}"])
    section.table(["loop", "looks a second", "CPU a look, µs", "throughput, ratio"], *rows)
    section.text = (
        f"{opened} connections served {LOOKS:,} looks and more. Looks at what did not change wrote {saved} times,"
        f" edited {shown} times, and left {kept:.0f} bytes each. Where every answer is another (its time of change"
        " ticks), it is decoded and the law is asked: the third row."
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
        met=not saved and not shown and kept < NAMED,
    )
    return section
