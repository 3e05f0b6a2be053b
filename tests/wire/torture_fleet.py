"""Kill, end and stop processes of one bot while watches begin and end: `make torture BOTS=2 KILLS=200`.

Each process is started again by what supervises it. Some tasks are watched in two servers, whose shards two
processes hold. Now and then the database's server is killed, too. Discord loses answers, and results lost and
doubled are counted, as in `wire.torture`.
"""

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from postgres_server import Server, running
from wire.fleet import Fleet, Member, fleet
from wire.place import DONE
from wire.process import PATIENCE
from wire.torture import SERVER_KILLED, Tally, begin, count, end_some, peace, trouble

from bot.command_line import Exit
from sim.discord import Guild

LIMIT = "10000"
HEALTHY = {Exit.STOPPED, -signal.SIGTERM, -signal.SIGKILL, Exit.TAKEN_OVER, Exit.DATA}
"""How a process may end: stopped, also before it listened to signals, killed, taken for dead after it stood
still, or begun without a server."""
STANDS_STILL = (4.0, 12.0)
"""Seconds: shorter and longer than a lease."""
SETTLED, FAIR = 0.4, 0.2
"""How often everything has recovered before the next blow, and then also the shards are shared again."""


async def torture(
    folder: Path, server: Server, kills: int, seed: int, say: Callable[[str], None], *, bots: int = 2
) -> Tally:
    """Strike at processes `kills` times and count what the channels show in the end."""
    chance, tally, ends = random.Random(seed), Tally(), Counter[int]()
    limits = {"WATCHES_PER_PERSON": LIMIT, "WATCHES_PER_SERVER": LIMIT}
    async with fleet(folder, server, bots=bots, env=limits) as all_of_them, asyncio.TaskGroup() as stopped:
        here = all_of_them.here
        await here.sim.wait_for(lambda: here.sim.command_writes > 0, PATIENCE)
        await all_of_them.settle()
        trouble(here)
        live: list[str] = []
        for kill in range(kills):
            live += await begin(here, _some(all_of_them, chance), kill)
            end_some(here, chance, live)
            await asyncio.sleep(chance.choice((0.02, 0.2, 0.6, 1.0)) * chance.random())
            _strike(chance.choice(all_of_them.members), chance, stopped)
            tally.kills += 1
            if chance.random() < SERVER_KILLED:
                await asyncio.to_thread(server.stop, "immediate")
                await asyncio.to_thread(server.start)
            if chance.random() < SETTLED:
                await all_of_them.settle(fairly=chance.random() < FAIR)
            if tally.kills % 10 == 0:
                say(f"{tally.kills} of {kills} blows")
        await all_of_them.settle()
        here.sim.clear_faults()
        for task in live:
            here.api.set(task, DONE)
        await peace(here)
        for member in all_of_them.members:
            ends.update(member.exits)
            assert await member.end() == 0
        count(here, tally)
    say("ends: " + ", ".join(f"{times} with {code}" for code, times in sorted(ends.items())))
    tally.lost += [f"a process ended with {code}, {ends[code]} times" for code in ends.keys() - HEALTHY]
    return tally


def _some(fleet: Fleet, chance: random.Random) -> list[Guild]:
    """Choose one server, or all."""
    guilds = [channel.guild for channel in fleet.channels if channel.guild is not None]
    return guilds if chance.random() < 0.5 else [chance.choice(guilds)]


def _strike(member: Member, chance: random.Random, stopped: asyncio.TaskGroup) -> None:
    blow = chance.choices((signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP), (4, 3, 3))[0]
    if blow == signal.SIGSTOP and not member.is_stopped:
        stopped.create_task(member.stand_still(chance.choice(STANDS_STILL)))
    elif blow != signal.SIGSTOP:
        member.send(blow)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m wire.torture_fleet", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--bots", type=int, default=2)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}")

    def say(line: str) -> None:
        print(line, flush=True)

    with tempfile.TemporaryDirectory() as folder, running(durable=True) as server:
        return asyncio.run(
            torture(Path(folder), server, chosen.kills, chosen.seed, say, bots=chosen.bots)
        ).tell()


if __name__ == "__main__":
    sys.exit(main())
