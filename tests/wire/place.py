"""The whole bot in this loop, between a simulated Discord and a simulated task API, all on real sockets.

With `@pytest.mark.looptime` hours pass in no time: bot and simulators share the loop's clock.
"""

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import openapi
from discord.gateway import KeepAliveHandler
from discord.webhook.async_ import AsyncWebhookAdapter, async_context
from machines import Machine, create_task
from store.places import migrated
from virtual_time import Inline

from bot.app import App, opened
from bot.clock import DiscordTime
from bot.config import Settings
from bot.core.shards import Shard
from bot.gateway.client import VeoBot, serve
from bot.gateway.reach import reach
from bot.gateway.traffic import Traffic
from bot.lease_keeper import LeaseKeeper
from bot.metrics import Metrics
from bot.monitoring.server import MonitoringServer
from bot.shared import Shared
from bot.store.database import Database
from bot.store.errors import StoreError
from bot.store.leases import Leases
from bot.store.location import Location, database_at
from bot.store.postgres import PostgresDatabase
from bot.videos.downloader import DiskUsage, VideoDownloader
from sim.discord import Channel, DiscordSim, Guild, Invocation, Message, User
from sim.discord.clients import pointed_at
from sim.task_api.server import RenderApi

START = 1_767_225_600.0
KEY = "veo-key-0123456789"
TASK = "8cb280b3-442e-1db2-43f0-6e73616eb474"
MONTH = 30 * 24 * 3_600.0


def running(progress: Any, **more: Any) -> dict[str, Any]:
    """Return an answer of the task API about a render under way, whichever it is asked about."""
    return {
        "state": "running",
        "data": {"videos": []},
        "progress": progress,
        "create_time": int(START),
        "update_time": int(START),
        "message": "",
        "action": "generate",
    } | more


def succeeded(*urls: str) -> dict[str, Any]:
    return running(100, state="succeeded", data={"videos": [{"url": url} for url in urls]})


def failed(message: str) -> dict[str, Any]:
    return running(40, state="error", message=message)


VIDEO = "https://cdn.example/a.mp4"
DONE = succeeded(VIDEO)


@dataclass
class Place:
    """A channel with people, and a bot that can be started, stopped and killed."""

    sim: DiscordSim
    api: RenderApi
    guild: Guild
    channel: Channel
    ada: User
    bob: User
    data: Path
    clock: Callable[[], float]
    overrides: dict[str, Any] = field(default_factory=dict)
    copies: bool = False
    """Whether results carry videos; their files are read and written inline, also in virtual time."""
    disk_usage: DiskUsage = shutil.disk_usage
    """How full the disk is for videos."""
    monitored: bool = False
    """Whether the bot serves its health."""
    monitoring_port: int = 0
    hears_within: float = MONTH
    """discord.py's `heartbeat_timeout`. Its heartbeats come from a thread, in real time: with the usual 60
    seconds, virtual ones, it would reconnect every minute, which takes most of the time of long tests."""
    slept: list[float] = field(default_factory=lambda: [0.0])
    """Seconds that the bot's machine has slept, while the rest of the world went on."""
    overslept: float = 0.0
    """Seconds that its own machine has slept while others went on."""
    clock_error: float = 0.0
    """Seconds by which the bot's clock is ahead from its next start on."""
    server: Location | None = None
    """The database of a server that has the data, in place of a file in `data`."""
    open_database: Callable[[Location], Database] = lambda location: database_at(location, None)
    app: App | None = None
    client: VeoBot | None = None
    database: Database | None = None
    serving: "asyncio.Task[None] | None" = None
    """The bot's run; once it is done, its process would have ended."""
    shares: bool = False
    """Whether several bots share a server's database, with an app for each shard that one holds."""
    clock_rates: tuple[float, float] = (1.0, 1.0)
    """How fast the clocks run by which it trusts its leases, and by which it observes others."""
    on_taken: Callable[[StoreError], object] = lambda _error: None
    """Called when others have taken it for dead: a process would end at once."""
    served: list[tuple[int, float]] = field(default_factory=list)
    """Which shard it has begun to serve when, by the loop's time."""
    keeper: LeaseKeeper | None = None
    machine: Machine = field(default_factory=Machine)
    """That on which the bot runs; every start makes a new one."""
    _bot: AsyncExitStack | None = None

    def beside(self) -> "Place":
        """Return the same place with another machine, on which a bot may run at the same time."""
        return replace(
            self,
            app=None,
            client=None,
            database=None,
            keeper=None,
            serving=None,
            served=[],
            machine=Machine(),
            _bot=None,
        )

    @property
    def location(self) -> Location:
        return self.server or self.data / "bot.db"

    async def start_bot(self) -> None:
        """Start the bot, and wait until it is connected and its commands are known."""
        await self.launch_bot()
        await self.sim.wait_ready(30)
        await self.sim.wait_for(lambda: self.sim.command_writes > 0, 30)

    async def launch_bot(self) -> None:
        """Start the bot as `bot.process.run` does, its database inline: virtual time waits for it."""
        self.machine = Machine()
        await self.machine.run(self._launch())

    async def _launch(self) -> None:
        error, slept = self.clock_error, self.slept[0] + self.overslept

        def clock() -> float:
            # Monotonic: it stands still while the machine sleeps.
            return self.clock() + error - (self.slept[0] + self.overslept - slept)

        settings = Settings(
            **{
                "discord_token": self.sim.token,
                "veo_api_key": KEY,
                "veo_api_base_url": self.api.base_url,
                "discord_api_url": self.sim.base_url,
            }
            | self.overrides,
        )
        self.app, self._bot = None, (stack := AsyncExitStack())
        if isinstance(self.location, Path) and not self.location.exists():
            self.data.mkdir(parents=True, exist_ok=True)
            self.location.write_bytes(migrated())
        self.database = database = self.open_database(self.location)
        await database.open()
        stack.push_async_callback(database.close)
        adapter = AsyncWebhookAdapter()  # type: ignore[no-untyped-call]  # a new process has no locks yet
        async_context.set(adapter)
        traffic = Traffic(Metrics(), DiscordTime(clock))
        gateway = await reach(self.sim.base_url, self.sim.token, traffic)
        downloader = None
        if self.copies:
            # aiohttp reads the files of an upload in the loop's own executor.
            asyncio.get_running_loop().set_default_executor(Inline())
            loopback = VideoDownloader(
                database.video_folder,
                may_connect=lambda address: address.is_loopback,
                disk=Inline(),
                usage=self.disk_usage,
            )
            downloader = await stack.enter_async_context(loopback)
        shared = Shared(settings, database, traffic, clock=clock, downloader=downloader)
        if self.monitored:
            server = MonitoringServer("127.0.0.1", 0, shared.health, shared.metrics.scrape)
            self.monitoring_port = (await stack.enter_async_context(server)).port
        if self.shares:
            await self._share(stack, shared, gateway.shards)
            return
        self.app = await stack.enter_async_context(opened(shared))
        self.client = self.app.client
        self.client._connection.heartbeat_timeout = self.hears_within
        self.serving = asyncio.create_task(serve(self.client, self.sim.token))
        stack.push_async_callback(_cancelled, self.serving)
        stack.push_async_callback(self.client.close)  # first: its reconnects swallow a cancellation

    async def _share(self, stack: AsyncExitStack, shared: Shared, recommended: int) -> None:
        """Serve the shards that it gets a lease for, as `bot.lease_keeper.keeping` has a process do."""
        database, loop = shared.database, asyncio.get_running_loop()
        assert isinstance(database, PostgresDatabase)
        of_leases = database.another(None)
        stack.push_async_callback(of_leases.close)
        slept = self.overslept
        leases = Leases(
            of_leases,
            "machine",
            clock=lambda: loop.time() * self.clock_rates[0],
            observing=lambda: (loop.time() - self.overslept + slept) * self.clock_rates[1],
        )

        @asynccontextmanager
        async def open_app(shard: Shard, database: Database) -> AsyncIterator[App]:
            async with opened(shared, shard, database) as app:
                app.client._connection.heartbeat_timeout = self.hears_within
                self.served.append((shard.number, loop.time()))
                yield app

        database.on_taken = self.on_taken
        self.keeper = LeaseKeeper(shared, leases, open_app)
        self.serving = asyncio.create_task(self.keeper.run(shared.settings.shard_count, recommended))
        stack.push_async_callback(_cancelled, self.serving)

    async def stop_bot(self) -> None:
        """Stop the bot in an orderly way."""
        await self.machine.run(self._stop())

    async def _stop(self) -> None:
        if self._bot is not None:
            if self.app is not None:
                await self.app.close()
            if self.keeper is not None and self.serving is not None:
                self.serving.cancel()
                await self.keeper.close()
            stack, self._bot = self._bot, None
            await stack.aclose()

    async def kill_bot(self) -> None:
        """Stop the bot where it stands: what it awaits never comes back, nothing is cleaned up in order."""
        await self._end_tasks()
        stack, self._bot = self._bot, None
        if stack is not None:
            await stack.aclose()
        await self._end_tasks()

    async def _end_tasks(self) -> None:
        doomed = [task for task in self.machine.tasks if not task.done()]
        for task in doomed:
            task.cancel()
        if self.machine.paused:  # all that it wakes to is its end
            self.machine.resume()
        if doomed:
            await asyncio.wait(doomed, timeout=0.05)  # discord.py's reconnects swallow a cancellation

    async def watch(self, task_id: str = TASK, *, user: User | None = None) -> Message:
        """Type `/veo watch` and return the card."""
        invocation = await self.type("watch", task_id, user=user)
        assert invocation.response is not None, "no answer"
        assert not invocation.ephemeral, invocation.text
        return invocation.response

    async def type(self, command: str, task_id: str, *, user: User | None = None) -> Invocation:
        """Type `/veo <command>` and wait for the first answer."""
        use = await self.sim.slash(user or self.ada, self.channel, "veo", command, id=task_id)
        return await use.acknowledged()

    def replies(self, card: Message) -> list[Message]:
        """List the bot's replies to a card."""
        return [m for m in self.sim.messages(self.channel) if m.reference is card]

    async def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        await asyncio.sleep(seconds)

    async def suspend(self, seconds: float) -> None:
        """Let the bot's machine sleep: its monotonic clock stands still, and its connections are lost."""
        self.slept[0] += seconds
        await self.sim.drop_gateway()

    def break_disk(self, *, broken: bool = True) -> None:
        """Let the database take no more writes, or take them again."""
        assert self.database is not None
        assert self.database._engine is not None
        connection = self.database._engine.raw_connection().driver_connection
        assert connection is not None
        connection.execute(f"PRAGMA query_only = {int(broken)}")

    async def result(self, card: Message, within: float = 60.0) -> Message:
        """Wait for a reply to a card."""
        await self.sim.wait_for(lambda: bool(self.replies(card)), within)
        return self.replies(card)[0]

    async def shows(self, card: Message, text: str, within: float = 60.0) -> None:
        """Wait until a card shows a text."""
        await self.sim.wait_for(lambda: text in card.text, within)


def _stop_heartbeats() -> None:
    """End the threads that discord.py leaves behind where a connection broke: they outlive this loop."""
    for thread in threading.enumerate():
        if isinstance(thread, KeepAliveHandler):
            thread.stop()


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def place(
    data: Path,
    *,
    start: bool = True,
    copies: bool = False,
    monitored: bool = False,
    auth: Literal["any", "raw", "bearer"] = "any",
    server: Location | None = None,
    shard: tuple[int, int] = (0, 1),
    **overrides: Any,
) -> AsyncIterator[Place]:
    """Set everything up, the bot running unless `start` is False; `overrides` are settings by field name."""
    loop = asyncio.get_running_loop()
    slept = [0.0]

    def clock() -> float:
        return START + loop.time() + slept[0]

    loop.set_task_factory(create_task)
    async with DiscordSim(clock=clock) as sim, RenderApi(key=KEY, auth=auth, clock=clock) as api:
        guild = sim.add_guild("Studio", shard=shard)
        channel = guild.add_channel("renders")
        here = Place(
            sim, api, guild, channel, sim.add_user("Ada"), sim.add_user("Bob"), data, clock, overrides
        )
        here.copies, here.monitored, here.slept, here.server = copies, monitored, slept, server
        with pointed_at(sim):
            try:
                if start:
                    await here.start_bot()
                yield here
            finally:
                await here.stop_bot()
                _stop_heartbeats()
        openapi.check(sim.requests)
