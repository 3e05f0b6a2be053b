"""The simulator as tests use it: one object with the world, people's actions, faults and records."""

import time
from types import TracebackType
from typing import Self

from aiohttp import web

from .actions import Actions
from .channel import Channel
from .control import Control
from .gateway import Gateway
from .guild import Guild
from .ids import Clock
from .limits import Limits
from .rest import Rest
from .users import User
from .world import World

HOST = "127.0.0.1"


class DiscordSim(Actions, Control):
    """A Discord on a port of 127.0.0.1.

    `clock` gives the time for ids, dates, rate limits, nonces and tokens; `seed` decides faults with a
    probability. `ack_window`, `token_lifetime` and `nonce_window` are seconds. The simulator can be
    stopped and started again on the same port with its state unchanged.
    """

    def __init__(
        self,
        *,
        token: str = "simulated.bot.token",
        clock: Clock = time.time,
        limits: Limits | None = None,
        seed: int = 0,
        ack_window: float = 3.0,
        token_lifetime: float = 900.0,
        nonce_window: float = 180.0,
        heartbeat_seconds: float = 41.25,
    ) -> None:
        self.world = World(clock, token)
        self.world.ack_window = ack_window
        self.world.token_lifetime = token_lifetime
        self.world.nonce_window = nonce_window
        self.gateway = Gateway(self.world, heartbeat_seconds)
        self.rest = Rest(self.world, limits or Limits(), seed)
        self.strict_commands = True
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> Self:
        """Start listening; after a stop, on the same port as before."""
        app = web.Application(client_max_size=512 * 1024 * 1024)
        app.router.add_get("/gateway", self.gateway.handle)
        app.router.add_get("/gateway/", self.gateway.handle)
        app.router.add_get("/attachments/{channel_id}/{attachment_id}/{name}", self.rest.download)
        app.router.add_route("*", "/{path:.*}", self.rest.handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.port, backlog=4096).start()
        self.port = self._runner.addresses[0][1]
        self.world.base_url = f"http://{HOST}:{self.port}/api/v10"
        self.world.gateway_url = f"ws://{HOST}:{self.port}/gateway"
        self.world.cdn_url = f"http://{HOST}:{self.port}/attachments"
        return self

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            for site in list(runner.sites):
                await site.stop()
            await self.drop_gateway()
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; raise the first exception of the simulator itself."""
        await self.stop()
        if error is None and self.rest.errors:
            raise self.rest.errors[0]

    # The world

    @property
    def base_url(self) -> str:
        """The URL that replaces https://discord.com/api/v10."""
        return self.world.base_url

    @property
    def gateway_url(self) -> str:
        return self.world.gateway_url

    @property
    def token(self) -> str:
        return self.world.token

    @property
    def bot(self) -> User:
        return self.world.bot

    def add_user(self, name: str, locale: str = "en-US") -> User:
        """Add a person, who is a member of every server."""
        return self.world.add_user(name, locale)

    def add_guild(
        self,
        name: str,
        preferred_locale: str = "en-US",
        *,
        community: bool = False,
        premium_tier: int = 0,
        commands_only: bool = False,
        shard: tuple[int, int] = (0, 1),
    ) -> Guild:
        """Add a server with the bot in it, or with only its commands installed.

        `shard` is the number of the shard that it belongs to, and the number of shards.
        """
        guild = Guild(
            self.world,
            name,
            preferred_locale=preferred_locale,
            community=community,
            premium_tier=premium_tier,
            commands_only=commands_only,
            shard=shard,
        )
        return self.world.add_guild(guild)

    def dm(self, user: User) -> Channel:
        """Find or open the direct conversation between a person and the bot."""
        return self.world.dm(user)

    @property
    def app_permissions(self) -> int:
        """The permissions of the bot's role in every server; channels may differ (`restrict_bot`)."""
        return self.world.app_permissions

    @app_permissions.setter
    def app_permissions(self, permissions: int) -> None:
        self.world.set_app_permissions(permissions)
