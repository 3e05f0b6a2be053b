"""The demo's stage: a simulated Discord server with the real bot in it and a simulated task API behind it.

Time is virtual: it stands still until somebody advances it. It starts at the real present because every card
shows Discord's relative timestamps. The settings are fixed: nothing is read from the environment or `.env`.
"""

import tempfile
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, Self

import simcord
from simcord import ChannelHandle, MemberActor, Preview

from bot.app import App
from bot.clock import DiscordTime, steady_clock
from bot.config import Settings
from bot.gateway.client import VeoBot
from bot.gateway.traffic import Traffic
from bot.messages import ENGLISH
from bot.metrics import Metrics
from bot.shared import Shared
from bot.store.sqlite import SqliteDatabase
from bot.veo.client import VeoClient
from bot.videos.downloader import VideoDownloader
from demo.texts import text, welcome
from sim.task_api.server import RenderApi

BOT_NAME: Final = "Veo Watch"
KEY: Final = "key-of-the-demo"
SHORTEST_PAUSE: Final = 0.2
"""Seconds between two polls of a task, however fast the renders run."""
LONGEST_PAUSE: Final = 4.0
"""The maximum at normal speed: the demo's renders take a minute, and somebody is watching."""


class Stage:
    """`async with Stage() as stage:` sets up `stage.channel`, where Ann, Marco and Mei can write.

    `speed` multiplies the speed of the renders and of the bot's polls. `language` is the language of cards
    and results, and the one that everybody on the stage has set in Discord.
    """

    channel: ChannelHandle
    ann: MemberActor
    marco: MemberActor
    mei: MemberActor

    def __init__(self, speed: float = 1.0, language: str = ENGLISH) -> None:
        self._speed: Final = speed
        self.language: Final = language
        self._client = VeoBot(shard_count=1, may_be_alone=True)
        self.env: Final = simcord.Env(self._client)
        self.env.backend.bot_user.name = BOT_NAME
        if language != ENGLISH:
            self._set_peoples_language(language)
        self.api: Final = RenderApi(clock=self.now, key=KEY, speed=speed)
        self._real: Final = steady_clock()
        self._stack: Final = AsyncExitStack()
        self._bot: AsyncExitStack | None = None
        self._folder = Path()
        self._veo: VeoClient

    def now(self) -> float:
        """Return the stage's time in Unix seconds."""
        return self.env.now().timestamp()

    def text(self, sentence: str, **values: object) -> str:
        """Return a sentence of the demo in the stage's language."""
        return text(self.language, sentence, **values)

    async def catch_up(self) -> None:
        """Advance the stage's time to the real present.

        Raises:
            simcord.SetupError: a visitor's action is under way; try again later.
        """
        await self.env.advance_time(self._behind)

    @property
    def _behind(self) -> float:
        return max(0.0, self._real() - self.now())

    def preview(self, viewers: Sequence[MemberActor], *, port: int | None = None) -> Preview:
        """Return the channel as a page in the stage's language, to be served for as long as it is open."""
        locale = "en-US" if self.language == ENGLISH else self.language
        return self.env.preview(self.channel, viewers=viewers, layout="channel", locale=locale, port=port)

    async def stop_bot(self) -> None:
        """Stop the bot as SIGTERM would: it sends what is pending and closes its database."""
        if self._bot is not None:
            bot, self._bot = self._bot, None
            await bot.aclose()

    async def start_bot_again(self) -> None:
        """Start a new bot on the stopped one's database."""
        self._client = VeoBot(shard_count=1, may_be_alone=True)
        await self._build_bot()
        await self.env.restart_bot(self._client)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="veo-demo-")))
            await stack.enter_async_context(self.api)
            self._veo = VeoClient(self.api.base_url, KEY, clock=self.now)
            await stack.enter_async_context(self._veo)
            stack.enter_context(self.env.time_context())
            stack.push_async_callback(self.env.shutdown)
            stack.push_async_callback(self.stop_bot)
            # Before anything runs: otherwise the bot would live through the months since SimCord's epoch.
            self.env.backend.advance_clock(self._behind)
            await self._build_bot()
            await self.env.start()
            await self._populate()
            await self._stack.enter_async_context(stack.pop_all())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _build_bot(self) -> None:
        async with AsyncExitStack() as stack:
            database = SqliteDatabase(self._folder / "bot.db", None)
            await database.open()
            stack.push_async_callback(database.close)
            # The demo's videos are on loopback, which the real bot refuses to fetch from.
            downloader = VideoDownloader(
                self._folder / "videos", may_connect=lambda address: address.is_loopback
            )
            shared = Shared(
                self._settings(),
                database,
                Traffic(Metrics(), DiscordTime(self.now)),
                clock=self.now,
                wait=self._wait,
                downloader=await stack.enter_async_context(downloader),
            )
            app = App(shared, self._client, self._veo)
            stack.push_async_callback(app.close)
            self._bot = stack.pop_all()

    def _set_peoples_language(self, language: str) -> None:
        """Put a language into every interaction; SimCord knows only English."""
        emit = self.env.backend.emit

        def emit_in_language(event: str, payload: Mapping[str, Any]) -> None:
            chosen = {"locale": language} if event == "INTERACTION_CREATE" else {}
            emit(event, {**payload, **chosen})

        self.env.backend.emit = emit_in_language  # type: ignore[method-assign]

    def _settings(self) -> Settings:
        return Settings(
            discord_token=KEY,
            veo_api_key=KEY,
            card_language=self.language,
            poll_min_seconds=max(SHORTEST_PAUSE, Settings.poll_min_seconds / self._speed),
            poll_max_seconds=max(SHORTEST_PAUSE, LONGEST_PAUSE / self._speed),
        )

    async def _wait(self, awaitable: Awaitable[None]) -> None:
        await self.env.external_wait(awaitable, reason="the bot rests")

    async def _populate(self) -> None:
        guild = self.env.create_guild("Lantern Studio")
        self.channel = guild.create_text_channel("renders", topic=self.text("Every render arrives here"))
        self.ann, self.marco, self.mei = (
            guild.add_member(self.env.create_user(name.lower(), global_name=name))
            for name in ("Ann", "Marco", "Mei")
        )
        await self.mei.send(self.channel, welcome(self.language, self._speed))
