"""The composition root: every part is built here, once; nothing happens at import."""

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any, Final, TypeVar

from bot.board import Board
from bot.chat.attachments import VideoCopies
from bot.chat.choices import Choices
from bot.chat.client import VeoBot, reach, serve, talk_to
from bot.chat.commands import Commands
from bot.chat.delivery import Deliverer
from bot.chat.first_look import FirstLook
from bot.chat.gate import Gate
from bot.chat.limits import Limits
from bot.chat.listing import Listing
from bot.chat.messenger import Messenger
from bot.chat.refusals import pause, told
from bot.chat.rest import DiscordRest
from bot.chat.tree import Tree, command_tree, sync_commands, write_commands
from bot.chat.watch_command import WatchCommand
from bot.clock import Alarm, Clock, Idle, idle, steady_clock
from bot.config import Settings
from bot.copies import Copier
from bot.core.events import AccessLost, CardDeleted
from bot.poller import Look, Poller
from bot.pruner import Pruner
from bot.store.database import Database
from bot.store.pruning import Pruning
from bot.store.recent import Recent
from bot.store.store import Store
from bot.veo.client import VeoClient
from bot.watching import Watching
from bot.words import unspoken

log = logging.getLogger(__name__)

T = TypeVar("T")

LAST_SECONDS: Final = 10.0
"""What is in flight when the bot is told to stop gets this long."""


class App:
    """The bot's parts around one client and one open database. `discord_clock` is Unix time by Discord."""

    def __init__(
        self,
        settings: Settings,
        client: VeoBot,
        database: Database,
        look: Look,
        *,
        clock: Clock,
        discord_clock: Clock | None = None,
        idle: Idle = idle,
        copier: Copier | None = None,
    ) -> None:
        self._client: Final = client
        self.store: Final = Store(database)
        rest = DiscordRest(client, Gate(), clock)
        deliverer = Deliverer(self.store, rest, settings.pace, discord_clock or clock)
        self.messenger: Final = Messenger(
            self.store,
            rest,
            deliverer,
            settings.pace,
            clock,
            lost=self._lose,
            idle=idle,
            preparation=None if copier is None else VideoCopies(client, copier),
        )
        self.board: Final = Board(self.store, self.messenger, settings.pace, clock)
        self.poller: Final = Poller(look, self.board, settings.pace, clock, idle=idle)
        self.watching: Final = Watching(self.store, self.board, self.poller, clock)
        limits = Limits(settings.allowed_guild_ids, settings.watches_per_person, settings.watches_per_server)
        first_look = FirstLook(look)
        watch = WatchCommand(first_look, self.board, self.watching, rest, limits)
        listing = Listing(self.board, settings.pace)
        self.commands: Final = Commands(
            first_look, self.board, watch, listing, limits, card_language=settings.card_language
        )
        self._pruner: Final = Pruner(Pruning(database), settings.keep_days, clock, idle=idle)
        self._choices: Final = Choices(self.board, Recent(database), limits, clock)
        self._place: Final = settings.discord_api_url
        self._idle: Final = idle
        self._background: set[asyncio.Task[None]] = set()
        client.on_setup = self.begin
        client.on_press = self.commands.press

    def make_tree(self) -> Tree:
        """Return the command tree; a client takes only one."""
        return command_tree(self._client, self.commands, self._choices)

    async def begin(self) -> None:
        """Take up what was unfinished and start polling; the client calls it after its login."""
        if missing := unspoken():
            log.warning(
                "a language has no catalogue, speaking English in its place; install requirements-build.txt"
                " and run: pybabel compile -D bot -d bot/locale",
                extra={"languages": " ".join(missing)},
            )
        tree = self.make_tree()
        await self.watching.resume()
        for name, work in (
            ("poll loop", self.poller.run()),
            ("commands", self._write_commands(tree)),
            ("pruning", self._pruner.run()),
        ):
            self._background.add(asyncio.create_task(work, name=name))

    async def _write_commands(self, tree: Tree) -> None:
        """Write the commands to Discord, however often it takes; the rest of the bot does not wait for it."""
        alarm, tries = Alarm(self._idle), 0
        while True:
            try:
                await write_commands(tree, self.store, self._place)
            except Exception as error:
                tries += 1
                refusal = {"refusal": told(error), "tries": tries}
                log.warning("the commands could not be written to Discord, trying again", extra=refusal)
                await alarm.sleep(pause(error, tries))
            else:
                return

    async def _lose(self, card_id: int, event: CardDeleted | AccessLost) -> None:
        await self.board.lose(card_id, event)

    async def close(self) -> None:
        """Begin nothing new, give what is in flight its last seconds."""
        end = asyncio.get_running_loop().time() + LAST_SECONDS

        def left() -> float:
            return max(0.0, end - asyncio.get_running_loop().time())

        await asyncio.gather(self.commands.close(left()), self.poller.close(left()))
        await self.messenger.close(left())
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)


async def run(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Run the bot until SIGTERM, SIGINT or `stop`.

    Raises:
        AnotherBot, StoreUnusable, TokenRefused: it cannot run, and the operator must do something.
    """
    stop = stop or asyncio.Event()
    _on_signals(stop.set)
    clock = steady_clock()
    token = settings.discord_token.get_secret_value()
    async with AsyncExitStack() as stack:
        executor: Executor = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="store"))
        database = Database(settings.database_path, executor)
        await database.open()
        stack.push_async_callback(database.close)
        veo = await stack.enter_async_context(
            VeoClient(
                settings.veo_api_base_url,
                settings.veo_api_key.get_secret_value(),
                settings.veo_api_auth,
                clock=clock,
            )
        )
        talk_to(settings.discord_api_url)
        reached = await _unless(stop, reach(settings.discord_api_url, token, clock))
        if reached is None:
            return
        ahead = reached.ahead
        client = VeoBot()
        stack.push_async_callback(client.close)
        copier = None
        if settings.attach_videos:
            copier = await stack.enter_async_context(Copier(settings.database_path.parent / "tmp"))
        app = App(
            settings,
            client,
            database,
            veo.look,
            clock=clock,
            discord_clock=lambda: clock() + ahead,
            copier=copier,
        )
        stack.push_async_callback(app.close)
        await _unless(stop, serve(client, token))
        log.info("stopping")


async def write_commands_again(settings: Settings) -> list[str]:
    """Write the commands to Discord whether they have changed or not; return their names.

    No data is opened and no gateway, so this may run beside the bot.

    Raises:
        discord.DiscordException: Discord did not take them, or the token.
    """
    clock = steady_clock()
    talk_to(settings.discord_api_url)
    async with (
        VeoClient(settings.veo_api_base_url, settings.veo_api_key.get_secret_value()) as veo,
        VeoBot() as client,
    ):
        app = App(settings, client, Database(settings.database_path, None), veo.look, clock=clock)
        client.on_setup = None
        await client.login(settings.discord_token.get_secret_value())
        return await sync_commands(app.make_tree())


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Return what `work` returns, or None as soon as `stop` is set; what it raises is raised."""
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        stopping.cancel()
        working.cancel()


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:  # Windows: Ctrl-C arrives as KeyboardInterrupt
            return
