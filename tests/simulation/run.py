"""Live through one seed: some trouble, some people, then peace; what must hold by then is in the verdict."""

import asyncio
import logging
import random
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

from machines import new_loop
from postgres_server import Server
from simulation.lives import lives, serve_videos
from simulation.people import ACTS
from simulation.supervisor import Supervisor
from simulation.troubles import TROUBLES, Trouble, fill
from simulation.verdict import POLL_MAX_SECONDS, POLL_MIN_SECONDS, Verdict, judge, lines_left
from simulation.world import STALLED_HOURS, World, seeded
from store.places import sql
from wire.place import place

from bot.core import summary
from bot.store.location import Location, location_of
from sim.task_api.answers import Answer

HEALING_SECONDS = 4 * 3_600.0
"""Virtual seconds after the last trouble within which everything must have come to its end."""
WITH_VIDEOS = 0.5
"""In how many seeds results carry videos."""
SOON = 60.0
"""When a summary does not wait for a last task, in every other seed: within 30 minutes most tasks end."""
QUIET_SECONDS = 400.0
"""And then nothing more may come: longer than any pause between two tries."""

NEXT_START_SECONDS = 60.0
"""And the next start has cleaned up."""


Live = Callable[[int, Path, Location | None], Coroutine[Any, Any, Verdict]]
"""Lives through a seed, with its data in a folder or in a database."""


def simulate(
    seed: int, server: Server | None = None, template: str = "migrated", live: Live | None = None
) -> Verdict:
    """Live through the world of a seed and say what was wrong with it; the same seed lives the same way.

    With a `server` the data is in a database of it, made from the template.
    """
    live = live or live_alone
    logging.disable(logging.CRITICAL)
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            seeded(seed),
            patch.object(summary, "EARLY_AFTER", SOON if seed % 2 else summary.EARLY_AFTER),
            asyncio.Runner(loop_factory=new_loop) as runner,
        ):
            if server is None:
                return runner.run(live(seed, Path(folder), None))
            with server.lent(f"seed_{seed}", template) as url:
                return runner.run(live(seed, Path(folder), location_of(url)))
    finally:
        logging.disable(logging.NOTSET)


async def live_alone(seed: int, folder: Path, server: Location | None) -> Verdict:
    """Live with one bot."""
    rng, videos = random.Random(seed), random.Random(f"videos {seed}")
    async with place(
        folder,
        start=False,
        server=server,
        copies=videos.random() < WITH_VIDEOS,
        poll_min_seconds=POLL_MIN_SECONDS,
        poll_max_seconds=POLL_MAX_SECONDS,
        watch_stalled_hours=STALLED_HOURS,
        watch_max_hours=4.0,
    ) as here:
        here.sim.rest.rng.seed(seed)
        drawn = lives(rng, rng.randrange(2, 8))
        here.api._renders = {life.render.id: life.render for life in drawn}
        if here.copies:
            serve_videos(here.api, drawn, videos)
        channels = [here.channel, here.guild.add_channel("films"), here.channel.add_thread("shots")]
        people = [here.ada, here.bob, here.sim.add_user("Cem")]
        world = World(
            here, rng, {life.render.id: life for life in drawn}, people, channels[: rng.randrange(1, 4)]
        )
        world.sessions.seed(f"sessions {seed}")
        machine = Supervisor(world, here)
        operating = asyncio.create_task(machine.operate())
        try:
            await here.sim.wait_for(lambda: here.sim.command_writes > 0, 60)
            await trouble(world, TROUBLES)
            await heal(world)
            unfinished = await peace(world)
        finally:
            operating.cancel()
            await asyncio.gather(operating, return_exceptions=True)
        await here.stop_bot()
        if lines_left(world):  # the next start deletes what a crash or a refusal has left
            await here.start_bot()
            await here.sleep(NEXT_START_SECONDS)
            await here.stop_bot()
        return judge(seed, world, unfinished)


async def trouble(world: World, troubles: Mapping[Trouble, float]) -> None:
    """Let people act and troubles come, of the kinds that this seed has drawn."""
    rng = world.rng
    kinds = [trouble for trouble in troubles if rng.random() < rng.choice((0.3, 0.8))]
    acts = list(ACTS)
    for number in range(rng.randrange(15, 40)):
        await asyncio.sleep(rng.expovariate(1 / rng.choice((0.5, 10.0, 20.0))))
        if kinds and number > 2 and rng.random() < 0.4:
            kind = rng.choices(kinds, [troubles[kind] for kind in kinds])[0]
            machine = world.machines[0] if len(world.machines) == 1 else rng.choice(world.machines)
            world.note(f"{kind.__name__}")
            await kind(world, machine)
        else:
            act = rng.choices(acts, [ACTS[act] for act in acts])[0]
            await act(world)


async def heal(world: World) -> None:
    """End every trouble; what was lost stays lost."""
    for task in list(world.later):
        task.cancel()
    await asyncio.gather(*world.later, return_exceptions=True)
    sim, api = world.here.sim, world.here.api
    for machine in world.machines:
        machine.trap.disarm()
        machine.find_database()
        machine.resume()
    sim.rest.faults[:] = [fault for fault in sim.rest.faults if hasattr(fault, "moment")]
    sim.rest_down = False
    sim.gateway_down = False
    sim.uplink.speed = None
    for guild in world.guilds:
        guild.outage(over=True)
        guild.time_out_bot(None)
    for channel in world.channels:
        if not channel.deleted:
            channel.restrict_bot(None)
            if channel.is_thread:
                channel.set_state(locked=False, archived=False)
    api.recover()
    for task_id in world.poisoned:
        api.set(task_id, Answer.json({"message": "task not found"}, 404))
    await api.start()
    world.disk.full = world.disk.broken = False
    for machine in world.machines:
        fill(machine)
    world.note("healed")


async def peace(world: World, quiet: float = QUIET_SECONDS) -> bool:
    """Wait until the bot has nothing left to do, and a while longer; return whether it never came to that."""
    here = world.here
    end = here.clock() + HEALING_SECONDS
    while here.clock() < end:
        await asyncio.sleep(30)
        if not _unfinished(world):
            await asyncio.sleep(quiet)
            return False
    return True


def _unfinished(world: World) -> int:
    ((unfinished,),) = sql(world.here.location, "SELECT count(*) FROM watches WHERE state != 'done'")
    return int(unfinished)
