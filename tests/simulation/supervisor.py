"""What keeps the bot of a machine running, as systemd does, and crashes it where the simulation wants."""

import asyncio
from pathlib import Path
from typing import Any

from simulation.crashes import CrashingDatabase, CrashingFile, Link, Trap, crashing_requests
from simulation.server import CrashingServer
from simulation.world import World
from wire.place import Place

from bot.store.errors import StoreError
from bot.store.location import Location

SLOW_BEATS, SLOW_BEATS_SECONDS = 0.7, 2.0
"""How often the connection for leases is slow after a pause, and for how long."""
NOTIFIED_SECONDS = 0.001
"""How long a notification takes."""
RESTART_SECONDS = (2.0, 5.0, 30.0, 300.0)


class Supervisor:
    """Runs the bot of one machine: whenever it has ended, by itself or not, it is started again."""

    def __init__(self, world: World, here: Place) -> None:
        self._world = world
        self.here = here
        self.trap = Trap(on_spring=self._freeze)
        self.link = Link()
        """How the bot reaches its database; every start makes a new one."""
        self._fell_asleep: float | None = None
        here.on_taken = self._lose_leases
        world.machines.append(self)
        self._orders: asyncio.Queue[bool] = asyncio.Queue()
        here.open_database = self._open_database
        here.disk_usage = world.disk.usage
        here.sim.rest.faults[:0] = crashing_requests(self.trap, self._has_port)

    def _open_database(self, location: Location) -> CrashingDatabase:
        trap, disk = self.trap, self._world.disk
        if isinstance(location, Path):
            return CrashingFile(location, trap, disk)
        self.link = Link(is_away=self.link.is_away)
        several = self._world.has_several_bots
        database = CrashingServer(location, trap, disk, self._world.sessions, self.link, alone=not several)
        database.on_notify = self._world.notify
        return database

    def _has_port(self, port: int) -> bool:
        return self.here.machine.has_port(port)

    def crash(self) -> None:
        """Kill the bot where it stands."""
        self.trap.spring()

    def stop(self) -> None:
        """Stop the bot in an orderly way; it is started again."""
        self._orders.put_nowait(True)

    def pause(self, *, asleep: bool = False) -> None:
        """Let the bot stand still, as SIGSTOP does; `asleep`, its clock does, too."""
        self.here.machine.pause()
        self._fell_asleep = self.here.clock() if asleep else None

    def resume(self) -> None:
        """Let the bot go on, if it stands still."""
        if self.here.machine.paused and not self.trap.sprung.is_set():
            if self._fell_asleep is not None:
                self.here.overslept += self.here.clock() - self._fell_asleep
            # In a machine that wakes, nothing says which of its connections is served first.
            if self._world.sessions.random() < SLOW_BEATS:
                self.link.slow_beats_until = asyncio.get_running_loop().time() + SLOW_BEATS_SECONDS
            self.here.machine.resume()

    def lose_database(self, *, at_once: bool) -> None:
        """Let the database be away for this machine; if it restarts, sessions end `at_once`."""
        self.link.is_away = True
        if at_once:
            self.link.end_sessions()

    def find_database(self) -> None:
        self.link.is_away = False

    def hear(self, payload: str) -> None:
        if self.here.keeper is not None and not (self.link.is_away or self.link.is_dead):
            self.here.machine.call_later(NOTIFIED_SECONDS, self.here.keeper.notified, payload)

    def _lose_leases(self, error: StoreError) -> None:
        self._world.note(f"taken over: {error}")
        self.trap.spring()

    def _freeze(self) -> None:
        """Let nothing run any more where several bots share the world: in a moment, they could do much."""
        if self._world.has_several_bots:
            self.link.is_dead = True
            if not self.here.machine.paused:
                self.here.machine.pause()

    def _cut_off(self) -> None:
        """Let the cleaning up of a killed bot, which no real one does, reach nobody."""
        if self._world.has_several_bots:
            self.link.is_dead = True
            self.here.machine.cut_off_network()
            self.link.end_sessions()

    async def operate(self) -> None:
        """Keep the bot running until cancelled."""
        world, here = self._world, self.here
        while True:
            began = here.clock()
            try:
                why = await self._one_life()
            finally:
                world.lifetimes.append((began, here.clock()))
            world.note(f"{why}: after {here.clock() - began:.3f} s")
            self.trap.disarm()
            await asyncio.sleep(world.rng.choice(RESTART_SECONDS) * world.rng.uniform(0.5, 1.5))

    async def _one_life(self) -> str:
        here = self.here
        launching = asyncio.ensure_future(here.launch_bot())
        crash = asyncio.ensure_future(self.trap.sprung.wait())
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
        why = "crash" if self.trap.sprung.is_set() else f"exit ({failed!r})"
        self._cut_off()
        await here.kill_bot()
        return why
