"""kill -9 on the real process, again and again, while watches begin and end: `make torture KILLS=200`.

The process talks to the simulators on real sockets and keeps its data on the disk. Discord loses answers,
refuses after the effect, and cuts connections all the while.
"""

import argparse
import asyncio
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from postgres_server import Server
from postgres_server import running as running_server
from store.places import sql
from wire.place import DONE, failed, running
from wire.process import PATIENCE, Process, process

from bot.core.outcome import Ending
from bot.store.location import location_of
from sim.discord import Fault, Guild, Message

BEGUN_A_ROUND = 3
"""Tasks, in a new channel: a channel takes only so many messages in a time."""
POST = "/channels/*/messages"
HEALING_SECONDS = 120.0
SERVER_KILLED = 0.1
"""How often the database's server is killed with the bot."""


@dataclass
class Tally:
    """What became of the watches."""

    kills: int = 0
    watches: int = 0
    summaries: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """Lines that announce an answer and would stand there for ever."""

    @property
    def line(self) -> str:
        return (
            f"{self.kills} kills, {self.watches} watches, {self.summaries} summaries: lost {len(self.lost)}, "
            f"doubled {len(self.doubled)}, lines left behind {len(self.left)}"
        )

    def tell(self) -> int:
        """Print what was found; return the exit code."""
        print("\n".join(self.lost + self.doubled + self.left))
        print(self.line)
        return bool(self.lost or self.doubled or self.left)


async def torture(
    folder: Path, kills: int, seed: int, say: Callable[[str], None], server: Server | None = None
) -> Tally:
    """Kill the bot `kills` times and count what its channels show in the end.

    With a `server` the data is in a database of it, and sometimes that is killed, too.
    """
    chance = random.Random(seed)
    tally = Tally()
    url = f"sqlite:///{folder}/bot.db" if server is None else server.create("torture")
    limit = "10000"
    async with process(folder, DATABASE_URL=url, WATCHES_PER_PERSON=limit, WATCHES_PER_SERVER=limit) as here:
        await here.start()
        trouble(here)
        live: list[str] = []
        guild = here.channel.guild
        assert guild is not None
        for kill in range(kills):
            live += await begin(here, [guild], kill)
            end_some(here, chance, live)
            # The moment is what is tested: while cards are made, while results are on their way, just after.
            await asyncio.sleep(chance.choice((0.02, 0.2, 0.6, 1.0)) * chance.random())
            assert await here.stop(signal.SIGKILL) == -signal.SIGKILL
            tally.kills += 1
            if server is not None and chance.random() < SERVER_KILLED:
                await asyncio.to_thread(server.stop, "immediate")
                await asyncio.to_thread(server.start)
            await here.start(wait=False)
            if chance.random() < 0.8:  # else it is killed while it starts
                await here.sim.wait_ready(PATIENCE)
            if tally.kills % 10 == 0:
                say(f"{tally.kills} of {kills} kills")
        await here.sim.wait_ready(PATIENCE)
        here.sim.clear_faults()
        for task in live:
            here.api.set(task, DONE)
        await peace(here)
        assert await here.stop() == 0
        count(here, tally)
    return tally


def trouble(here: Process) -> None:
    for trouble in (
        Fault("POST", POST, when="after", drop=True, times=None, probability=0.15),
        Fault("POST", POST, when="after", status=503, times=None, probability=0.15),
        Fault("POST", POST, when="before", drop=True, times=None, probability=0.15),
        Fault("PATCH", "*", when="after", status=502, times=None, probability=0.05),
        Fault("DELETE", "*", when="before", status=503, times=None, probability=0.15),
    ):
        here.sim.fault(trouble)


async def begin(here: Process, guilds: Iterable[Guild], kill: int) -> list[str]:
    """Have people watch new tasks in each server; whether the bot still gets to it is another matter."""
    tasks = [f"cccccccc-{kill:04}-4000-8000-{number:012}" for number in range(BEGUN_A_ROUND)]
    for task in tasks:
        here.api.set(task, running(10))
    for guild in guilds:
        channel = guild.add_channel(f"renders {kill}")
        # In every other round all of them on one card.
        for typed in [" ".join(tasks)] if kill % 2 else tasks:
            await here.sim.slash(here.ada, channel, "veo", "watch", id=typed)
    return tasks


def end_some(here: Process, chance: random.Random, live: list[str]) -> None:
    """End some of the renders that are under way."""
    chance.shuffle(live)
    while len(live) > BEGUN_A_ROUND or (live and chance.random() < 0.5):
        end = chance.choice((DONE, DONE, failed("It did not work")))
        here.api.set(live.pop(), [running(50)] * chance.randrange(3) + [end])


async def peace(here: Process) -> None:
    """Wait until the bot has nothing left to do, and a while longer."""
    end = time.monotonic() + HEALING_SECONDS
    while any(row[3] != "done" for row in _rows(here)) or _lines(here):
        if time.monotonic() > end:
            break
        await asyncio.sleep(0.2)
    await asyncio.sleep(1.0)


def _rows(here: Process) -> list[tuple[int, str, str | None, str]]:
    return sql(
        location_of(here.env["DATABASE_URL"]),
        "SELECT c.message_id, w.task_id, CAST(w.outcome AS text), w.state "
        "FROM watches w JOIN cards c ON c.id = w.card_id",
    )


def count(here: Process, tally: Tally) -> None:
    """Go by what stands in the channels; the database only says what was promised."""
    cards = {
        message.id: message for channel in here.sim.world.channels.values() for message in channel.history
    }
    reported = Counter(
        (message.reference.id, task_of(message))
        for message in cards.values()
        if message.reference is not None and " ready" not in message.content.partition("\n")[0]
    )
    promised = {message.id for message in cards.values() if _has_promised(message)}
    for message_id, task_id, outcome, _ in _rows(here):
        tally.watches += 1
        promised.discard(message_id)
        ending = Ending(json.loads(outcome)["ending"]) if outcome else None
        replies = reported[message_id, task_id]
        if replies > 1:
            tally.doubled.append(f"{task_id}: {replies} results")
        if ending not in {Ending.SUCCEEDED, Ending.FAILED} or not replies:
            tally.lost.append(f"{task_id}: {ending}, {replies} results")
        elif "Rendering" in cards[message_id].text:
            tally.lost.append(f"{task_id}: its card does not show the end")
    _count_summaries(here, tally, cards)
    tally.left = _lines(here)
    tally.lost += [f"card {message_id} promised and was not stored" for message_id in promised]


def _count_summaries(here: Process, tally: Tally, messages: dict[int, Message]) -> None:
    """Each card with several tasks has one summary; it alone pings whoever has begun the card."""
    place = location_of(here.env["DATABASE_URL"])
    batches = [row[0] for row in sql(place, "SELECT message_id FROM cards WHERE batch")]
    for message_id in batches:
        replies = [reply for reply in messages.values() if getattr(reply.reference, "id", 0) == message_id]
        told = [reply for reply in replies if " ready" in reply.content.partition("\n")[0]]
        pings = sum(here.ada.id in reply.pings for reply in replies)
        tally.summaries += bool(told)
        if len(told) > 1 or pings > 1:
            tally.doubled.append(f"card {message_id}: {len(told)} summaries, {pings} pings")
        elif not told or not pings:
            tally.lost.append(f"card {message_id}: {len(told)} summaries, {pings} pings")


def _lines(here: Process) -> list[str]:
    return [
        message.text
        for channel in here.sim.world.channels.values()
        for message in channel.history
        if message.author is here.sim.bot and message.content.startswith("Checking")
    ]


def task_of(message: Message) -> str:
    """Return the id that a result names first."""
    return message.content.partition("`")[2].partition("`")[0]


def _has_promised(message: Message) -> bool:
    return any('"veo:stop' in json.dumps(edit.body) for edit in message.edits)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m wire.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(running_server(durable=True)) if chosen.store == "postgres" else None
        tally = asyncio.run(
            torture(folder, chosen.kills, chosen.seed, lambda line: print(line, flush=True), server)
        )
    return tally.tell()


if __name__ == "__main__":
    sys.exit(main())
