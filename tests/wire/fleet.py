"""Several real processes of one bot on one PostgreSQL, each started again whenever it has ended."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from postgres_server import Server
from store.places import migrate, sql
from wire.process import PATIENCE, Process, process

from bot.store.location import Location
from sim.discord import Channel

RESTART_SECONDS = 0.3


@dataclass
class Member:
    """One process and what supervises it, as systemd or Kubernetes does."""

    bot: Process
    exits: list[int] = field(default_factory=list)
    """How each run of it ended."""
    is_stopped: bool = False
    """Whether it stands still (SIGSTOP)."""
    _supervising: "asyncio.Task[None] | None" = None

    @property
    def pid(self) -> int:
        return self.bot.child.pid if self.bot.child is not None and self.bot.child.returncode is None else 0

    def start(self) -> None:
        self._supervising = asyncio.create_task(self._supervise())

    async def _supervise(self) -> None:
        while True:
            await self.bot.start(wait=False)
            self.exits.append(await self.bot.ended(within=float("inf")))
            self.is_stopped = False
            await asyncio.sleep(RESTART_SECONDS)

    def send(self, number: int) -> None:
        """Send a signal, if it runs."""
        if pid := self.pid:
            with suppress(ProcessLookupError):  # it has ended, and nobody has waited for it yet
                os.kill(pid, number)
            self.is_stopped = number == signal.SIGSTOP or (self.is_stopped and number != signal.SIGCONT)

    async def stand_still(self, seconds: float) -> None:
        """Let it stand still for so long, or until somebody kills it."""
        pid = self.pid
        self.send(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        if self.pid == pid:
            self.send(signal.SIGCONT)

    async def end(self, number: int = signal.SIGTERM) -> int:
        """End it, and start it no more; return its exit code."""
        assert self._supervising is not None
        self._supervising.cancel()
        await asyncio.gather(self._supervising, return_exceptions=True)
        self.send(signal.SIGCONT)
        return await self.bot.stop(number)


@dataclass
class Fleet:
    """All processes of a bot; the first has the simulators, as all others have."""

    place: Location
    members: list[Member]
    channels: list[Channel]
    """One in each shard."""

    @property
    def here(self) -> Process:
        return self.members[0].bot

    def joined(self) -> dict[int, int]:
        """Return the ids of the members in the database, by process id."""
        rows: list[tuple[int, str]] = sql(self.place, "SELECT id, name FROM members")
        return {int(name.rpartition(":")[2]): number for number, name in rows}

    def holders(self) -> dict[int, int | None]:
        """Return the process ids that hold the shards."""
        pids = {number: pid for pid, number in self.joined().items()}
        rows: list[tuple[int, int | None]] = sql(self.place, "SELECT shard, member_id FROM shards")
        return {shard: None if member is None else pids.get(member) for shard, member in rows}

    def holder(self, shard: int) -> Member:
        """Return the process that holds a shard."""
        pid = self.holders()[shard]
        return next(member for member in self.members if member.pid == pid)

    def is_settled(self, *, fairly: bool) -> bool:
        """Whether all processes run and every shard is held by one of them, and connected."""
        pids = {member.pid for member in self.members}
        if 0 in pids or any(member.is_stopped for member in self.members):
            return False
        holders = self.holders()
        connected = {s.shard for s in self.here.sim.gateway.streams.values() if s.connection is not None}
        serves = (
            bool(holders)
            and set(holders.values()) <= pids
            and connected >= {(number, len(holders)) for number in holders}
        )
        shared = pids <= self.joined().keys() and len(set(holders.values())) == min(len(pids), len(holders))
        return serves and (shared or not fairly)

    async def settle(self, within: float = PATIENCE, *, fairly: bool = True) -> None:
        """Wait until nothing is amiss; `fairly`, until each has as many shards as it should have."""
        async with asyncio.timeout(within):
            while not self.is_settled(fairly=fairly):  # noqa: ASYNC110 the database offers no event for it
                await asyncio.sleep(0.1)


@asynccontextmanager
async def fleet(
    data: Path,
    server: Server,
    *,
    bots: int = 2,
    shards: int = 2,
    name: str = "fleet",
    env: Mapping[str, str] | None = None,
    module: str = "bot",
) -> AsyncIterator[Fleet]:
    """Run several processes on a database of their own until the end of the block."""
    place = migrate(server.create(name))
    async with process(data, DATABASE_URL=server.url(name), SHARD_COUNT=str(shards)) as here:
        here.env |= env or {}
        here.module = module
        servers = [here.sim.add_guild(f"Studio {n}", shard=(n, shards)) for n in range(shards)]
        channels = [server.add_channel("renders") for server in servers]
        here.channel = channels[0]
        members = [Member(here), *(Member(here.beside()) for _ in range(bots - 1))]
        try:
            for member in members:
                member.start()
            yield Fleet(place, members, channels)
        finally:
            for member in members:
                await member.end(signal.SIGKILL)
