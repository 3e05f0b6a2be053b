"""The simulator's gateway, as a real discord.py client finds it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal

import aiohttp
import discord
import pytest
from discord import app_commands
from typing_extensions import override

from sim.discord import Channel, DiscordSim, Permission, User
from sim.discord.clients import pointed_at, running


class Bot(discord.AutoShardedClient):
    """A bot with one command, and a list of the events it saw."""

    def __init__(self) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True),
            guild_ready_timeout=0.01,
            max_messages=None,
            chunk_guilds_at_startup=False,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        self.tree = app_commands.CommandTree(self)
        self.seen: list[str] = []
        self.users_met: list[discord.Member] = []
        self.tree.command(name="ping", description="Answer")(self.ping)

    @override
    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def ping(self, interaction: discord.Interaction, word: str) -> None:
        if isinstance(interaction.user, discord.Member):
            self.users_met.append(interaction.user)
        await interaction.response.send_message(f"pong {word}")

    async def on_socket_event_type(self, event: str) -> None:
        self.seen.append(event)


async def answers(sim: DiscordSim, user: User, channel: Channel, word: str) -> bool:
    """Tell whether the bot answers a command."""
    use = await sim.slash(user, channel, "ping", word=word)
    return (await use.answered()).text == f"pong {word}"


async def until(predicate: Callable[[], bool]) -> None:
    """Wait for something in the bot, which the simulator does not see."""
    async with asyncio.timeout(20):
        while not predicate():  # noqa: ASYNC110  (discord.py offers no event for it)
            await asyncio.sleep(0.002)


async def test_a_client_syncs_answers_and_sees_the_server(
    sim: DiscordSim, channel: Channel, ada: User
) -> None:
    bot = Bot()
    async with running(bot, sim):
        assert await answers(sim, ada, channel, "one")
        assert sim.command_writes == 1
        found = bot.get_channel(channel.id)
        assert isinstance(found, discord.TextChannel)
        assert found.permissions_for(found.guild.me).value == sim.app_permissions
    assert not sim.unknown_routes
    assert not sim.gateway.streams, "a clean close gives the stream up"


async def test_a_dropped_client_resumes_and_gets_what_it_missed(
    sim: DiscordSim, channel: Channel, ada: User
) -> None:
    async with running(Bot(), sim):
        await sim.drop_gateway()
        use = await sim.slash(ada, channel, "ping", word="missed")
        assert (await use.answered()).text == "pong missed"
        assert (sim.gateway.identifies, sim.gateway.resumes) == (1, 1)


@pytest.mark.looptime  # discord.py waits five seconds before it identifies again
async def test_an_invalid_stream_is_identified_again(sim: DiscordSim, channel: Channel, ada: User) -> None:
    async with running(Bot(), sim):
        await sim.invalidate_sessions(resumable=False)
        await sim.wait_for(lambda: sim.gateway.identifies == 2 and sim.gateway.ready, 10)
        assert await answers(sim, ada, channel, "again")
        assert sim.gateway.resumes == 0


@pytest.mark.parametrize("ask", ["request_reconnect", "invalidate_sessions"])
async def test_a_client_asked_to_reconnect_resumes(
    sim: DiscordSim, channel: Channel, ada: User, ask: str
) -> None:
    async with running(Bot(), sim):
        if ask == "request_reconnect":
            await sim.request_reconnect()
        else:
            await sim.invalidate_sessions(resumable=True)
        await sim.wait_for(lambda: sim.gateway.resumes == 1)
        assert await answers(sim, ada, channel, "again")
        assert sim.gateway.identifies == 1


async def test_rest_refuses_a_wrong_token(sim: DiscordSim) -> None:
    bot = Bot()
    with pointed_at(sim), pytest.raises(discord.LoginFailure):
        await bot.login("wrong")
    await bot.close()
    assert sim.invalid_requests == 1


@pytest.mark.looptime
async def test_the_gateway_refuses_a_wrong_token(sim: DiscordSim, channel: Channel) -> None:
    async with running(bot := Bot(), sim):
        sim.world.token = "rotated"
        await sim.invalidate_sessions(resumable=False)
        await until(bot.is_closed)
    assert sim.gateway.identifies == 1


@pytest.mark.looptime
async def test_a_discord_that_comes_back_on_its_port_is_found_again(
    sim: DiscordSim, channel: Channel, ada: User
) -> None:
    async with running(Bot(), sim):
        port = sim.port
        await sim.stop()
        await asyncio.sleep(30)
        await sim.start()
        assert sim.port == port
        await sim.wait_ready(600)
        assert await answers(sim, ada, channel, "back")


@pytest.mark.looptime
async def test_a_client_waits_for_a_gateway_that_is_down_at_first(
    sim: DiscordSim, channel: Channel, ada: User
) -> None:
    loop = asyncio.get_running_loop()
    sim.gateway_down = True
    loop.call_later(60, setattr, sim, "gateway_down", False)
    async with running(Bot(), sim, within=120):
        assert loop.time() >= 60
        assert await answers(sim, ada, channel, "late")


async def test_discord_py_computes_the_same_permissions(sim: DiscordSim, channel: Channel, ada: User) -> None:
    guild = channel.guild
    assert guild is not None
    bob, hidden = sim.add_user("Bob"), guild.add_channel("hidden")
    hidden.overwrite(None, deny=Permission.VIEW_CHANNEL)
    hidden.overwrite(bob, allow=Permission.VIEW_CHANNEL)
    guild.grant(ada, Permission.MANAGE_MESSAGES)
    channel.restrict_bot(Permission.VIEW_CHANNEL)
    places = [channel, hidden, channel.add_thread("public"), hidden.add_thread("private", private=True)]
    bot = Bot()
    async with running(bot, sim):
        for user in (ada, bob):
            await answers(sim, user, channel, "here")
        server = bot.get_guild(guild.id)
        assert server is not None
        for place in places:
            known = server.get_channel_or_thread(place.id)
            assert isinstance(known, discord.TextChannel | discord.Thread)
            for member, user in ((server.me, sim.bot), *zip(bot.users_met, (ada, bob), strict=True)):
                mine, theirs = place.permissions_for(user), known.permissions_for(member).value
                for bit in (Permission.VIEW_CHANNEL, Permission.SEND_MESSAGES, Permission.MANAGE_MESSAGES):
                    assert bool(mine & bit) == bool(theirs & bit), (place.name, user.name, bit)


async def test_changes_of_the_world_are_events(sim: DiscordSim, channel: Channel, ada: User) -> None:
    bot = Bot()
    async with running(bot, sim):
        guild = channel.guild
        assert guild is not None
        await bot.wait_until_ready()
        thread = channel.add_thread("thread")
        thread.set_state(archived=True)
        guild.grant(ada, 1 << 13)
        channel.restrict_bot(0)
        sim.app_permissions = 1 << 10
        channel.delete()
        guild.outage()
        guild.outage(over=True)
        guild.remove_bot()
        await until(lambda: "GUILD_DELETE" in bot.seen and not bot.guilds)
    expected = ["THREAD_CREATE", "THREAD_UPDATE", "GUILD_ROLE_CREATE", "CHANNEL_UPDATE", "GUILD_ROLE_UPDATE"]
    expected += ["THREAD_DELETE", "CHANNEL_DELETE", "GUILD_DELETE", "GUILD_CREATE", "GUILD_DELETE"]
    assert bot.seen[-len(expected) :] == expected


class Session:
    """A bare gateway session of one shard, with the events that it got."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def identify(self, sim: DiscordSim, number: int, count: int) -> str:
        """Send IDENTIFY, and return the event or the name of the op code that answers it."""
        assert (await self._socket.receive_json())["op"] == 10
        data = {"token": sim.token, "shard": [number, count], "intents": 1, "properties": {}}
        await self._socket.send_json({"op": 2, "d": data})
        return await self.next()

    async def next(self) -> str:
        frame = await self._socket.receive_json(timeout=30)
        return str(frame["t"] or {9: "INVALID SESSION"}[frame["op"]])


@asynccontextmanager
async def sessions(sim: DiscordSim, number: int) -> AsyncIterator[list[Session]]:
    async with aiohttp.ClientSession() as client, AsyncExitStack() as stack:
        yield [
            Session(await stack.enter_async_context(client.ws_connect(sim.gateway_url)))
            for _ in range(number)
        ]


async def test_a_server_is_in_the_shard_that_its_id_says(sim: DiscordSim) -> None:
    guilds = [sim.add_guild(f"server {n}", shard=(n % 3, 3)) for n in range(6)]
    assert [(guild.id >> 22) % 3 for guild in guilds] == [0, 1, 2, 0, 1, 2]
    assert len({guild.id for guild in guilds}) == 6
    async with sessions(sim, 3) as shards:
        for number, session in enumerate(shards):
            assert await session.identify(sim, number, 3) == "READY"
            assert [await session.next(), await session.next()] == ["GUILD_CREATE", "GUILD_CREATE"]
        guilds[4].outage()
        assert await shards[1].next() == "GUILD_DELETE"
        guilds[0].set_bot_permissions(0)
        assert await shards[0].next() == "GUILD_ROLE_UPDATE"


@pytest.mark.parametrize(("delivers_to", "who"), [("all", {0, 1}), ("oldest", {0}), ("newest", {1})])
async def test_several_sessions_of_a_shard_get_its_events(
    sim: DiscordSim, delivers_to: Literal["all", "oldest", "newest"], who: set[int]
) -> None:
    sim.gateway.delivers_to = delivers_to
    async with sessions(sim, 2) as both:
        for session in both:
            assert await session.identify(sim, 0, 1) == "READY"
        sim.add_guild("Studio")
        streams = list(sim.gateway.streams.values())
        assert {n for n, stream in enumerate(streams) if '"GUILD_CREATE"' in stream.events[-1]} == who
        for n in who:
            assert await both[n].next() == "GUILD_CREATE"


@pytest.mark.looptime
async def test_an_identify_that_comes_too_soon_is_refused() -> None:
    loop = asyncio.get_running_loop()
    async with DiscordSim(clock=lambda: 1.7e9 + loop.time()) as sim:
        sim.gateway.identify_seconds, sim.world.max_concurrency = 5.0, 2
        async with sessions(sim, 4) as (first, other_bucket, too_soon, later):
            assert await first.identify(sim, 0, 4) == "READY"
            assert await other_bucket.identify(sim, 1, 4) == "READY"
            assert await too_soon.identify(sim, 2, 4) == "INVALID SESSION"
            await asyncio.sleep(5)
            assert await later.identify(sim, 2, 4) == "READY"
        assert sim.gateway.identifies_refused == 1
