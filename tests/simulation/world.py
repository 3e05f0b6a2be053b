"""One seed's world: the place, what its renders do, what has happened, and a diary."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulation.crashes import Disk
from simulation.lives import Life
from wire.place import START, Place

from sim.discord import Channel, Guild, Invocation, Message, User
from sim.task_api.answers import Answer

if TYPE_CHECKING:
    from simulation.supervisor import Supervisor

STALLED_HOURS = 0.25
"""When a render that does not move is given up."""
STALLED_AFTERWARDS = 120.0
"""Seconds for which a task may be held after trouble: a minute of backoff, and its turn."""


@dataclass
class World:
    """What actions change and the verdict reads."""

    here: Place
    rng: random.Random
    lives: dict[str, Life]
    people: list[User]
    channels: list[Channel]
    machines: list["Supervisor"] = field(default_factory=list)
    has_several_bots: bool = False
    stalled_hours: float = STALLED_HOURS
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
    unsaved: list[tuple[float, float]] = field(default_factory=list)
    """When several bots could save nothing: a placeholder sent then is not known to whoever takes over."""
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

    @property
    def guilds(self) -> list[Guild]:
        """The servers that the channels are in."""
        return list(dict.fromkeys(channel.guild for channel in self.channels if channel.guild is not None))

    def a_guild(self) -> Guild:
        return self.guilds[0] if len(self.guilds) == 1 else self.rng.choice(self.guilds)

    def notify(self, payload: str) -> None:
        """Tell every bot that reaches the database what a transaction has said (NOTIFY)."""
        for machine in self.machines:
            machine.hear(payload)

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
