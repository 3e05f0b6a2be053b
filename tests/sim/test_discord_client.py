"""A real discord.py client in the simulator's loop, or as a child process: tokens, files, limits, time."""

import asyncio
import io
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import discord
import pytest
from discord import app_commands
from typing_extensions import override

from sim.discord import Channel, DiscordSim, Fault, Invocation, User
from sim.discord.clients import running

Command = Callable[[discord.Interaction], Coroutine[Any, Any, None]]


class Bot(discord.AutoShardedClient):
    """A bot whose one command does what a test says."""

    def __init__(self, act: Command) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True),
            guild_ready_timeout=0.01,
            max_messages=None,
            chunk_guilds_at_startup=False,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        self.tree = app_commands.CommandTree(self)

        @self.tree.command(name="act", description="Act")
        async def run(interaction: discord.Interaction) -> None:
            await act(interaction)

    @override
    async def setup_hook(self) -> None:
        await self.tree.sync()


class Card(discord.ui.LayoutView):
    def __init__(self, text: str) -> None:
        super().__init__(timeout=None)
        container: discord.ui.Container[Card] = discord.ui.Container()
        container.add_item(discord.ui.TextDisplay(text))
        stop: discord.ui.Button[Card] = discord.ui.Button(label="Stop", custom_id="stop")
        container.add_item(discord.ui.ActionRow(stop))
        self.add_item(container)


@pytest.fixture
async def sim() -> AsyncIterator[DiscordSim]:
    loop = asyncio.get_running_loop()
    async with DiscordSim(clock=lambda: 1_767_225_600 + loop.time()) as sim:
        yield sim


async def use(sim: DiscordSim, user: User, channel: Channel) -> Invocation:
    return await (await sim.slash(user, channel, "act")).acknowledged()


async def test_a_card_is_edited_through_both_tokens(sim: DiscordSim, channel: Channel, ada: User) -> None:
    async def act(interaction: discord.Interaction) -> None:
        await interaction.response.defer(thinking=True)
        await interaction.edit_original_response(view=Card("10 %"))

    bot = Bot(act)
    async with running(bot, sim):
        used = await use(sim, ada, channel)
        card = await used.answered()
        place = bot.get_partial_messageable(channel.id)
        await place.get_partial_message(card.id).edit(view=Card("20 %"))
        await place.send(
            f"done {ada.mention}",
            reference=discord.MessageReference(message_id=card.id, channel_id=channel.id),
            allowed_mentions=discord.AllowedMentions(users=[discord.Object(ada.id)]),
            file=discord.File(io.BytesIO(b"video"), "a.mp4"),
            nonce="n",
        )
        history = [message.content async for message in place.history(limit=5)]
    assert [(edit.via, edit.text) for edit in card.edits] == [("webhook", "10 %"), ("bot", "20 %")]
    result = sim.messages(channel)[-1]
    assert (result.reference, result.pings, result.nonce) == (card, frozenset({ada.id}), "n")
    assert [(file.filename, file.data) for file in result.attachments] == [("a.mp4", b"video")]
    assert history == [f"done {ada.mention}", ""]
    assert not sim.unknown_routes
    assert used.ack_type == 5


async def test_a_button_reaches_its_view_and_followups_their_person(
    sim: DiscordSim, channel: Channel, ada: User
) -> None:
    async def act(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("only you", ephemeral=True)
        await interaction.followup.send("and all", file=discord.File(io.BytesIO(b"1"), "a.txt"))

    class Listening(Bot):
        async def on_interaction(self, interaction: discord.Interaction) -> None:
            if interaction.type is discord.InteractionType.component:
                assert interaction.message is not None
                await interaction.response.edit_message(view=Card("stopped"))

    bot = Listening(act)
    async with running(bot, sim):
        used = await use(sim, ada, channel)
        await sim.wait_for(lambda: used.followups)
        assert (used.ephemeral, used.text) == (True, "only you\nand all")
        place = bot.get_partial_messageable(channel.id)
        sent = await place.send(view=Card("10 %"))
        card = channel.messages[sent.id]
        click = await (await sim.click(ada, card, label="Stop")).acknowledged()
    assert (click.ack_type, click.response, card.text) == (7, card, "stopped")


@pytest.mark.looptime
async def test_a_token_is_dead_after_fifteen_virtual_minutes(
    sim: DiscordSim, channel: Channel, ada: User
) -> None:
    outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def act(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("card")
        await asyncio.sleep(901)
        try:
            await interaction.edit_original_response(content="late")
        except discord.HTTPException as error:
            outcome.set_result(error.code)

    async with running(Bot(act), sim):
        used = await use(sim, ada, channel)
        assert used.acked_after == 0
        assert await outcome == 50027


@pytest.mark.looptime
async def test_a_client_waits_for_its_limits_in_virtual_time(
    sim: DiscordSim, channel: Channel, ada: User
) -> None:
    loop, bot = asyncio.get_running_loop(), Bot(discord.Interaction.delete_original_response)
    async with running(bot, sim):
        place = bot.get_partial_messageable(channel.id)
        began = loop.time()
        for number in range(11):
            await place.send(str(number))
        assert 10 <= loop.time() - began < 11
        sim.fault(Fault("POST", "/channels/*/messages", status=502, times=2))
        await place.send("through")
    assert sim.rate_limited == 0
    assert sim.messages(channel)[-1].text == "through"


CHILD = """
import asyncio, os, discord, yarl
from discord.http import Route
Route.BASE = os.environ["DISCORD_API_URL"]
client = discord.AutoShardedClient(intents=discord.Intents(guilds=True), guild_ready_timeout=0.01)
client.tree = discord.app_commands.CommandTree(client)
@client.tree.command(name="act", description="Act")
async def act(interaction: discord.Interaction):
    await interaction.response.send_message("from a child")
client.setup_hook = client.tree.sync
client.run(os.environ["DISCORD_TOKEN"], log_handler=None)
"""


async def test_a_bot_in_a_child_process_finds_it(sim: DiscordSim, channel: Channel, ada: User) -> None:
    env = {**os.environ, "DISCORD_API_URL": sim.base_url, "DISCORD_TOKEN": sim.token}
    command = (sys.executable, "-W", "ignore", "-c", CHILD)
    child = await asyncio.create_subprocess_exec(*command, env=env)
    try:
        await sim.wait_ready(20)
        assert (await use(sim, ada, channel)).text == "from a child"
    finally:
        child.kill()
        await child.wait()
    await sim.wait_for(lambda: not sim.gateway.ready)
    assert len(sim.gateway.streams) == 1, "a killed bot's stream could be resumed"
