"""One seed with several bots on one database: `make simulate BOTS=2`.

Machines crash, stop, stand still for shorter and longer than a lease, and lose the database, one or all.
Their clocks differ and run at different rates. People watch the same tasks in servers of different shards.
"""

import asyncio
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import patch

from postgres_server import Server
from simulation import supervisor
from simulation.lives import lives, serve_videos
from simulation.run import NEXT_START_SECONDS, WITH_VIDEOS, heal, peace, simulate, trouble
from simulation.supervisor import Supervisor
from simulation.troubles import TROUBLES, Trouble, sleep
from simulation.verdict import POLL_MAX_SECONDS, POLL_MIN_SECONDS, Verdict, judge, lines_left
from simulation.witness import judge_writers, watch_writes
from simulation.world import World
from wire.place import place

from bot import lease_keeper
from bot.core import liveness
from bot.store import leases
from bot.store.location import Location

SHARDS = (1, 2)
"""Standby, and both at work."""
LASTS = (8.0, 20.0, 50.0)
STALLED_HOURS = 0.06
QUIET_SECONDS = 100.0
RESTART_SECONDS = (0.5, 2.0, 5.0, 30.0)
PAUSES = (1.0, 1.5, 3.0, 6.0, 8.0, 12.0, 60.0)
"""Seconds: shorter and longer than a lease is trusted, and than others wait."""
OUTAGES = (0.5, 2.0, 6.0, 20.0, 60.0)
NONCE_SECONDS = 40.0
"""For how long Discord knows a nonce: shorter than in truth, and than the longest pause."""
RATES = (0.95, 1.05)
"""Between which the rates of clocks lie: half of what leases allow for."""
SLOWER = 8
WRONG_CLOCKS = 0.3
"""In how many seeds the machines' clocks are wrong."""


async def pause(world: World, machine: Supervisor) -> None:
    """Let a machine stand still, or sleep, which its own clock does not notice."""
    seconds, asleep = world.rng.choice(PAUSES), world.rng.random() < 0.3
    if machine.here.machine.paused:
        return
    world.note(f"pause: {'asleep' if asleep else 'still'} for {seconds} s")
    world.stall(seconds)
    machine.pause(asleep=asleep)
    paused = machine.here.machine

    async def over() -> None:
        if machine.here.machine is paused:
            machine.resume()

    world.after(seconds, over)


async def database_away(world: World, machine: Supervisor) -> None:
    """Restart the database's server, or let one machine lose its way to it."""
    seconds, restarts = world.rng.choice(OUTAGES), world.rng.random() < 0.5
    world.note(f"database away: {'for all' if restarts else 'for one'}, {seconds} s")
    world.stall(seconds)
    world.unsaved.append((world.here.clock(), world.here.clock() + seconds))
    machines = list(world.machines) if restarts else [machine]
    for one in machines:
        one.lose_database(at_once=restarts or world.rng.random() < 0.5)

    async def over() -> None:
        for one in machines:
            one.find_database()

    world.after(seconds, over)


SEVERAL: dict[Trouble, float] = {
    kind: weight
    for kind, weight in TROUBLES.items()
    if kind is not sleep  # the whole world would sleep
} | {pause: 10, database_away: 3}


def simulate_several(seed: int, server: Server, template: str = "migrated", bots: int = 2) -> Verdict:
    """Live through the world of a seed with several bots and say what was wrong with it."""
    return simulate(seed, server, template, partial(_live_with, bots))


async def _live_with(bots: int, seed: int, folder: Path, server: Location | None) -> Verdict:
    assert server is not None
    rng, more = random.Random(seed), random.Random(f"several {seed}")
    shards = more.choice(SHARDS)
    watch_writes(server)
    async with place(
        folder,
        start=False,
        server=server,
        shard=(0, 2),
        copies=more.random() < WITH_VIDEOS,
        shard_count=shards,
        poll_min_seconds=POLL_MIN_SECONDS,
        poll_max_seconds=POLL_MAX_SECONDS,
        watch_stalled_hours=STALLED_HOURS,
        watch_max_hours=4.0,
    ) as here:
        here.sim.rest.rng.seed(seed)
        here.sim.world.nonce_window = NONCE_SECONDS
        here.sim.gateway.identify_seconds = 5.0
        here.sim.gateway.delivers_to = more.choice(("all", "all", "oldest", "newest"))
        drawn = lives(rng, rng.randrange(2, 8), LASTS)
        here.api._renders = {life.render.id: life.render for life in drawn}
        if here.copies:
            serve_videos(here.api, drawn, more)
        other = here.sim.add_guild("Cinema", shard=(1, 2)).add_channel("films")
        channels = [here.channel, other, here.channel.add_thread("shots")]
        people = [here.ada, here.bob, here.sim.add_user("Cem")]
        world = World(here, rng, {life.render.id: life for life in drawn}, people, channels)
        world.has_several_bots, world.stalled_hours = True, STALLED_HOURS
        world.sessions.seed(f"sessions {seed}")
        wrong = more.random() < WRONG_CLOCKS
        for one in (here, *(here.beside() for _ in range(bots - 1))):
            one.shares = True
            one.clock_rates = more.uniform(*RATES), more.uniform(*RATES)
            one.clock_error = more.choice((-40.0, -1.0, 0.0, 1.0, 40.0)) if wrong else 0.0
            world.jumps += abs(one.clock_error)
            Supervisor(world, one)
        with patch.object(supervisor, "RESTART_SECONDS", RESTART_SECONDS):
            unfinished = await _live(world)
        verdict = judge(seed, world, unfinished)
        judge_writers(verdict, world)
        return verdict


@contextmanager
def slower_beats() -> Iterator[None]:
    """Let every time of the leases be longer: nothing happens to machines in peace, and rounds cost time."""
    with ExitStack() as stack:
        for module in (liveness, leases, lease_keeper):
            for name in ("BEAT", "TRUSTED", "VANISHED", "SILENT", "LONGEST_GAP"):
                if hasattr(module, name):
                    stack.enter_context(patch.object(module, name, getattr(module, name) * SLOWER))
        yield


async def _live(world: World) -> bool:
    """Live until nothing is left to do; return whether it never came to that."""
    here = world.here
    operating = [asyncio.create_task(machine.operate()) for machine in world.machines]
    try:
        await here.sim.wait_for(lambda: here.sim.command_writes > 0, 60)
        await trouble(world, SEVERAL)
        await heal(world)
        with slower_beats():
            unfinished = await peace(world, QUIET_SECONDS)
    finally:
        for task in operating:
            task.cancel()
        await asyncio.gather(*operating, return_exceptions=True)
    for machine in world.machines:
        await machine.here.stop_bot()
    if lines_left(world):  # the next start deletes what a crash or a refusal has left
        await here.launch_bot()
        await here.sleep(NEXT_START_SECONDS)
        await here.stop_bot()
    return unfinished
