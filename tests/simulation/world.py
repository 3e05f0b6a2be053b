"""One seed's world: the place, what its renders do, the machine that runs the bot, and a diary."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulation.crashes import CrashingDatabase, CrashingFile, CrashingServer, Disk, Trap, crashing_requests
from simulation.lives import Life
from wire.place import START, Place

from bot.store.location import Location
from sim.discord import Channel, Invocation, Message, User
from sim.task_api.answers import Answer

STALLED_AFTERWARDS = 120.0
"""Seconds for which a task may be held after trouble: a minute of backoff, and its turn."""
RESTART_SECONDS = (2.0, 5.0, 30.0, 300.0)


@dataclass
class World:
    """What actions change and the verdict reads."""

    here: Place
    rng: random.Random
    lives: dict[str, Life]
    people: list[User]
    channels: list[Channel]
    trap: Trap = field(default_factory=Trap)
    disk: Disk = field(default_factory=Disk)
    sessions: random.Random = field(default_factory=random.Random)
    """Decides when a server ends a session."""
    diary: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    lifetimes: list[tuple[float, float]] = field(default_factory=list)
    """When each process began and ended."""
    closed: set[int] = field(default_factory=set)
    """Channels that were closed to the bot at some time, or its messages there refused for good."""
    stopped: set[int] = field(default_factory=set)
    """Channels in which somebody stopped something."""
    disturbed: set[str] = field(default_factory=set)
    """Tasks that the API did not know for a while."""
    badly_answered: set[str] = field(default_factory=set)
    """Tasks of which the API told nothing for a while."""
    poisoned: set[str] = field(default_factory=set)
    """Tasks that are answered badly for as long as there is trouble."""
    stalls: list[tuple[float, float]] = field(default_factory=list)
    """When polls may come late for everybody: the API or the disk is out of order, or just was."""
    damage: float = 0.0
    """Seconds in which everything was answered with damage."""
    jumps: float = 0.0
    """Seconds by which clocks were set, all in all."""
    invocations: list[Invocation] = field(default_factory=list)
    later: set["asyncio.Task[None]"] = field(default_factory=set)

    def note(self, what: str) -> None:
        """Write a line of the diary."""
        self.counts[what.partition(":")[0]] += 1
        self.diary.append(f"{self.here.clock() - START:9.3f}  {what}")

    def stall(self, seconds: float) -> None:
        """Note that polls may come late for so long, and while tasks are still held for what came of it."""
        now = self.here.clock()
        self.stalls.append((now, now + seconds + STALLED_AFTERWARDS))

    def cards(self) -> list[Message]:
        """List the bot's cards that anybody can see."""
        return [
            message
            for channel in self.channels
            for message in channel.history
            if message.author is self.here.sim.bot and message.is_v2
        ]

    def after(self, seconds: float, what: Callable[[], Awaitable[None]]) -> None:
        """Do something later, whatever happens meanwhile."""

        async def do() -> None:
            await asyncio.sleep(seconds)
            await what()

        task = asyncio.ensure_future(do())
        self.later.add(task)
        task.add_done_callback(self.later.discard)


class Machine:
    """Runs the bot as a supervisor does: whenever it has ended, by itself or not, it is started again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._orders: asyncio.Queue[bool] = asyncio.Queue()
        here = world.here
        here.open_database = self._open_database
        here.sim.rest.faults[:0] = crashing_requests(world.trap)

    def _open_database(self, location: Location) -> CrashingDatabase:
        trap, disk = self._world.trap, self._world.disk
        if isinstance(location, Path):
            return CrashingFile(location, trap, disk)
        return CrashingServer(location, trap, disk, self._world.sessions)

    def crash(self) -> None:
        """Kill the bot where it stands."""
        self._world.trap.sprung.set()

    def stop(self) -> None:
        """Stop the bot in an orderly way; it is started again."""
        self._orders.put_nowait(True)

    async def operate(self) -> None:
        """Keep the bot running until cancelled."""
        world, here = self._world, self._world.here
        while True:
            began = here.clock()
            try:
                why = await self._one_life()
            finally:
                world.lifetimes.append((began, here.clock()))
            world.note(f"{why}: after {here.clock() - began:.3f} s")
            world.trap.disarm()
            await asyncio.sleep(world.rng.choice(RESTART_SECONDS) * world.rng.uniform(0.5, 1.5))

    async def _one_life(self) -> str:
        world, here = self._world, self._world.here
        launching = asyncio.ensure_future(here.launch_bot())
        crash = asyncio.ensure_future(world.trap.sprung.wait())
        order = asyncio.ensure_future(self._orders.get())
        ends: set[asyncio.Future[Any]] = {crash, order}
        try:
            await asyncio.wait({launching, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if launching.done() and launching.exception() is None and here.serving is not None:
                await asyncio.wait({here.serving, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if order.done() and launching.done() and launching.exception() is None:
                # A crash may strike while it stops.
                stopping = asyncio.ensure_future(here.stop_bot())
                await asyncio.wait({stopping, crash}, return_when=asyncio.FIRST_COMPLETED)
                if stopping.done():
                    stopping.result()
                    return "stop"
                stopping.cancel()
                await asyncio.gather(stopping, return_exceptions=True)
        finally:
            launching.cancel()
            for waiting in (crash, order):
                waiting.cancel()
            failed = (await asyncio.gather(launching, return_exceptions=True))[0]
        why = "crash" if world.trap.sprung.is_set() else f"exit ({failed!r})"
        await here.kill_bot()
        return why


DAMAGED = Answer(200, body=b'{"id": "x", "state": ["')


def drawn_poison(rng: random.Random) -> Answer:
    """Draw an answer that concerns one task alone."""
    return rng.choice(
        (
            Answer.json({"message": "bad request"}, 400),
            Answer.json({"message": "not yours"}, 403),
            Answer.json({"message": "task not found"}, 404),
            Answer.json({"message": "unprocessable"}, 422),
            Answer.json({"message": "slow down"}, 429, rng.choice(({}, {"Retry-After": "1"}))),
            Answer.json({"message": "slow down"}, 429, {"Retry-After": "300"}),
            Answer.json({"message": "internal"}, 500),
            Answer(502, {"Content-Type": "text/html"}, b"<html>Bad gateway</html>"),
            Answer(delay=1_000.0),
            DAMAGED,
        )
    )


def drawn_bad_answer(rng: random.Random) -> Answer:
    """Draw an answer of the task API that tells nothing about a task."""
    return rng.choice(
        (
            Answer.json({"message": "internal"}, 500),
            Answer(503, {"Content-Type": "text/html"}, b"<html>busy</html>"),
            Answer(200, {"Content-Type": "text/html"}, b"<html>It works!</html>"),
            Answer.json({"code": 500, "msg": "system busy"}),
            Answer(drop=True),
            Answer.json({}, 429, {"Retry-After": str(rng.choice((1, 5, 30)))}),
            DAMAGED,
        )
    )


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw everything that is drawn in the process, jitter too, from one seed."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
