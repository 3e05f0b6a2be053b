"""The composition root: builds every object once and wires them together."""

import asyncio
import logging
from functools import partial
from math import isfinite, nan
from typing import Final

from bot.clock import Clock, WaitHook, WakeUp, plain_wait
from bot.commands.ended_renders import EndedRenders
from bot.commands.placeholders import PlaceholderKeeper
from bot.commands.slash import Commands
from bot.commands.tree import command_tree, keep_writing_commands
from bot.config import Settings
from bot.core.budget import RequestBudget
from bot.core.outcome import Ending
from bot.engine.breaker import CircuitBreaker
from bot.engine.poller import Poller
from bot.engine.registry import Registry
from bot.engine.tracker import Tracker
from bot.engine.tuner import PollTuner
from bot.engine.watch_service import WatchService
from bot.gateway.client import VeoBot
from bot.messages import uncompiled_languages
from bot.metrics import Metrics, Snapshot
from bot.monitoring.health_checks import HealthChecks
from bot.outbound.outbound import Outbound
from bot.outbound.rest import DiscordRest
from bot.outbound.result_poster import ResultPoster
from bot.outbound.uploads import UploadLimits, Uploads
from bot.store.data_folder import disk_space
from bot.store.database import Database
from bot.store.pruning import DAY, keep_pruning
from bot.store.recent import Recent
from bot.store.store import Store
from bot.veo.client import VeoClient
from bot.videos.downloader import VideoDownloader

log = logging.getLogger(__name__)

SHUTDOWN_SECONDS: Final = 10.0
"""How long work in flight may take to finish when the bot stops."""


class App:
    """The bot around one client and one open database. `discord_clock` is Unix time by Discord's clock."""

    def __init__(
        self,
        settings: Settings,
        client: VeoBot,
        database: Database,
        veo: VeoClient,
        *,
        clock: Clock,
        metrics: Metrics,
        discord_clock: Clock | None = None,
        wait: WaitHook = plain_wait,
        downloader: VideoDownloader | None = None,
    ) -> None:
        self._client: Final = client
        if downloader is not None:
            database.on_failure = downloader.drop
        database.on_transaction = metrics.store_seconds.observe
        self.store: Final = Store(database)
        rest = DiscordRest(client, clock)
        uploads = Uploads(rest, UploadLimits(client))
        self._renders: Final = EndedRenders(downloader, uploads.slots, wait)
        poster = ResultPoster(
            self.store,
            rest,
            settings.poll_policy,
            discord_clock or clock,
            uploads=uploads,
            downloader=downloader,
        )
        self.registry: Final = Registry()
        self.breaker: Final = CircuitBreaker(
            veo.poll,
            self.registry.tasks,
            clock,
            on_change=self._api_changed,
            budget=RequestBudget(settings.poll_per_minute),
            wait=wait,
        )
        veo.on_quotas = self.breaker.budget.announced
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
            metrics=metrics,
            keep_seconds=settings.keep_days * DAY,
            wait=wait,
        )
        self._tuner: Final = PollTuner(self.store, settings.poll_policy, wait=wait)
        self.tracker: Final = Tracker(self.registry, self.store, self.outbound, self._tuner, clock=clock)
        self.poller: Final = Poller(self.breaker, self.tracker, clock, metrics=metrics, wait=wait)
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
            closed=lambda: self.outbound.closed,
        )
        self._prune: Final = partial(keep_pruning, database, settings.keep_days, clock, wait)
        self._folder: Final = database.video_folder.parent
        self._clock: Final = clock
        self._discord_api: Final = settings.discord_api_url
        self._wait: Final = wait
        self._loops: Final[list[asyncio.Task[None]]] = []
        """Tasks that run as long as the bot; `/healthz` reports one that ends."""
        self._startup: Final[list[asyncio.Task[None]]] = []
        """Tasks that end once Discord has accepted what they have to send."""
        self.health: Final = HealthChecks(
            database,
            self.registry,
            self.breaker,
            self.poller,
            clock=clock,
            gateway_state=lambda: client.gateway_state,
            closed=lambda: self.outbound.closed,
            loops=self._loops,
        )
        client.on_gateway = self.health.gateway_changed
        client.on_setup = self.begin
        client.on_press = self.commands.press
        client.on_access = self.outbound.access_changed
        metrics.add_snapshot(self._snapshot)

    async def begin(self) -> None:
        """Resume unfinished watches and start polling; the client calls it after its login."""
        if missing := uncompiled_languages():
            log.warning(
                "a language has no catalogue, using English instead; to compile it, run: pip install -e .",
                extra={"languages": " ".join(missing)},
            )
        tree = command_tree(self._client)
        tree.commands = self.commands
        await self._tuner.load()
        await self.watch_service.resume()
        for name, loop in {
            "poll loop": self.poller.run(),
            "probe loop": self.breaker.run(),
            "prune loop": self._prune(),
            "summary loop": self.watch_service.keep_summarizing(self._wait),
            "tuner loop": self._tuner.run(),
        }.items():
            self._loops.append(asyncio.create_task(loop, name=name))
        # Read before the gateway connects: every placeholder stored now was left by an earlier process.
        left = await self._keeper.left()
        writing = keep_writing_commands(tree, self.store, self._discord_api, WakeUp(self._wait))
        self._startup.append(asyncio.create_task(writing))
        self._startup.append(asyncio.create_task(self._keeper.clean_up(left, WakeUp(self._wait))))

    def _snapshot(self) -> Snapshot:
        latency = self._client.latency if self._client.connected else nan
        oldest = self.outbound.oldest_result_at
        return Snapshot(
            ready=self.health.ready,
            tasks=len(self.registry.tasks),
            watches=self.registry.census(),
            results_waiting=self.outbound.results_waiting,
            oldest_result=0.0 if oldest is None else max(0.0, self._clock() - oldest),
            closed=self.outbound.closed,
            gateway_connected=self._client.connected,
            gateway_latency=latency if isfinite(latency) else None,
            disk=disk_space(self._folder),
        )

    def _api_changed(self) -> None:
        self.poller.wake()
        self.tracker.show_all()

    async def _lose(self, card_id: int, end: Ending) -> None:
        await self.tracker.lose(card_id, end)

    async def close(self) -> None:
        """Start nothing new, and wait up to `SHUTDOWN_SECONDS` for work in flight."""
        end = asyncio.get_running_loop().time() + SHUTDOWN_SECONDS

        def left() -> float:
            return max(0.0, end - asyncio.get_running_loop().time())

        await asyncio.gather(self.commands.close(left()), self.poller.close(left()))
        await self._renders.close()
        await self.outbound.close(left())
        await self._tuner.save()
        await self.health.close()
        tasks = self._loops + self._startup
        self._loops.clear()  # before they are cancelled, or `/healthz` would report them
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
