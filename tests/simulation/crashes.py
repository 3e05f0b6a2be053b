"""Where a crash strikes: before or after any transaction, before or after any request takes effect."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from bot.store.database import Database, T
from bot.store.sqlite import SqliteDatabase
from sim.discord import Fault
from sim.discord.records import Request

MOST_PAGES = 1_073_741_823


@dataclass
class Trap:
    """Springs at the n-th of the moments of one kind; whoever runs into it never comes back."""

    sprung: asyncio.Event = field(default_factory=asyncio.Event)
    on_spring: Callable[[], object] = lambda: None
    _armed: tuple[str, int] | None = None

    def arm(self, moment: str, after: int) -> None:
        """Spring at one of the moments named `moment`, after letting `after` of them pass."""
        self._armed = (moment, after)

    def disarm(self) -> None:
        self._armed = None
        self.sprung.clear()

    def springs(self, moment: str) -> bool:
        """Tell whether the crash strikes at this moment."""
        if self.sprung.is_set():
            return False
        if self._armed is None or self._armed[0] != moment:
            return False
        if self._armed[1] > 0:
            self._armed = (moment, self._armed[1] - 1)
            return False
        self.spring()
        return True

    def spring(self) -> None:
        """Crash now."""
        self._armed = None
        self.sprung.set()
        self.on_spring()


class CrashingDatabase(Database):
    """A database whose caller may crash before or after any transaction, on a disk that may be full."""

    trap: Trap
    disk: "Disk"
    link: "Link"

    async def run(self, work: Callable[[Connection], T]) -> T:
        if self.trap.springs("before a transaction"):
            await asyncio.Event().wait()
        done = await super().run(work)
        if self.trap.springs("after a transaction"):
            await asyncio.Event().wait()
        return done

    def fill(self) -> None:
        """Make the disk as full as it is said to be."""


class CrashingFile(CrashingDatabase, SqliteDatabase):
    """SQLite: a full disk lets nothing grow, a broken one takes no writes."""

    def __init__(self, path: Path, trap: Trap, disk: "Disk") -> None:
        super().__init__(path, None)
        self.trap, self.disk, self.link = trap, disk, Link()

    async def open(self) -> None:
        await super().open()
        self.fill()

    def fill(self) -> None:
        if self._engine is None:
            return
        connection = self._engine.raw_connection().driver_connection
        assert connection is not None
        connection.execute(f"PRAGMA max_page_count = {1 if self.disk.full else MOST_PAGES}")
        connection.execute(f"PRAGMA query_only = {int(self.disk.broken)}")


@dataclass
class Link:
    """How one run of a bot reaches its database."""

    is_away: bool = False
    """Whether the database cannot be reached."""
    is_dead: bool = False
    """Whether the run has ended."""
    slow_beats_until: float = 0.0
    """Until when, by the loop's time, the connection for leases is slow."""
    sessions: list[Callable[[], None]] = field(default_factory=list)
    """End what a server keeps for it."""

    def end_sessions(self) -> None:
        for end in self.sessions:
            end()


@dataclass
class Disk:
    """How the disk is: full (nothing grows), or broken (nothing is written)."""

    full: bool = False
    broken: bool = False

    def usage(self, _folder: Path) -> tuple[int, int, int]:
        """Return what `shutil.disk_usage` does: total, used and free bytes."""
        return 10**9, 0, 0 if self.full else 10**9


@dataclass(slots=True, eq=False)
class CrashingRequest(Fault):
    """Crashes the bot while a request to Discord is under way; the request itself arrives, late, or never."""

    trap: Trap = field(default_factory=Trap)
    moment: str = ""
    is_from_here: Callable[[int], bool] = lambda _port: True

    def strikes(self, request: Request, rng: random.Random) -> bool:
        if not request.matches(self.method, self.path) or not self.is_from_here(request.port):
            return False
        if not self.trap.springs(self.moment):
            return False
        self.hits += 1
        return True


def crashing_requests(trap: Trap, is_from_here: Callable[[int], bool]) -> list[Fault]:
    """Make the moments of a request: it never arrives, arrives after the crash, or is answered to nobody.

    `is_from_here` tells the requests of the machine that is to crash by their ports.
    """

    def crash(moment: str, method: str | None = None, path: str = "*", **how: Any) -> Fault:
        return CrashingRequest(
            method, path, trap=trap, moment=moment, is_from_here=is_from_here, times=None, **how
        )

    return [
        crash("a request that is lost", drop=True, delay=0.5),
        crash("a message that arrives late", "POST", delay=8.0),
        crash("a request that is applied", when="after", drop=True, delay=0.5),
        crash("a message that is posted", "POST", "/channels/*/messages", when="after", drop=True, delay=0.5),
    ]


MOMENTS = {
    "before a transaction": 2,
    "after a transaction": 2,
    "a request that is lost": 1,
    "a message that arrives late": 2,
    "a request that is applied": 1,
    "a message that is posted": 4,
}
"""What a crash waits for, and how often each is drawn."""
