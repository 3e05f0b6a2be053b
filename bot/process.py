"""The process's lifecycle: open everything in order, serve until stopped, close in reverse order."""

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Never, TypeAlias, TypeVar

from bot.app import App, opened
from bot.clock import DiscordTime, steady_clock
from bot.config import Settings
from bot.gateway.client import serve, talk_to
from bot.gateway.reach import Gateway, ask, reach
from bot.gateway.traffic import Traffic
from bot.metrics import Metrics
from bot.monitoring.event_loop import measure_lag
from bot.monitoring.server import MonitoringServer
from bot.shared import Shared
from bot.store.errors import LeaseLost, StoreError, StoreUnusable
from bot.store.location import database_at
from bot.videos.downloader import VideoDownloader

log = logging.getLogger(__name__)

T = TypeVar("T")
Serving: TypeAlias = Callable[[Gateway], Coroutine[Any, Any, None]]
"""Serves until it is cancelled, given what Discord said of its gateway."""

GARBAGE_THRESHOLDS: Final = (1_000, 5, 100)
"""A full collection only with every hundredth of the middle ones, once a minute at two thousand watches.

The others take up to 15 ms then. Fewer would take 2 % less CPU, but up to 45 ms each.
"""
MAX_CLOCK_OFFSET: Final = 5.0
"""Seconds by which this machine's clock may differ from Discord's before a warning is logged."""
FIRST_ASK_SECONDS: Final = 5.0
"""How long the start waits for Discord before it goes on without an answer."""


async def run(settings: Settings, end_at_once: Callable[[LeaseLost], Never]) -> None:
    """Run the bot until SIGTERM or SIGINT; `end_at_once` if another process has taken this one for dead.

    Raises:
        AnotherBot, StoreUnusable, ShardCountDiffers, CannotListen, TokenRefused, GatewayRefused: the operator
            must fix it.
    """
    # A full collection takes 50 ms, most of it for modules. Now nobody waits; later it would stop everything.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    stop = asyncio.Event()
    _handle_signals(stop.set)
    _raise_file_limit()
    clock = steady_clock()
    traffic = Traffic(Metrics(), DiscordTime(clock))
    async with AsyncExitStack() as stack:
        executor: Executor = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="store"))
        database = database_at(settings.database, executor, alone=False)
        # Before the data is created or migrated. If Discord is down, the rest starts, and `reach` asks again.
        token = settings.discord_token
        gateway = await ask(settings.discord_api_url, token, traffic, FIRST_ASK_SECONDS)
        await database.open()
        taken: asyncio.Future[StoreError] = asyncio.get_running_loop().create_future()

        def on_taken(error: StoreError) -> None:
            if isinstance(error, LeaseLost):
                end_at_once(error)
            _resolve(taken, error)

        database.on_taken = on_taken
        stack.push_async_callback(database.close)
        downloader = None
        if settings.attach_videos:
            folder = database.video_folder
            try:
                downloader = await stack.enter_async_context(VideoDownloader(folder))
            except OSError as error:
                raise StoreUnusable(f"{folder} cannot be used ({error.strerror}): delete it") from None
        shared = Shared(settings, database, traffic, clock=clock, downloader=downloader)
        serving = await stack.enter_async_context(_serving(shared))
        if settings.http_port is not None:
            await stack.enter_async_context(
                MonitoringServer(settings.http_host, settings.http_port, shared.health, shared.metrics.scrape)
            )
        stalls = measure_lag(shared.metrics.event_loop_lag.observe, shared.metrics.longest_stall.set)
        lag = asyncio.create_task(stalls)
        stack.callback(lag.cancel)
        await _until(stop, taken, _serve(shared, gateway, serving))
        if taken.done():
            raise taken.result()
        log.info("stopping")


@asynccontextmanager
async def _serving(shared: Shared) -> AsyncIterator[Serving]:
    """Yield what serves: one app of all shards, or on PostgreSQL an app for each shard that is held."""
    settings = shared.settings
    if isinstance(settings.database, Path):
        async with opened(shared) as app:
            app.client.on_setup = partial(_begin, app)
            try:
                yield lambda _gateway: serve(app.client, settings.discord_token)
            finally:
                await app.close()
    else:
        from bot.lease_keeper import keeping  # noqa: PLC0415 only PostgreSQL needs it

        with ThreadPoolExecutor(1, thread_name_prefix="leases") as executor:
            async with keeping(shared, executor, partial(opened, shared)) as keeper:
                try:
                    yield lambda gateway: keeper.run(settings.shard_count, gateway.shards)
                finally:
                    await keeper.close()


async def _serve(shared: Shared, gateway: Gateway, serving: Serving) -> None:
    settings, traffic = shared.settings, shared.traffic
    talk_to(settings.discord_api_url)
    if gateway.failure:
        gateway = await reach(settings.discord_api_url, settings.discord_token, traffic)
    if abs(traffic.time.ahead) > MAX_CLOCK_OFFSET:
        log.warning(
            "this machine's clock is off: turn on time synchronization (NTP)",
            extra={"seconds_behind_discord": round(traffic.time.ahead)},
        )
    await serving(gateway)


async def _begin(app: App) -> None:
    """Begin, and keep what exists then, such as the watches of a restart, out of all later collections.

    Only where the app lives as long as the process: what is frozen is never freed.
    """
    await app.begin()
    gc.freeze()


def _resolve(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)


async def _until(stop: asyncio.Event, taken: asyncio.Future[Any], work: Coroutine[Any, Any, None]) -> None:
    """Run `work` until it ends, `stop` is set or `taken` is known; raise what `work` raises."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping, taken}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        # Not awaited: a reconnecting discord.py may swallow the cancellation. Closing the client ends it.
        stopping.cancel()
        working.cancel()


def _raise_file_limit() -> None:
    """Raise the limit of open files to the system's maximum, if possible."""
    try:
        import resource  # noqa: PLC0415 not available on Windows

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ImportError, OSError, ValueError):
        log.debug("could not raise the limit of open files")


def _handle_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:  # Windows: Ctrl-C arrives as KeyboardInterrupt
            return
