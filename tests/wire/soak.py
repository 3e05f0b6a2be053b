"""Days with thousands of watches that come and go, in minutes: `make soak DAYS=7`; lists what the bot keeps.

Bot and simulators share a process and a virtual clock, so what the simulators remember is thrown away as the
days pass; the process's memory is then the bot's and a floor that does not move.
"""

import argparse
import asyncio
import gc
import os
import sqlite3
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import virtual_time
from wire.place import Place, failed, place, running, succeeded

from sim.discord import Channel, Message

TASKS_ON_CARD: Final = 10
CHANNELS: Final = 20
ROUND_SECONDS: Final = 1800.0
ROUNDS_OF_LIFE: Final = 24
"""Rounds after which a card's tasks end."""
GRACE_ROUNDS: Final = 4
"""Rounds within which an end must have been told: an hour for the look, then the channel limits."""


@dataclass(frozen=True)
class Sample:
    """What there is at one time; memory in MiB, objects and tasks of ours, rows in the database."""

    hours: float
    memory: float
    files: int
    tasks: int
    objects: int
    rows: int
    live: int

    def __str__(self) -> str:
        return (
            f"{self.hours:6.1f} h  {self.memory:7.1f} MiB  {self.files:3d} files  {self.tasks:3d} tasks  "
            f"{self.objects:7d} objects  {self.rows:6d} rows  {self.live:5d} live"
        )


@dataclass
class Soaked:
    """What became of it."""

    samples: list[Sample] = field(default_factory=list)
    ended: int = 0
    lost: int = 0
    doubled: int = 0


@dataclass(frozen=True)
class _Card:
    message: Message
    channel: Channel
    task_ids: tuple[str, ...]


async def soak(folder: Path, watches: int, hours: float, every: float, say: Callable[[str], None]) -> Soaked:
    """Keep `watches` alive for so many virtual hours; take a sample `every` so many."""
    soaked = Soaked()
    async with place(
        folder,
        poll_min_seconds=1800,
        poll_max_seconds=3600,
        watch_stalled_hours=720,
        watch_max_hours=720,
        watches_per_person=100_000,
        watches_per_server=100_000,
        keep_days=1,
    ) as here:
        channels = [here.guild.add_channel(f"renders-{number}") for number in range(CHANNELS)]
        live: deque[_Card] = deque()
        over: deque[tuple[int, _Card]] = deque()
        cards, begun, rounds = watches // TASKS_ON_CARD, 0, 0
        while rounds * ROUND_SECONDS < hours * 3600:
            for _ in range(min(len(live), max(1, cards // ROUNDS_OF_LIFE))):
                ended = live.popleft()
                _end(here, ended)
                over.append((rounds, ended))
            while len(live) < cards:
                live.append(await _begin(here, channels[begun % CHANNELS], begun))
                begun += 1
            for card in list(live)[rounds % 4 :: 4]:
                for task_id in card.task_ids:
                    here.api.set(task_id, running(rounds % 100))
            await here.sleep(ROUND_SECONDS)
            while over and over[0][0] + GRACE_ROUNDS <= rounds:
                _count(soaked, over[0][1])
                _forget(here, over.popleft()[1])
            _forget_the_past(here, live)
            rounds += 1
            if rounds * ROUND_SECONDS % (every * 3600) == 0:
                soaked.samples.append(_sample(here, rounds * ROUND_SECONDS / 3600))
                say(str(soaked.samples[-1]))
    return soaked


async def _begin(here: Place, channel: Channel, number: int) -> _Card:
    task_ids = tuple(f"{number:08x}-0000-4000-8000-{position:012x}" for position in range(TASKS_ON_CARD))
    for task_id in task_ids:
        here.api.set(task_id, running(0))
    use = await here.sim.slash(here.ada, channel, "veo", "watch", id=" ".join(task_ids))
    answered = await use.acknowledged()
    assert answered.response is not None, "no answer"
    await here.sleep(1)
    return _Card(answered.response, channel, task_ids)


def _end(here: Place, card: _Card) -> None:
    for number, task_id in enumerate(card.task_ids):
        last = failed("no") if number % 5 == 0 else succeeded(f"https://cdn.example/{task_id}.mp4")
        here.api.set(task_id, last)


def _count(soaked: Soaked, card: _Card) -> None:
    replies = [m.content for m in card.channel.messages.values() if m.reference is card.message]
    for task_id in card.task_ids:
        reported = sum(f"`{task_id}`" in content for content in replies)
        soaked.ended += 1
        soaked.lost += reported == 0
        soaked.doubled += reported > 1


def _forget(here: Place, card: _Card) -> None:
    """Throw away what the simulators remember of a card."""
    messages = card.channel.messages
    for key in [key for key, m in messages.items() if m is card.message or m.reference is card.message]:
        del messages[key]
    for task_id in card.task_ids:
        here.api._scripts.pop(task_id, None)


def _forget_the_past(here: Place, live: Iterable[_Card]) -> None:
    for card in live:
        card.message.edits.clear()
    here.sim.requests.clear()
    here.sim.world.nonces.clear()
    del here.sim.world.invocations[:-CHANNELS]
    here.api.requests.clear()


def _sample(here: Place, hours: float) -> Sample:
    gc.collect()
    connection = sqlite3.connect(here.data / "bot.db")
    try:
        tables = ("cards", "watches", "followers", "deliveries")
        rows = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
        live = connection.execute("SELECT count(*) FROM watches WHERE state = 'live'").fetchone()[0]
    finally:
        connection.close()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Sample(
        hours=hours,
        memory=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        files=sum(1 for _ in Path("/proc/self/fd").iterdir()),
        tasks=len(asyncio.all_tasks()),
        objects=sum(str(type(thing).__module__).startswith("bot.") for thing in gc.get_objects()),
        rows=sum(rows),
        live=live,
    )


def most_kept() -> list[tuple[str, int]]:
    """Return the commonest types of everything that is alive, for whoever looks for a leak."""
    kinds = Counter(f"{type(thing).__module__}.{type(thing).__qualname__}" for thing in gc.get_objects())
    return kinds.most_common(12)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m wire.soak", description=__doc__)
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--watches", type=int, default=2000)
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=virtual_time.new_event_loop) as runner,
    ):
        work = soak(Path(folder), chosen.watches, chosen.days * 24, 6, lambda line: print(line, flush=True))
        soaked = runner.run(work)
    print(f"{soaked.ended} watches ended: lost {soaked.lost}, doubled {soaked.doubled}")
    for kind, count in most_kept():
        print(f"  {count:8d} {kind}")
    return bool(soaked.lost or soaked.doubled)


if __name__ == "__main__":
    sys.exit(main())
