"""The composition root: builds every object once and wires them together."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from math import isfinite, nan
from typing import TYPE_CHECKING, Any, Final

from bot.clock import WakeUp
from bot.commands.ended_renders import EndedRenders
from bot.commands.placeholders import PlaceholderKeeper
from bot.commands.slash import Commands
from bot.commands.tree import command_tree, keep_writing_commands
from bot.core.outcome import Ending
from bot.core.shards import Shard
from bot.engine.breaker import CircuitBreaker
from bot.engine.poller import Poller
from bot.engine.registry import Registry
from bot.engine.tracker import Tracker
from bot.engine.watch_service import WatchService
from bot.gateway.client import VeoBot
from bot.messages import uncompiled_languages
from bot.metrics import Snapshot
from bot.outbound.outbound import Outbound
from bot.outbound.rest import DiscordRest
from bot.outbound.result_poster import ResultPoster
from bot.outbound.uploads import UploadLimits, Uploads
from bot.shared import Shared
from bot.store.database import Database
from bot.store.pruning import DAY, keep_pruning
from bot.store.recent import Recent
from bot.store.store import Store
from bot.veo.client import VeoClient

if TYPE_CHECKING:  # one process with a file needs none of it
    from bot.engine.shared_tasks import SharedTasks

log = logging.getLogger(__name__)

SHUTDOWN_SECONDS: Final = 10.0
"""How long work in flight may take to finish when the bot stops."""


class App:
    """The bot around one client, which has all shards, or `shard`, with the database of that shard."""

    def __init__(
        self,
        shared: Shared,
        client: VeoBot,
        veo: VeoClient,
        *,
        shard: Shard | None = None,
        database: Database | None = None,
    ) -> None:
        settings, clock, wait = shared.settings, shared.clock, shared.wait
        database = database or shared.database
        self._shared: Final = shared
        self.shard: Final = shard
        self.client: Final = client
        self.store: Final = Store(database, shard)
        rest = DiscordRest(client, clock)
        self._renders: Final = EndedRenders(shared.downloader, shared.upload_slots, wait)
        poster = ResultPoster(
            self.store,
            rest,
            settings.poll_policy,
            shared.traffic.time,
            uploads=Uploads(rest, UploadLimits(client), shared.upload_slots),
            downloader=shared.downloader,
        )
        self.registry: Final = Registry()
        self.breaker: Final = CircuitBreaker(
            veo.poll,
            self.registry.tasks,
            clock,
            on_change=self._api_changed,
            budget=shared.budget,
            turns=shared.poll_turns,
            wait=wait,
        )
        veo.on_quotas = shared.budget.announced
        veo.before_second_try = self.breaker.begin_second_try
        self.outbound: Final = Outbound(
            self.store,
            rest,
            poster,
            settings.poll_policy,
            clock,
            observed=self.registry.observed,
            health=lambda: self.breaker.health,
            lost=self._lose,
            metrics=shared.metrics,
            keep_seconds=settings.keep_days * DAY,
            wait=wait,
        )
        self.tracker: Final = Tracker(self.registry, self.store, self.outbound, shared.tuner, clock=clock)
        self.poller: Final = Poller(self.breaker, self.tracker, clock, metrics=shared.metrics, wait=wait)
        self.poller.may_poll = shared.may_poll
        self._shared_tasks: SharedTasks | None = None
        if shared.task_reader is not None and shard is not None:
            self._shared_tasks = shared.task_reader.add(
                shard, self.store, database, self.tracker, self.poller
            )
        self.watch_service: Final = WatchService(self.store, self.tracker, self.poller, clock)
        self._keeper: Final = PlaceholderKeeper(self.store, client, clock)
        self.commands: Final = Commands(
            settings,
            self.tracker,
            self.poller,
            watch_service=self.watch_service,
            rest=rest,
            recent=Recent(database),
            renders=self._renders,
            keeper=self._keeper,
            clock=clock,
            closed=lambda: self.closed,
        )
        self._show_all: Final = WakeUp(shared.wait)
        self._prune: Final = partial(keep_pruning, database, settings.keep_days, clock, wait)
        self.loops: Final[list[asyncio.Task[None]]] = []
        """Tasks that run as long as the bot; `/healthz` reports one that ends."""
        self._startup: Final[list[asyncio.Task[None]]] = []
        """Tasks that end once Discord has accepted what they have to send."""
        client.on_gateway = shared.health.gateway_changed
        client.on_setup = self.begin
        client.on_press = self.commands.press
        client.on_access = self.outbound.access_changed

    async def begin(self) -> None:
        """Resume unfinished watches and start polling; the client calls it after its login."""
        shared, wait = self._shared, self._shared.wait
        if self._is_first and (missing := uncompiled_languages()):
            log.warning(
                "a language has no catalogue, using English instead; to compile it, run: pip install -e .",
                extra={"languages": " ".join(missing)},
            )
        tree = command_tree(self.client)
        tree.commands = self.commands
        await shared.tuner.load(self.store)
        await self.watch_service.resume()
        if self._shared_tasks is not None:
            await self._shared_tasks.begin(shared.clock())
        self._begin("poll loop", self.poller.run())
        self._begin("probe loop", self.breaker.run())
        self._begin("card loop", self._keep_showing())
        self._begin("summary loop", self.watch_service.keep_summarizing(wait))
        # Read before the gateway connects: every placeholder stored now was left by an earlier process.
        left = await self._keeper.left()
        self._startup.append(asyncio.create_task(self._keeper.clean_up(left, WakeUp(wait))))
        if self._is_first:
            self._begin("prune loop", self._prune())
            self._begin("tuner loop", shared.tuner.run(self.store))
            writing = keep_writing_commands(tree, self.store, shared.settings.discord_api_url, WakeUp(wait))
            self._startup.append(asyncio.create_task(writing))

    def _begin(self, name: str, loop: Coroutine[Any, Any, None]) -> None:
        self.loops.append(asyncio.create_task(loop, name=name))

    @property
    def _is_first(self) -> bool:
        """Whether this app also does what the bot does once, however many shards it has."""
        return self.shard is None or self.shard.number == 0

    @property
    def gateway_state(self) -> str:
        return self.client.gateway_state

    @property
    def closed(self) -> Mapping[int, str]:
        """The channels where the bot cannot post, and what it lacks in each."""
        return self.outbound.closed

    def snapshot(self) -> Snapshot:
        latency = self.client.latency if self.client.connected else nan
        oldest = self.outbound.oldest_result_at
        return Snapshot(
            tasks=len(self.registry.tasks),
            watches=self.registry.census(),
            results_waiting=self.outbound.results_waiting,
            oldest_result=0.0 if oldest is None else max(0.0, self._shared.clock() - oldest),
            closed=self.closed,
            gateway_connected=self.client.connected,
            gateway_latency=latency if isfinite(latency) else None,
        )

    def _api_changed(self) -> None:
        self.poller.wake()
        self._show_all.set()

    async def _keep_showing(self) -> None:
        """Show all cards again whenever the API's health has changed, until cancelled."""
        while True:
            await self._show_all.sleep(None)
            await self.tracker.show_all()

    async def _lose(self, card_id: int, end: Ending) -> None:
        await self.tracker.lose(card_id, end)

    async def close(self) -> None:
        """Start nothing new, and wait up to `SHUTDOWN_SECONDS` for work in flight."""
        end = asyncio.get_running_loop().time() + SHUTDOWN_SECONDS

        def left() -> float:
            return max(0.0, end - asyncio.get_running_loop().time())

        if self._shared_tasks is not None:
            self._shared_tasks.close()
        await asyncio.gather(self.commands.close(left()), self.poller.close(left()))
        await self._renders.close()
        await self.outbound.close(left())
        if self._is_first:
            with suppress(TimeoutError):  # a database that does not answer must not hold up the end
                async with asyncio.timeout(max(1.0, left())):
                    await self._shared.tuner.save(self.store)
        await self._shared.health.cancel_probe()
        tasks = self.loops + self._startup
        self.loops.clear()  # before they are cancelled, or `/healthz` would report them
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def opened(
    shared: Shared, shard: Shard | None = None, database: Database | None = None
) -> AsyncIterator[App]:
    """Yield an app of all shards, or of `shard` with the shard's database, with connections of its own.

    They are closed in the end; an orderly end calls `App.close` before.
    """
    settings = shared.settings
    key = settings.veo_api_key
    veo = VeoClient(settings.veo_api_base_url, key, settings.veo_api_auth, clock=shared.clock)
    if shard is None:
        client = VeoBot(settings.shard_count, traffic=shared.traffic)
    else:
        client = VeoBot(
            shard.count, shard_ids=[shard.number], traffic=shared.traffic, may_be_alone=shard.count > 1
        )
    async with veo, client:
        app = App(shared, client, veo, shard=shard, database=database)
        shared.apps.append(app)
        try:
            yield app
        finally:
            shared.apps.remove(app)
