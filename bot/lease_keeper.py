"""Holds shards for a process that shares a bot with others: an app for each of them, as long as it is ours.

    run:   every `BEAT` seconds, or when woken: a round of `Leases`, then open an app for each shard taken,
           and close one of those that others should have, which releases its shard
    close: close all apps while the beat goes on, which releases their shards, and leave

Whoever loses a lease was taken for dead, and others serve its shards: the process ends at once. While the
database is away nobody can take anything over, and the apps go on; the guard holds back cards and results.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, NamedTuple, cast

from bot.app import App
from bot.clock import WakeUp
from bot.core.liveness import BEAT
from bot.core.shards import Holding, Shard
from bot.engine.shared_tasks import SharedTaskReader
from bot.gateway.client import serve
from bot.gateway.identify import IDENTIFY_SECONDS
from bot.shared import Shared
from bot.store.database import Database
from bot.store.errors import LeaseLost, StoreFailed
from bot.store.fenced import FencedDatabase
from bot.store.leases import Leases
from bot.store.notifications import FREE, Notifications
from bot.store.postgres import PostgresDatabase

log = logging.getLogger(__name__)

GIVE_SECONDS: Final = IDENTIFY_SECONDS + 1.5
"""From one surplus shard that is given away to the next: nobody serves it until its new holder is connected,
which would take longer if that had to wait with its IDENTIFY."""

OpenApp = Callable[[Shard, Database], AbstractAsyncContextManager[App]]
"""Returns a new app of a shard, with the shard's view of the database."""


class _Serving(NamedTuple):
    """A shard whose app runs."""

    task: "asyncio.Task[None]"
    give: asyncio.Event
    """Set when the app is to be closed and the shard released."""


class LeaseKeeper:
    """Runs the apps of the shards that `leases` hold, in a process with `shared`."""

    def __init__(self, shared: Shared, leases: Leases, open_app: OpenApp) -> None:
        self._shared: Final = shared
        self._leases: Final = leases
        self._open_app: Final = open_app
        self._tasks: Final = SharedTaskReader(shared.database, shared.wait)
        self._wake_up: Final = WakeUp(shared.wait)
        shared.traffic.guard = leases.wait_until_trusted
        shared.may_poll = lambda: leases.trusted
        shared.holding = lambda: self.holding
        shared.task_reader = self._tasks
        self._serving: Final[dict[int, _Serving]] = {}
        self._closing = False
        self._give_next_at = 0.0
        """When the next surplus shard may be given away, by the loop's time."""
        self._known = 0
        """The number of processes that was logged last."""
        self._away = False
        """Whether the last round failed."""

    @property
    def holding(self) -> Holding:
        """What this process holds, for health and metrics."""
        return Holding(len(self._leases.held), self._leases.shard_count, self._leases.members)

    def notified(self, payload: str) -> None:
        """Act on what another process has committed."""
        if payload == FREE:
            self._wake_up.set()
        else:
            self._tasks.notified(payload)

    async def run(self, wanted: int | None, recommended: int) -> None:
        """Join the other processes, and serve shards until cancelled.

        Raises:
            ShardCountDiffers, StoreFailed: this process cannot join.
            TokenRefused, GatewayRefused: Discord refuses an app.
            LeaseLost: this process was taken for dead; `Database.on_taken` was called, which ends it.
        """
        await self._leases.join(wanted, recommended)
        reading = asyncio.create_task(self._tasks.run())
        try:
            while True:
                await self._round()
                for serving in list(self._serving.values()):
                    if serving.task.done():
                        serving.task.result()
                await self._wake_up.sleep(BEAT)
        finally:
            reading.cancel()

    async def close(self) -> None:
        """Close all apps in an orderly way, release their shards and leave."""
        self._closing = True
        if not self._leases.shard_count:
            return
        for serving in self._serving.values():
            serving.give.set()
        while tasks := [serving.task for serving in self._serving.values() if not serving.task.done()]:
            await self._beat()
            await asyncio.wait(tasks, timeout=BEAT)
        try:
            await self._leases.leave()
        except StoreFailed as error:
            log.warning("could not leave; others will notice", extra={"reason": str(error)})

    async def _round(self) -> None:
        if await self._beat():
            self._report()
        for number in sorted(self._leases.held - self._serving.keys()):
            log.info("took over shard %s of %s", number, self._leases.shard_count)
            give = asyncio.Event()
            task = asyncio.create_task(self._serve(number, give), name=f"shard {number}")
            task.add_done_callback(lambda _task: self._wake_up.set())
            self._serving[number] = _Serving(task, give)
        giving = any(serving.give.is_set() for serving in self._serving.values())
        if not giving and asyncio.get_running_loop().time() >= self._give_next_at:
            for number in sorted(self._leases.surplus & self._serving.keys())[:1]:
                self._serving[number].give.set()

    def _report(self) -> None:
        """Log which processes there are, if that has changed."""
        for name in self._leases.dead:
            self._shared.metrics.members_lost.inc()
            log.warning("a process was taken for dead; others serve its shards", extra={"member": name})
        held, shards, members = self.holding
        if members not in {0, self._known}:
            what = "the bot's processes have changed" if self._known else "joined the bot's processes"
            about = {"processes": members, "held": held, "shards": shards}
            log.info(what if held else f"{what}; standing by", extra=about)
            self._known = members

    async def _beat(self) -> bool:
        """Beat; return whether the database answered."""
        try:
            await self._leases.round(leaving=self._closing)
        except LeaseLost as error:
            self._shared.database.on_taken(error)
            raise
        except StoreFailed as error:
            if not self._away:
                reason = {"reason": str(error)}
                log.warning(
                    "the database does not answer; cards and results wait until it does", extra=reason
                )
            self._away = True
            return False
        if self._away:
            log.info("the database answers again")
        self._away = False
        return True

    async def _serve(self, number: int, give: asyncio.Event) -> None:
        """Run the app of a shard until it is to be given away, then release the shard."""
        shard, failures = Shard(number, self._leases.shard_count), 0
        while not give.is_set():
            try:
                await self._run_app(shard, give)
            except StoreFailed as error:
                failures += 1
                if failures == 1:
                    reason = {"reason": str(error)}
                    log.warning("shard %s could not be resumed, retrying", number, extra=reason)
                await self._pause()
        while not await self._release(number) and not self._closing:  # leaving releases whatever is left
            await self._pause()
        del self._serving[number]
        self._give_next_at = asyncio.get_running_loop().time() + GIVE_SECONDS

    async def _release(self, number: int) -> bool:
        try:
            await self._leases.release(number)
        except StoreFailed as error:
            log.info("shard %s could not be given away", number, extra={"reason": str(error)})
            return False
        log.info("gave shard %s away", number)
        return True

    async def _pause(self) -> None:
        """Wait until the database answers again, or this process closes."""
        await self._shared.wait(asyncio.sleep(BEAT))
        while self._away and not self._closing:
            await self._shared.wait(asyncio.sleep(BEAT))

    async def _run_app(self, shard: Shard, give: asyncio.Event) -> None:
        """Run an app until `give` is set.

        Raises:
            StoreFailed: the shard's watches could not be read.
            TokenRefused, GatewayRefused: Discord refuses the bot.
        """
        database = FencedDatabase(self._shared.database, self._leases.fence(shard.number))
        async with self._open_app(shard, database) as app:
            serving = asyncio.create_task(serve(app.client, self._shared.settings.discord_token))
            giving = asyncio.create_task(give.wait())
            try:
                await asyncio.wait({serving, giving}, return_when=asyncio.FIRST_COMPLETED)
                if serving.done():
                    serving.result()
            finally:
                giving.cancel()
                if app.client.on_setup is not None:  # or it might begin while it closes
                    serving.cancel()
                    await asyncio.wait({serving})
                await app.close()
                # Not awaited: a reconnecting discord.py may swallow it. Closing the client ends it.
                serving.cancel()
                serving.add_done_callback(lambda ended: ended.cancelled() or ended.exception())


@asynccontextmanager
async def keeping(shared: Shared, executor: Executor, open_app: OpenApp) -> AsyncIterator[LeaseKeeper]:
    """Yield a keeper for a process, whose leases are renewed on a thread of their own.

    An orderly end calls `LeaseKeeper.close` before.
    """
    database = cast("PostgresDatabase", shared.database)
    of_leases = database.another(executor)
    keeper = LeaseKeeper(shared, Leases(of_leases, f"{socket.gethostname()}:{os.getpid()}"), open_app)
    listening = asyncio.create_task(Notifications(database.url, keeper.notified).run())
    try:
        yield keeper
    finally:
        listening.cancel()
        await of_leases.close()
