"""Leases: which of Discord's shards this process serves, and for how long it may rely on that.

A process is a row of `members` with a beat that it counts up; `bot.core.liveness` judges by it who is dead.
A dead member's row is deleted, which frees its shards. From then on it can commit nothing, because every
writing transaction of a shard begins with its `fence`, and its next round raises `LeaseLost`.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, select

from bot.clock import Clock, trust_clock
from bot.core.liveness import BEAT, TRUSTED, fair_share
from bot.store.database import Database
from bot.store.errors import LeaseLost, ShardCountDiffers, StoreError, StoreFailed
from bot.store.membership import Membership
from bot.store.schema import shards

_NEVER: Final = float("-inf")


class Leases:
    """The membership of this process, and its shards.

    `database` is a connection of their own. `clock` limits the trust, and must not say that too little time
    has passed; `observing` measures the silence of others, and must not say that too much has.
    """

    def __init__(
        self, database: Database, name: str, clock: Clock | None = None, observing: Clock = time.monotonic
    ) -> None:
        self._database: Final = database
        self._membership: Final = Membership(database, name, observing)
        self._clock: Final = clock or trust_clock()
        self._trusted_until = _NEVER
        self._renewed: Final = asyncio.Event()
        self._given: frozenset[int] = frozenset()
        """Shards that were released, and not taken since."""
        self.members = 0
        """How many processes share the shards, this one included."""
        self.held: frozenset[int] = frozenset()
        """The shards of the last round, without those released since."""
        self.surplus: frozenset[int] = frozenset()
        """Those of them to give away, because others have joined."""
        self.dead: tuple[str, ...] = ()
        """The processes that were taken for dead in the last round."""

    @property
    def shard_count(self) -> int:
        """How many shards all processes have together; known once joined."""
        return self._membership.shard_count

    async def join(self, wanted: int | None, recommended: int) -> None:
        """Become a member. Alone, it sets the number of shards; beside others, theirs holds.

        Raises:
            ShardCountDiffers: others run with another number than `wanted`.
            StoreFailed: the database does not answer.
        """
        join, count = self._membership.try_to_join, wanted or recommended
        while not await self._database.run(lambda connection: join(connection, wanted, count)):
            if self._membership.observations.alive:
                raise ShardCountDiffers(
                    f"SHARD_COUNT is {wanted}, but processes that use another number are running on this "
                    "database: stop them all, then start them all with the same number"
                )
            await asyncio.sleep(BEAT)

    async def round(self, *, leaving: bool = False) -> frozenset[int]:
        """Beat, delete the dead, and take what is free up to a fair share; return the shards held.

        With `leaving` take nothing, and let others have what is released.

        Raises:
            LeaseLost: others took this process for dead. It must end at once.
            StoreFailed: the database does not answer; what is held stays held, but is not trusted.
        """
        begun = self._clock()
        try:
            found = await self._database.run(lambda c: self._membership.round(c, leaving=leaving))
        except StoreError:
            self._trusted_until = _NEVER
            self._membership.observations.restart()
            raise
        self._given -= found.held - self.held
        self.held, self.members, self.dead = found.held, found.members, found.dead
        self.surplus = frozenset(sorted(found.held)[fair_share(self.shard_count, found.settled) :])
        self._trusted_until = begun + TRUSTED
        self._renewed.set()
        self._renewed.clear()  # those who wait are woken nevertheless
        return self.held

    async def release(self, shard: int) -> None:
        """Give away a shard that this process serves no longer. Raises StoreFailed."""
        self._given |= {shard}
        await self._database.run(lambda connection: self._membership.release(connection, shard))
        self.held -= {shard}
        self.surplus -= {shard}

    async def leave(self) -> None:
        """Give all shards away, and be no member any more. Raises StoreFailed."""
        self._trusted_until = _NEVER
        self._given |= self.held
        await self._database.run(self._membership.leave)
        self.held = self.surplus = frozenset()

    @property
    def trusted(self) -> bool:
        """Whether it is certain that nobody has taken over a shard of this process."""
        return self._clock() < self._trusted_until

    async def wait_until_trusted(self) -> bool:
        """Return whether it had to wait."""
        if self.trusted:
            return False
        while not self.trusted:
            await self._renewed.wait()
        return True

    def fence(self, shard: int) -> Callable[[Connection], None]:
        """Return what begins every writing transaction for a shard that this process holds.

        It raises LeaseLost if another process has taken the shard, StoreFailed if this one gave it away.
        """
        mine = (shards.c.shard == shard, shards.c.member_id == self._membership.id)
        row = select(shards.c.shard).where(*mine).with_for_update(read=True)

        def check(connection: Connection) -> None:
            if connection.scalar(row) is not None:
                return
            if shard in self._given:
                raise StoreFailed(f"shard {shard} was given away")
            raise LeaseLost(f"another process has taken over shard {shard}")

        return check
