"""Where the bot cannot post it says so at once, to the asker alone, and what to do; nothing is promised."""

from collections.abc import Callable
from pathlib import Path

import pytest
from wire.place import DONE, TASK, VIDEO, Place, place, running

from sim.discord import BOT_DEFAULT, Channel, Permission
from sim.discord.channel import STAGE, VOICE

pytestmark = pytest.mark.looptime

INVITE = "https://discord.com/oauth2/authorize?client_id={}&scope=bot+applications.commands&permissions="


def voice(here: Place) -> Channel:
    return here.guild.add_channel("voice", kind=VOICE)


def stage(here: Place) -> Channel:
    return here.guild.add_channel("stage", kind=STAGE)


def private_thread(here: Place) -> Channel:
    return here.channel.add_thread("private", private=True, bot_in=False)


def thread_that_it_was_taken_out_of(here: Place) -> Channel:
    thread = here.channel.add_thread("private", private=True)
    thread.remove_bot()
    return thread


def commands_only(here: Place) -> Channel:
    return here.sim.add_guild("Elsewhere", commands_only=True).add_channel("renders")


def locked_thread(here: Place) -> Channel:
    return here.channel.add_thread("locked", locked=True)


def closed_to_threads(here: Place) -> Channel:
    channel = here.guild.add_channel("closed", BOT_DEFAULT & ~Permission.SEND_MESSAGES_IN_THREADS)
    return channel.add_thread("thread")


def read_only(here: Place) -> Channel:
    return here.guild.add_channel("announcements", BOT_DEFAULT & ~Permission.SEND_MESSAGES)


@pytest.mark.parametrize(
    ("where", "advice"),
    [
        (voice, "**Connect**"),
        (stage, "**Connect**"),
        (private_thread, "Mention <@{}> here to add me"),
        (thread_that_it_was_taken_out_of, "Mention <@{}> here to add me"),
        (commands_only, INVITE),
        (locked_thread, "**Manage Threads**"),
        (closed_to_threads, "**Send Messages in Threads**"),
        (read_only, "**Send Messages**"),
    ],
)
async def test_a_place_where_the_bot_cannot_post_is_refused_before_anything_is_promised(
    where: Callable[[Place], Channel], advice: str, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        here.channel = where(here)
        use = await here.type("watch", TASK)
        assert use.ephemeral
        assert advice.format(here.sim.bot.id) in use.text
        message = here.channel.post(here.bob, f"look at {TASK}")
        use = await here.sim.message_command(here.ada, here.channel, "Watch Veo tasks", message)
        await use.acknowledged()
        assert use.ephemeral
        assert advice.format(here.sim.bot.id) in use.text
        assert [m for m in here.sim.messages(here.channel) if m.author is here.sim.bot] == []
        assert here.api.requests == []
        assert here.app is not None
        assert await here.app.store.unfinished() == []


@pytest.mark.parametrize(
    "fixed",
    [
        lambda here: here.guild.add_channel("voice", BOT_DEFAULT | Permission.CONNECT, kind=VOICE),
        lambda here: here.guild.add_channel("stage", BOT_DEFAULT | Permission.CONNECT, kind=STAGE),
        lambda here: here.channel.add_thread("private", private=True),
        lambda here: here.guild.add_channel("moderated", BOT_DEFAULT | Permission.MANAGE_THREADS).add_thread(
            "private", private=True, bot_in=False
        ),
    ],
    ids=["voice", "stage", "private thread", "private thread that it manages"],
)
async def test_where_it_can_post_the_promised_result_comes(
    fixed: Callable[[Place], Channel], tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        here.channel = fixed(here)
        card = await here.watch()
        here.api.set(TASK, DONE)
        await here.result(card)


async def test_a_private_thread_is_served_once_the_bot_is_added(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        here.channel = private_thread(here)
        assert (await here.type("watch", TASK)).ephemeral
        here.channel.add_bot()
        card = await here.watch()
        here.api.set(TASK, DONE)
        await here.result(card)


async def test_where_it_cannot_post_a_render_can_still_be_asked_about(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        here.channel = commands_only(here)
        use = await here.type("status", TASK)
        assert not use.ephemeral
        assert "10 %" in use.text


async def test_a_channel_that_closes_to_the_bot_hears_of_it_while_the_token_lasts(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        await here.shows(card, "10 %")
        here.channel.restrict_bot(Permission.VIEW_CHANNEL)
        here.api.set(TASK, DONE)
        await here.sim.wait_for(
            lambda: any("no longer post" in m.text for m in here.sim.messages(here.channel)), 60
        )
        here.channel.restrict_bot(None)
        await here.sim.wait_for(lambda: any(VIDEO in m.content for m in here.replies(card)), 120)
        reported = [m for m in here.sim.messages(here.channel) if "no longer post" in m.text]
        assert len(reported) == 1
