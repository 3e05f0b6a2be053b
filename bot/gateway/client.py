"""The discord.py client: without caches, with shards of our own, and with a start that survives outages."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
import discord
from discord.http import Route
from discord.shard import EventItem, Shard
from yarl import URL

from bot.cards.buttons import CardButton, Press
from bot.clock import DiscordTime
from bot.core.backoff import exponential_backoff
from bot.gateway.bucket import LONGEST_LIMIT, Buckets, NoNames
from bot.gateway.connection import TOKEN_REFUSED, GatewayRefused, GatewayShard
from bot.gateway.identify import IdentifyBudget
from bot.gateway.reach import LONGEST_PAUSE, TokenRefused
from bot.gateway.servers import Servers
from bot.gateway.traffic import Traffic, from_json
from bot.http_client import make_connector
from bot.metrics import Metrics
from bot.outbound.discord_errors import NOT_DISCORDS, describe

log = logging.getLogger(__name__)

ACCESS_EVENTS: Final = frozenset(
    {
        *("guild_available", "guild_join", "guild_update"),
        *("guild_role_create", "guild_role_update", "guild_role_delete"),
        *("guild_channel_create", "guild_channel_update", "guild_channel_delete"),
        *("thread_create", "thread_update", "thread_join", "thread_delete"),
        "member_update",  # only of the bot itself: its roles, and a timeout (no other member is cached)
    }
)
"""discord.py's events that may restore the bot's access to a channel."""
UNREACHED: Final = (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError, *NOT_DISCORDS)


class VeoBot(discord.AutoShardedClient):
    """Caches servers, channels and the bot's own permissions; no people and no messages."""

    def __init__(
        self,
        shard_count: int | None = None,
        *,
        shard_ids: list[int] | None = None,
        traffic: Traffic | None = None,
        may_be_alone: bool = False,
    ) -> None:
        # Silences two warnings about voice, which this bot does not use.
        discord.VoiceClient.warn_nacl = False
        discord.VoiceClient.warn_dave = False
        discord.utils._from_json = from_json  # noqa: SLF001
        self.traffic: Final = traffic or Traffic(Metrics(), DiscordTime(time.time))
        super().__init__(
            intents=discord.Intents(guilds=True),
            shard_count=shard_count,
            shard_ids=shard_ids,  # type: ignore[arg-type]  # None is its default
            member_cache_flags=discord.MemberCacheFlags.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
            allowed_mentions=discord.AllowedMentions.none(),
            max_ratelimit_timeout=LONGEST_LIMIT,
            http_trace=self.traffic.trace,
        )
        self.http._bucket_hashes, self.http._buckets = NoNames(), Buckets()  # type: ignore[assignment]  # noqa: SLF001
        self.servers: Final = Servers(self._connection, self._is_connected, self.traffic.metrics)
        self.on_access: Callable[[int], None] | None = None
        """Called with the id of a server in which the bot's permissions may have changed."""
        self.on_setup: Callable[[], Awaitable[None]] | None = None
        """Awaited once, after the login and before the gateway connects."""
        self.on_gateway: Callable[[], None] | None = None
        """Called when the gateway has connected or disconnected."""
        self._may_be_alone: Final = may_be_alone
        self._gateway: dict[int, GatewayShard] = {}
        self._identify_budget: Final = IdentifyBudget(self.fetch_session_start_limits, self.traffic)
        self.on_press: Press
        """Dispatched by discord.py when a button of ours is pressed."""
        self.add_dynamic_items(CardButton)

    async def setup_hook(self) -> None:
        # In place of the one that the login has made.
        self.http._global_over = self.traffic.global_limit  # noqa: SLF001
        if self.on_setup is not None:
            await self.on_setup()
            self.on_setup = None  # a later login must not start everything a second time

    async def launch_shard(self, gateway: URL, shard_id: int, *, initial: bool = False) -> None:
        """Connect a `GatewayShard` in place of discord.py's shard, retrying until it works."""
        del gateway  # `reach` has found it already
        # The client's private queue and shards, by the names into which Python turns two leading underscores.
        queue: asyncio.PriorityQueue[EventItem] = self._AutoShardedClient__queue  # type: ignore[attr-defined]
        shards: dict[int, Shard] = self._AutoShardedClient__shards  # type: ignore[attr-defined]
        shard = self._gateway[shard_id] = GatewayShard(
            self, shard_id, queue.put_nowait, self._identify_budget, self._gateway_changed
        )
        await shard.open(initial=initial)
        shards[shard_id] = shard
        shard.launch()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        if self.traffic.limiter.take_turn is None:  # else the shard has waited for its turn already
            await super().before_identify_hook(shard_id, initial=initial)
        self._identify_budget.spend(shard_id or 0)

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        super().dispatch(event, *args, **kwargs)
        if event in ACCESS_EVENTS and self.on_access is not None:
            about = args[-1]  # some events pass the state before and after: the latter
            self.on_access(about.id if isinstance(about, discord.Guild) else about.guild.id)

    def _is_connected(self, shard_id: int) -> bool:
        return shard_id in self._gateway and self._gateway[shard_id].connected

    async def on_ready(self) -> None:
        shard = {} if self.shard_ids is None else {"shard": self.shard_ids[0]}
        log.info("ready", extra={"bot": str(self.user), "servers": len(self.guilds), **shard})
        if not self.guilds and not self._may_be_alone:
            log.warning("the bot is in no server: open the invite link that `veo-watch-bot check` prints")
        self._gateway_changed()

    async def on_guild_join(self, guild: discord.Guild) -> None:
        log.info("the bot was added to a server", extra={"server": guild.id, "servers": len(self.guilds)})

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        log.warning(
            "the bot was removed from a server; only the invite link brings it back",
            extra={"server": guild.id, "servers": len(self.guilds)},
        )

    async def on_thread_remove(self, thread: discord.Thread) -> None:
        """Forget a thread from which the bot was removed; discord.py would keep it in its cache."""
        thread.guild._remove_thread(thread)  # noqa: SLF001 there is no public way

    @property
    def connected(self) -> bool:
        """Whether the bot receives every event: all shards are connected and ready."""
        return self.is_ready() and not self.is_closed() and all(s.connected for s in self._gateway.values())

    @property
    def gateway_state(self) -> str:
        """The gateway's state for `/readyz`."""
        if self.connected:
            return "connected"
        if self._identify_budget.exhausted:
            return "no session starts left"
        if any(shard.unanswered for shard in self._gateway.values()):
            return "does not answer IDENTIFY"
        return "not connected"

    def _gateway_changed(self) -> None:
        if self.on_gateway is not None:
            self.on_gateway()


def talk_to(api_url: str) -> None:
    """Make discord.py send its requests to `api_url`, which includes the API version."""
    Route.BASE = api_url


async def serve(client: VeoBot, token: str) -> None:
    """Log in and stay connected until the client is closed.

    Raises:
        TokenRefused: Discord rejects the token, now or later.
        GatewayRefused: the gateway rejects the bot for another reason.
    """
    logged_in, failures = False, 0
    while not client.is_closed():
        try:
            if not logged_in:
                client.http.connector = make_connector(0)  # a failed login closes its connector
                await client.login(token)
                logged_in, failures = True, 0
            await client.connect()
        except discord.LoginFailure:
            raise TokenRefused from None
        except GatewayRefused as error:
            if error.code == TOKEN_REFUSED:
                raise TokenRefused from None
            raise
        except (*UNREACHED, discord.GatewayNotFound) as error:
            missing = "gateway" if logged_in else "login"
            log.warning(
                "could not reach Discord, retrying", extra={"missing": missing, "reason": describe(error)}
            )
            if not logged_in:
                await client.http.close()
            failures += 1
            await asyncio.sleep(exponential_backoff(failures, 1.0, LONGEST_PAUSE))
