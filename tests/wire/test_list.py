"""`/veo list`: what somebody may see, and nothing else."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from wire.place import DONE, Place, place, running

from sim.discord import Invocation, Permission, User

pytestmark = pytest.mark.looptime

TASKS = [f"cccccccc-0000-4000-8000-{number:012}" for number in range(30)]


async def listed(here: Place, user: User | None = None) -> Invocation:
    use = await here.sim.slash(user or here.ada, here.channel, "veo", "list")
    await use.acknowledged()
    assert use.ephemeral
    return use


def named(use: Invocation) -> list[str]:
    return [task for line in use.text.splitlines() for task in TASKS if task in line]


async def test_the_list_is_private_newest_first_and_leads_to_the_cards(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASKS[0], running(40))
        here.api.set(TASKS[1], running(0, state="pending"))
        card = await here.watch(TASKS[0])
        await here.shows(card, "40 %")
        await here.sleep(60)
        here.channel = here.guild.add_channel("other")
        await here.watch(TASKS[1], user=here.bob)
        asked = len(here.api.requests)
        use = await listed(here)
        assert named(use) == [TASKS[1], TASKS[0]]
        assert "Live watches: 2" in use.text
        assert "🎬 Rendering" in use.text
        assert "**40 %**" in use.text
        assert f"<#{card.channel.id}>" in use.text
        assert f"[open]({card.jump_url})" in use.text
        assert len(here.api.requests) == asked


async def test_an_empty_list_says_what_to_do(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        assert "`/veo watch` with a task id" in (await listed(here)).text
        here.api.set(TASKS[0], running(40))
        card = await here.watch(TASKS[0])
        here.api.set(TASKS[0], DONE)
        await here.result(card)
        assert "No renders are being watched" in (await listed(here)).text


async def test_other_servers_and_hidden_channels_never_appear(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS[:4]:
            here.api.set(task, running(40))
        home = here.channel
        await here.watch(TASKS[0])
        here.channel = here.sim.add_guild("Elsewhere").add_channel("renders")
        await here.watch(TASKS[1])
        here.channel = hidden = here.guild.add_channel("hidden")
        await here.watch(TASKS[2])
        here.channel = thread = home.add_thread("secret", private=True)
        await here.watch(TASKS[3])
        hidden.overwrite(here.bob, deny=int(Permission.VIEW_CHANNEL))
        await here.sleep(1)
        here.channel = home
        assert named(await listed(here, here.bob)) == [TASKS[0]]
        assert named(await listed(here, here.ada)) == [TASKS[2], TASKS[0]]
        here.channel = thread
        assert named(await listed(here, here.ada)) == [TASKS[3], TASKS[2], TASKS[0]]


async def test_a_public_thread_shows_as_its_channel_does(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASKS[0], running(40))
        home = here.guild.add_channel("parent")
        here.channel = home.add_thread("open")
        await here.watch(TASKS[0])
        here.channel = here.guild.add_channel("elsewhere")
        assert named(await listed(here, here.bob)) == [TASKS[0]]
        home.overwrite(here.bob, deny=int(Permission.VIEW_CHANNEL))
        await here.sleep(1)
        assert named(await listed(here, here.bob)) == []


@pytest.mark.slow
async def test_a_long_list_is_turned_page_by_page_also_after_a_restart(tmp_path: Path) -> None:
    async with place(tmp_path, watches_per_person=100) as here:
        for task in TASKS:
            here.api.set(task, running(40))
        for first in (0, 10, 20):
            await here.watch(" ".join(TASKS[first : first + 10]))
            await here.sleep(10)
        use = await listed(here)
        assert use.response is not None
        page = use.response
        assert "Page 1 of 4" in page.text
        assert [button["label"] for button in page.buttons] == ["Next ▶"]
        seen = named(use)
        await here.kill_bot()
        await here.start_bot()
        await here.sleep(60)
        for number in (2, 3, 4):
            await (await here.sim.click(here.ada, page, label="Next ▶")).acknowledged()
            assert f"Page {number} of 4" in page.text
            seen += [task for line in page.text.splitlines() for task in TASKS if task in line]
        assert seen == TASKS[20:] + TASKS[10:20] + TASKS[:10]
        assert [button["label"] for button in page.buttons] == ["◀ Previous"]


async def test_a_page_that_is_no_more_turns_to_the_last_one(tmp_path: Path) -> None:
    async with place(tmp_path, watches_per_person=100) as here:
        for task in TASKS[:10]:
            here.api.set(task, running(40))
        await here.watch(" ".join(TASKS[:5]))
        card = await here.watch(" ".join(TASKS[5:10]))
        use = await listed(here)
        assert use.response is not None
        await here.sleep(60)
        card.delete()
        here.api.set(TASKS[5], running(50))
        await here.sleep(60)
        await (await here.sim.click(here.ada, use.response, label="Next ▶")).acknowledged()
        assert named(use) == TASKS[:5], "the watches of a card that was deleted are not missed"
        assert use.response.buttons == []


@pytest.mark.slow
async def test_what_has_ended_stands_below_for_a_day_with_links_to_results_and_cards(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS[:4]:
            here.api.set(task, running(40))
        card = await here.watch(" ".join(TASKS[:2]))
        stopped = await here.sim.slash(here.ada, here.channel, "veo", "watch", id=TASKS[2], name="A *cat*")
        await stopped.acknowledged()
        assert stopped.response is not None
        await here.shows(stopped.response, "40 %")
        here.api.set(TASKS[1], DONE)
        result = await here.result(card)
        await here.sleep(60)
        await here.type("stop", TASKS[2])
        await here.shows(stopped.response, "Stopped")
        await here.stop_bot()
        await here.start_bot()
        await here.sleep(30)
        lines = (await listed(here)).text.splitlines()
        assert lines[0] == "### Live watches: 1"
        assert lines[1] == f"🎬 Rendering · `{TASKS[0]}`"
        assert f"[open]({card.jump_url})" in lines[2]
        assert lines[3:5] == ["### Ended in the last 24 hours: 2", "⏹️ Stopped · **A \\*cat\\***"]
        assert f"[open]({stopped.response.jump_url})" in lines[5]
        assert lines[6] == f"✅ Finished · `{TASKS[1]}`"
        assert f"[result]({result.jump_url})" in lines[7]
        await here.type("stop", TASKS[0])
        await here.sleep(24 * 3600 + 1)
        assert "Ended" not in (await listed(here)).text


async def test_the_pages_go_on_from_what_is_live_to_what_has_ended(tmp_path: Path) -> None:
    async with place(tmp_path, watches_per_person=100) as here:
        for task in TASKS[:20]:
            here.api.set(task, running(40))
        await here.watch(" ".join(TASKS[:10]))
        card = await here.watch(" ".join(TASKS[10:20]))
        for task in (*TASKS[5:10], *TASKS[10:20]):
            await here.type("stop", task)
        await here.shows(card, "0 of 10 ready · 10 stopped")
        use = await listed(here)
        assert use.response is not None
        pages = [named(use)]
        for _ in range(2):
            await (await here.sim.click(here.ada, use.response, label="Next ▶")).acknowledged()
            pages.append(named(use))
        assert [len(page) for page in pages] == [8, 8, 4]
        assert "Live watches" not in use.text
        seen = [task for page in pages for task in page]
        assert seen[:5] == TASKS[:5]
        assert sorted(seen) == TASKS[:20]


async def test_what_has_ended_in_a_hidden_channel_or_another_server_never_appears(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        home = here.channel
        hidden, other = (
            here.guild.add_channel("hidden"),
            here.sim.add_guild("Elsewhere").add_channel("renders"),
        )
        for task, channel in zip(
            TASKS[:4], (home, hidden, other, home.add_thread("x", private=True)), strict=True
        ):
            here.api.set(task, running(40))
            here.channel = channel
            await here.watch(task)
            await here.type("stop", task)
        hidden.overwrite(here.bob, deny=int(Permission.VIEW_CHANNEL))
        await here.sleep(1)
        here.channel = home
        assert named(await listed(here, here.bob)) == [TASKS[0]]
        assert named(await listed(here, here.ada)) == [TASKS[1], TASKS[0]]


async def test_a_list_without_the_store_shows_what_is_live(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS[:2]:
            here.api.set(task, running(40))
            await here.watch(task)
        await here.type("stop", TASKS[0])
        with closing(sqlite3.connect(tmp_path / "bot.db")) as connection:
            connection.execute("ALTER TABLE watches RENAME TO elsewhere")
            assert named(await listed(here)) == [TASKS[1]]
            connection.execute("ALTER TABLE elsewhere RENAME TO watches")


async def test_in_a_direct_message_it_needs_a_server(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.channel = here.sim.dm(here.ada)
        assert "only watch renders in a server's channels" in (await listed(here)).text
