"""How soon others take over from a process that dies or stands still, and what an outage costs.

Real processes, a real PostgreSQL, the simulated Discord, all on this machine. Every render ends at the moment
of the blow: that is when its result is due. `make takeover TIMES=20` measures all of it.
"""

import argparse
import asyncio
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from postgres_server import Server, running
from wire.fleet import Fleet, fleet
from wire.paused import PLACES
from wire.place import DONE
from wire.place import running as rendering
from wire.process import PATIENCE, ROOT

from sim.discord import Message

AFTERWARDS = 3.0
"""Seconds in which a second result would come."""
STANDS_STILL = 15.0
TARGETS = {signal.SIGKILL: 4.0, signal.SIGSTOP: 12.0}
"""Seconds within which a result has to come, on a machine that does nothing else."""


@asynccontextmanager
async def standby(server: Server, module: str = "bot", **env: str) -> AsyncIterator[Fleet]:
    """Run two processes of a bot with one shard."""
    with tempfile.TemporaryDirectory() as folder:
        async with fleet(Path(folder), server, shards=1, env=env, module=module) as both:
            await both.here.sim.wait_for(lambda: both.here.sim.command_writes > 0, PATIENCE)
            yield both


async def watch(both: Fleet, number: int) -> tuple[str, Message]:
    """Watch a new task in a new channel."""
    guild = both.channels[0].guild
    assert guild is not None
    both.here.channel = guild.add_channel(f"renders {number}")
    task = f"dddddddd-{number:04}-4000-8000-000000000000"
    both.here.api.set(task, rendering(10))
    card = await both.here.watch(task)
    await both.here.sim.wait_for(lambda: "10 %" in card.text, PATIENCE)
    return task, card


async def strike(both: Fleet, number: int, blow: signal.Signals) -> float:
    """Strike at the holder while a render ends; return how soon its result came."""
    await both.settle()
    task, card = await watch(both, number)
    holder = both.holder(0)
    begun = time.monotonic()
    holder.send(blow)
    both.here.api.set(task, DONE)
    await both.here.result(card)
    took = time.monotonic() - begun
    if blow == signal.SIGSTOP:
        await asyncio.sleep(max(0.0, STANDS_STILL - took))
        holder.send(signal.SIGCONT)
    await asyncio.sleep(AFTERWARDS)
    assert len(both.here.replies(card)) == 1, "doubled"
    return took


async def pause(server: Server, place: str, seconds: float, note: Path) -> int:
    """Let the holder stand still at a place in its code; return how many results there are in the end."""
    path = f"{ROOT}:{ROOT / 'tests'}"
    async with standby(server, "wire.paused", PYTHONPATH=path, PAUSE_AT=place, PAUSE_NOTE=str(note)) as both:
        await both.settle()
        task, card = await watch(both, 0)
        holder = both.holder(0)
        note.write_text(str(holder.pid))
        both.here.api.set(task, DONE)
        async with asyncio.timeout(PATIENCE):
            while note.exists():  # noqa: ASYNC110 it deletes it when it stops
                await asyncio.sleep(0.05)
        await asyncio.sleep(seconds)
        holder.send(signal.SIGCONT)
        await both.here.result(card)
        await both.settle()
        await asyncio.sleep(AFTERWARDS)
        return len(both.here.replies(card))


async def outage(server: Server, seconds: float) -> dict[str, int]:
    """Restart the server abruptly, then take it away for a while; count what came of it."""
    async with standby(server) as both:
        await both.settle()
        members, identifies = both.joined(), both.here.sim.gateway.identifies
        cards = []
        for number, away in enumerate((0.0, seconds)):
            task, card = await watch(both, number)
            await asyncio.to_thread(server.stop, "immediate")
            both.here.api.set(task, DONE)
            await asyncio.sleep(away)
            await asyncio.to_thread(server.start)
            await both.here.result(card)
            cards.append(card)
        await asyncio.sleep(10 + AFTERWARDS)  # whoever takes over does so within a lease
        return {
            "take-overs": len(both.joined().keys() ^ members.keys()),
            "identifies": both.here.sim.gateway.identifies - identifies,
            "exits": sum(len(member.exits) for member in both.members),
            "results": sum(len(both.here.replies(card)) for card in cards),
        }


async def measure(server: Server, times: int, paused: float, away: float) -> list[str]:
    """Measure everything and print it; return what missed its target."""
    missed = []
    async with standby(server) as both:
        number = 0
        for blow, target in TARGETS.items():
            took = []
            for _ in range(times):
                number += 1
                took.append(await strike(both, number, blow))
            within = sum(seconds <= target for seconds in took)
            line = (
                f"{blow.name}: result after {statistics.median(took):.1f} s (median),"
                f" {max(took):.1f} s (worst), {within} of {times} within {target:.0f} s"
            )
            _say(line)
            missed += [line] if within < times else []
    for place in PLACES:
        with tempfile.TemporaryDirectory() as folder:
            results = await pause(server, place, paused, Path(folder) / "note")
        line = f"paused for {paused:.0f} s {place}: {results} result"
        _say(line)
        missed += [line] if results != 1 else []
    counts = await outage(server, away)
    line = f"server restarted, and away for {away:.0f} s: {counts}"
    _say(line)
    if counts != {"take-overs": 0, "identifies": 0, "exits": 0, "results": 2}:
        missed.append(line)
    return missed


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m wire.takeover", description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="blows of each kind")
    parser.add_argument("--paused", type=float, default=60.0, help="seconds")
    parser.add_argument("--away", type=float, default=20.0, help="seconds")
    chosen = parser.parse_args()
    with running(durable=True) as server:
        missed = asyncio.run(measure(server, chosen.times, chosen.paused, chosen.away))
    _say("\n".join(["missed:", *missed]) if missed else "all within their targets")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
