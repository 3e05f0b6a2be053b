"""Names of renders: given with a command or in a message, shown wherever people look for their render."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from wire.place import DONE, TASK, Place, place, running

from bot.store.schema import MIGRATIONS
from sim.discord import Fault, Invocation, Message, User

pytestmark = pytest.mark.looptime

TASKS = [f"abababab-0000-4000-8000-{number:012}" for number in range(10)]
NUMBER = "\u00a0·\u00a0"
"""Between a row's number and its name, so that no line breaks there."""


async def watch(here: Place, ids: str, name: str, user: User | None = None) -> Invocation:
    use = await here.sim.slash(user or here.ada, here.channel, "veo", "watch", id=ids, name=name)
    return await use.acknowledged()


async def card_of(here: Place, ids: str, name: str) -> Message:
    use = await watch(here, ids, name)
    assert not use.ephemeral, use.text
    assert use.response is not None
    return use.response


async def pick(here: Place, message: Message) -> Invocation:
    use = await here.sim.message_command(here.ada, here.channel, "Watch Veo tasks", message)
    return await use.acknowledged()


def posted(here: Place, content: str) -> Message:
    message = Message(here.sim.world, here.channel, here.bob, content=content)
    here.channel.messages[message.id] = message
    return message


def first_lines(here: Place, card: Message) -> list[str]:
    return [reply.content.splitlines()[0] for reply in here.replies(card)]


async def test_a_name_stands_on_the_card_and_in_the_result_and_does_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await card_of(here, TASK, " <@2>\n**Shot**\u202e 12 @everyone")
        shown = r"\<\@2\> \*\*Shot\*\* 12 \@everyone"
        await here.shows(card, f"### 🎬 Rendering\n**{shown}**\n-# `{TASK}`")
        here.api.set(TASK, DONE)
        result = await here.result(card)
        assert first_lines(here, card) == [f"✅ **Finished** · **{shown}** · `{TASK}`"]
        assert result.pings == {here.ada.id}
        await here.shows(card, shown)


async def test_several_renders_share_a_name_with_numbers(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS[:3]:
            here.api.set(task, running(10))
        card = await card_of(here, " ".join(TASKS[:3]), "Shot 12")
        await here.shows(card, "### 🎬 0 of 3 ready\n**Shot 12**")
        for number in (1, 2, 3):
            await here.shows(card, f"🎬 Rendering · **Shot 12{NUMBER}{number}**\n")
        here.api.set(TASKS[1], DONE)
        await here.result(card)
        assert first_lines(here, card) == [f"✅ **Finished** · **Shot 12 · 2** · `{TASKS[1]}`"]


async def test_a_render_that_has_ended_is_answered_by_its_name(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, DONE)
        use = await watch(here, TASK, "Shot 12")
        assert use.text.startswith(f"✅ **Finished** · **Shot 12** · `{TASK}`\n")


@pytest.mark.parametrize("name", ["\u200b", " ", "\u202e\n"])
async def test_a_name_that_nobody_can_see_is_none(name: str, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await card_of(here, TASK, name)
        await here.shows(card, f"### 🎬 Rendering\n`{TASK}`")


async def test_ten_names_of_the_worst_kind_fit_every_message(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS:
            here.api.set(task, running(10, message="*" * 2_000))
        card = await card_of(here, " ".join(TASKS), "*" * 80)
        await here.shows(card, f"\\*…{NUMBER}10**")
        assert len(card.text) <= 4_000


async def test_its_starter_renames_what_is_watched_already_and_nobody_else_does(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        await here.shows(card, f"### 🎬 Rendering\n`{TASK}`")
        use = await watch(here, TASK, "Bob's", here.bob)
        assert use.ephemeral
        assert use.text.startswith(f"`{TASK}` is already watched here: {card.jump_url}")
        use = await watch(here, TASK, "Shot *12*")
        assert use.text.startswith(f"`{TASK}` is already watched here as **Shot \\*12\\***: {card.jump_url}")
        await here.shows(card, f"**Shot \\*12\\***\n-# `{TASK}`")
        use = await watch(here, TASK, "Bob's", here.bob)
        assert "here as **Shot \\*12\\***" in use.text
        use = await here.type("watch", TASK)
        assert "here as **Shot \\*12\\***" in use.text, "no name does not take a name away"
        await here.kill_bot()
        await here.start_bot()
        here.api.set(TASK, DONE)
        result = await here.result(card)
        assert first_lines(here, card) == [f"✅ **Finished** · **Shot \\*12\\*** · `{TASK}`"]
        assert result.pings == {here.ada.id, here.bob.id}


async def test_a_name_stays_in_its_channel(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        home = here.channel
        await card_of(here, TASK, "Secret")
        here.channel = here.guild.add_channel("other")
        card = await here.watch(user=here.bob)
        await here.shows(card, f"### 🎬 Rendering\n`{TASK}`")
        assert "Secret" not in (await here.type("status", TASK)).text
        use = await watch(here, TASK, "Shot 12", here.bob)
        assert "here as **Shot 12**" in use.text
        here.channel = home
        assert "here as **Secret**" in (await here.type("watch", TASK, user=here.bob)).text


async def test_answers_call_a_render_by_its_name(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS[:2]:
            here.api.set(task, running(10))
        card = await card_of(here, TASKS[0], "A *cat*")
        await here.shows(card, "10 %")
        use = await (await here.sim.click(here.bob, card, label="Notify me · 1")).acknowledged()
        assert "I will notify you when **A \\*cat\\*** ends" in use.text
        use = await here.type("stop", TASKS[0])
        assert "I stopped watching **A \\*cat\\***." in use.text
        card = await card_of(here, " ".join(TASKS[:2]), "Shot 12")
        await here.shows(card, "10 %")
        use = await (await here.sim.click(here.ada, card, label="Stop")).acknowledged()
        assert "I stopped watching **Shot 12 · 1**, **Shot 12 · 2**." in use.text


# From messages


async def test_a_message_names_its_renders(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS[:3]:
            here.api.set(task, running(10))
        use = await pick(
            here, posted(here, f"- The dog: {TASKS[0]}\n- **The cat** – `{TASKS[1]}`\n- key: {TASKS[2]}")
        )
        assert use.response is not None
        await here.shows(use.response, f"🎬 Rendering · **1{NUMBER}The dog**\n")
        await here.shows(use.response, f"🎬 Rendering · **2{NUMBER}The cat**\n")
        await here.shows(use.response, f"🎬 Rendering · **3** · `{TASKS[2][:8]}…`\n")


async def test_a_message_renames_nothing_that_is_watched_already(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await card_of(here, TASK, "Shot 12")
        use = await pick(here, posted(here, f"Task: {TASK}"))
        assert "here as **Shot 12**" in use.text
        await here.shows(card, "Shot 12")


@pytest.mark.parametrize("on", ["card", "result"])
async def test_our_own_messages_are_known_by_their_id_with_the_names(on: str, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS[:2]:
            here.api.set(task, running(10))
        card = await card_of(here, " ".join(TASKS[:2]), "Shot 12")
        await here.shows(card, "10 %")
        here.api.set(TASKS[1], DONE)
        result = await here.result(card)
        await (await here.sim.click(here.ada, card, label="Stop")).acknowledged()
        await here.shows(card, "Stopped")
        here.api.set(TASKS[1], running(20))
        if on == "result":
            result.content = f"`{TASK}`"
            use = await pick(here, result)
            assert use.response is not None
            await here.shows(use.response, f"### 🎬 Rendering\n**Shot 12 · 2**\n-# `{TASKS[1]}`")
        else:
            card.components = [{"type": 10, "content": f"`{TASK}`"}]
            use = await pick(here, card)
            assert use.response is not None
            await here.shows(use.response, "### 🎬 0 of 2 ready\n**Shot 12**")
        assert TASK not in {request.task_id for request in here.api.requests}


async def test_watching_again_keeps_the_name(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await card_of(here, TASK, "Shot 12")
        await here.shows(card, "10 %")
        for edit in (
            "/webhooks/*",
            "/channels/*/messages/*",
        ):  # so that the card keeps its buttons for a while
            here.sim.fault(Fault("PATCH", edit, when="before", delay=20))
        await (await here.sim.click(here.ada, card, label="Stop")).acknowledged()
        offer = await (await here.sim.click(here.ada, card, label="Stop")).acknowledged()
        assert offer.response is not None
        use = await (await here.sim.click(here.ada, offer.response, label="Watch again")).acknowledged()
        assert use.response is not None
        await here.shows(use.response, f"### 🎬 Rendering\n**Shot 12**\n-# `{TASK}`")


@pytest.mark.parametrize("name", ["", "Another name", f"`{TASKS[0]}`"])
async def test_a_result_is_found_after_a_crash_whatever_the_name_is_now(name: str, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await card_of(here, TASK, "Shot 12")
        await here.shows(card, "10 %")
        here.sim.fault(Fault("POST", "/channels/*/messages", when="after", delay=30, drop=True))
        here.api.set(TASK, DONE)
        await here.result(card)
        await here.kill_bot()
        with closing(sqlite3.connect(tmp_path / "bot.db")) as connection, connection:
            connection.execute("UPDATE watches SET name = ?", (name,))
        await here.sleep(3600)
        await here.start_bot()
        await here.sleep(3600)
        assert first_lines(here, card) == [f"✅ **Finished** · **Shot 12** · `{TASK}`"]
        assert here.app is not None
        assert await here.app.store.to_announce() == []


def made_by(version: str, path: Path) -> None:
    """Turn a file into what an older version of the bot had written; columns are only added since."""
    old = path.with_name("old.db")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{old}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    engine.dispose()
    with closing(sqlite3.connect(old)) as file, file:
        file.execute("ATTACH ? AS new", (str(path),))
        tables = file.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall()
        for table in {name for (name,) in tables} - {"alembic_version", "sqlite_sequence"}:
            columns = ", ".join(row[1] for row in file.execute(f"PRAGMA main.table_info({table})"))
            file.execute(f"INSERT INTO main.{table} SELECT {columns} FROM new.{table}")
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    old.replace(path)


@pytest.mark.slow
async def test_the_data_of_the_version_before_names_goes_on_and_takes_names(tmp_path: Path) -> None:
    """A card of one, a card of several, and a result of which nobody knows whether it was sent."""
    async with place(tmp_path) as here:
        for task in (TASK, *TASKS[:2]):
            here.api.set(task, running(10))
        alone, several = await here.watch(), await here.watch(" ".join(TASKS[:2]))
        for card in (alone, several):
            await here.shows(card, "10 %")
        here.sim.fault(Fault("POST", "/channels/*/messages", when="after", delay=30, drop=True))
        here.api.set(TASKS[0], DONE)
        await here.result(several)
        await here.kill_bot()
        made_by("0005", tmp_path / "bot.db")
        await here.start_bot()
        await here.sleep(3600)
        assert len(here.replies(several)) == 1
        use = await watch(here, f"{TASK} {TASKS[1]}", "Shot 12")
        assert "already watched here as **Shot 12 · 1**" in use.text
        await here.shows(alone, f"**Shot 12 · 1**\n-# `{TASK}`")
        await here.shows(several, f"Shot 12{NUMBER}2")
        for task in (TASK, TASKS[1]):
            here.api.set(task, DONE)
        await here.result(alone)
        await here.sim.wait_for(lambda: len(here.replies(several)) == 2, 60)
        assert first_lines(here, several)[1] == f"✅ **Finished** · **Shot 12 · 2** · `{TASKS[1]}`"
