"""Processes on one database in virtual time: they die, pause, wake and lose their connections, seeded.

What is simulated, and where it was seen:

- Clocks that run at 0.9 to 1.1 of each other, far more than real ones: client-go's leader election "is
  tolerant to arbitrary clock skew, but is not tolerant to arbitrary clock skew rate".
- A process that stops for any time anywhere and goes on as if nothing had happened: Kleppmann, "How to do
  distributed locking" (garbage collection, SIGSTOP, a moved virtual machine). While a machine sleeps,
  CLOCK_MONOTONIC stands still, clock_gettime(2).
- A database that is away, slow, or whose answer to a commit is lost: PostgreSQL restarts, failovers.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, StaticPool, create_engine, event, select
from sqlalchemy.dialects.sqlite import insert

from bot.core.liveness import BEAT
from bot.store.database import Database, T
from bot.store.errors import LeaseLost, StoreError, StoreFailed
from bot.store.fenced import FencedDatabase
from bot.store.leases import Leases
from bot.store.postgres import PostgresDatabase
from bot.store.schema import metadata, shards

SHARDS: Final = 3
PROCESSES: Final = 3


class MemoryDatabase(Database):
    """All tables in memory: the rules are the same, and nothing waits for a disk."""

    def __init__(self) -> None:
        super().__init__(None)
        self.upsert = insert

    @property
    def video_folder(self) -> Path:
        raise NotImplementedError

    async def open(self) -> None:
        self._engine = create_engine("sqlite://", poolclass=StaticPool)
        event.listen(self._engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys = ON"))
        metadata.create_all(self._engine)


@dataclass
class World:
    """What all processes share, and what is counted."""

    database: Database
    rng: random.Random
    away: bool = False
    slow: float = 0.02
    """Seconds that the database takes at most."""
    writes: int = 0
    sends: int = 0
    held_back: int = 0
    taken_over: int = 0
    deaths: int = 0
    takes: int = 0
    last_served: dict[int, float] = field(default_factory=dict)
    worst_gap: float = 0.0
    """Longest time for which nobody wrote for a shard."""
    faults: list[str] = field(default_factory=list)

    def ended(self, writer: "asyncio.Task[Any]") -> None:
        """Note a writer that did not end because its process did."""
        if not writer.cancelled():
            self.faults.append(f"a writer ended: {writer.exception()!r}")

    def holder(self, shard: int) -> int | None:
        found: int | None = self.database.transact(
            lambda connection: connection.scalar(select(shards.c.member_id).where(shards.c.shard == shard))
        )
        return found

    def serve(self, shard: int) -> None:
        now = asyncio.get_running_loop().time()
        self.worst_gap = max(self.worst_gap, now - self.last_served.get(shard, now))
        self.last_served[shard] = now


class Wire(Database):
    """One process's connection: it takes time, breaks, and its process may pause or die while it waits."""

    def __init__(self, world: World, whole: Database, process: "Process") -> None:
        super().__init__(None)
        self.upsert = whole.upsert
        self._whole: Final = whole
        self._world: Final = world
        self._process: Final = process

    @property
    def video_folder(self) -> Path:
        raise NotImplementedError

    async def open(self) -> None:
        raise NotImplementedError

    def lock(self, connection: Connection, name: str) -> None:
        self._whole.lock(connection, name)

    async def run(self, work: Callable[[Connection], T]) -> T:
        world, process = self._world, self._process
        await process.sleep(world.rng.uniform(0, world.slow))
        if world.away:
            raise StoreFailed("the database is away")
        done = await self._whole.run(work)
        if world.rng.random() < 0.01:
            raise StoreFailed("the answer was lost")
        await process.sleep(world.rng.uniform(0, world.slow))
        return done


class Process:
    """A keeper that beats and gives away what is too much, and one writer for each shard."""

    def __init__(self, world: World, number: int) -> None:
        self._world: Final = world
        self._rate: Final = world.rng.uniform(0.9, 1.1)
        self._start: Final = world.rng.uniform(0, 1e6)
        self._awake: Final = asyncio.Event()
        self._awake.set()
        self._slept = 0.0
        whole = world.database
        self._connection: Final = whole.another(None) if isinstance(whole, PostgresDatabase) else whole
        self._wire: Final = Wire(world, self._connection, self)
        self.leases: Final = Leases(self._wire, f"host:{number}", self._clock, self._observing)
        self.lost = False
        self.running: Final = asyncio.create_task(self._run())

    def _clock(self) -> float:
        return self._start + asyncio.get_running_loop().time() * self._rate

    def _observing(self) -> float:
        return self._clock() - self._slept

    async def sleep(self, seconds: float) -> None:
        """Sleep by this process's clock, and then for as long as it is paused."""
        await asyncio.sleep(seconds / self._rate)
        await self._awake.wait()

    async def pause(self, seconds: float, *, whole_machine: bool) -> None:
        self._awake.clear()
        await asyncio.sleep(seconds)
        if whole_machine:
            self._slept += seconds * self._rate
        self._awake.set()

    async def kill(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        if self._connection is not self._world.database:
            await self._connection.close()

    async def leave(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        with suppress(StoreError):
            await self.leases.leave()
        await self.kill()

    async def _run(self) -> None:
        writers: dict[int, asyncio.Task[Any]] = {}
        joined = False
        try:
            while not joined:
                with suppress(StoreFailed):
                    await self.leases.join(None, SHARDS)
                    joined = True
                await self.sleep(BEAT)
            while True:
                before = self.leases.held
                with suppress(StoreFailed):
                    self._world.takes += len(await self.leases.round() - before)
                for shard in self.leases.held - writers.keys():
                    writers[shard] = asyncio.create_task(self._write(shard))
                    writers[shard].add_done_callback(self._world.ended)
                for shard in self.leases.surplus | (writers.keys() - self.leases.held):
                    if (writer := writers.pop(shard, None)) is not None:
                        writer.cancel()
                        await asyncio.gather(writer, return_exceptions=True)
                    with suppress(StoreFailed):
                        await self.leases.release(shard)
                await self.sleep(BEAT)
        except LeaseLost:
            self._world.taken_over += 1
            self.lost = True
        finally:
            for writer in writers.values():
                writer.cancel()

    async def _write(self, shard: int) -> None:
        world, me = self._world, self.leases._membership
        database = FencedDatabase(self._wire, self.leases.fence(shard))

        def work(_connection: Connection) -> None:
            world.writes += 1

        while True:
            await self.sleep(world.rng.uniform(0.1, 1.0))
            with suppress(StoreFailed):
                await database.write(work)
                world.serve(shard)
            if not self.leases.trusted:
                world.held_back += 1
                await self.leases.wait_until_trusted()
                await self._awake.wait()
            if self.leases.trusted and shard in self.leases.held:
                # At this very moment the request leaves.
                world.sends += 1
                if world.holder(shard) != me.id:
                    world.faults.append(f"{me.id} sends for shard {shard} of {world.holder(shard)}")


Trouble = Callable[[World, list[Process]], Awaitable[None]]


async def die(world: World, processes: list[Process]) -> None:
    victim = processes.pop(world.rng.randrange(len(processes)))
    world.deaths += 1
    await victim.kill()


async def leave(world: World, processes: list[Process]) -> None:
    await processes.pop(world.rng.randrange(len(processes))).leave()


async def pause(world: World, processes: list[Process]) -> None:
    """Pause some at once, for less or more than a lease."""
    some = world.rng.sample(processes, world.rng.randint(1, len(processes)))
    await asyncio.gather(
        *(one.pause(world.rng.uniform(0.1, 15.0), whole_machine=world.rng.random() < 0.5) for one in some)
    )


async def go_away(world: World, _processes: list[Process]) -> None:
    world.away = True
    await asyncio.sleep(world.rng.uniform(0.1, 30.0))
    world.away = False


async def be_slow(world: World, _processes: list[Process]) -> None:
    world.slow = world.rng.uniform(0.1, 1.5)
    await asyncio.sleep(world.rng.uniform(1.0, 20.0))
    world.slow = 0.02


OUTAGES: Final = (go_away, be_slow)
TROUBLES: Final = (die, die, leave, pause, pause, *OUTAGES)


async def live(world: World, seconds: float, troubles: tuple[Trouble, ...] = TROUBLES) -> list[Process]:
    """Let processes run through trouble for so long, and then in peace; return those that run in the end."""
    loop = asyncio.get_running_loop()
    processes = [Process(world, number) for number in range(PROCESSES)]
    end = loop.time() + seconds
    number = len(processes)
    while loop.time() < end:
        await asyncio.sleep(world.rng.uniform(0.0, 12.0))
        await world.rng.choice(troubles)(world, processes)
        processes = await _without_ended(processes)
        while len(processes) < PROCESSES:  # the supervisor starts another
            processes.append(Process(world, number := number + 1))
    await asyncio.sleep(60)
    return await _without_ended(processes)


async def _without_ended(processes: list[Process]) -> list[Process]:
    """Bury those that ended because they were taken over; raise why any other did."""
    for process in processes:
        if process.running.done():
            if not process.lost:
                process.running.result()
            await process.kill()
    return [process for process in processes if not process.running.done()]
