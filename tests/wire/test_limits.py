"""Where the bot works, and how much it watches for one person and one server."""

from pathlib import Path

import pytest
from wire.place import DONE, TASK, place, running

pytestmark = pytest.mark.looptime

TASKS = [f"ffffffff-0000-4000-8000-{number:012}" for number in range(6)]


async def test_a_person_has_so_many_watches_and_no_more(tmp_path: Path) -> None:
    async with place(tmp_path, watches_per_person=2) as here:
        for task in TASKS:
            here.api.set(task, running(10))
        cards = [await here.watch(task) for task in TASKS[:2]]
        here.channel = here.guild.add_channel("other")
        refused = await here.type("watch", TASKS[2])
        assert refused.ephemeral
        assert "Each person can have up to 2 live watches, and you have 2" in refused.text
        assert "`/veo stop`" in refused.text
        await here.watch(TASKS[2], user=here.bob)
        await here.sim.click(here.ada, cards[0], label="Stop")
        await here.shows(cards[0], "Stopped")
        await here.watch(TASKS[3])


async def test_watches_that_a_person_has_begun_in_another_process_count(tmp_path: Path) -> None:
    async with place(tmp_path, watches_per_person=3) as here:
        for task in TASKS:
            here.api.set(task, running(10))
        assert here.app is not None
        await here.app.store.add_card(
            guild_id=1,
            channel_id=2,
            message_id=3,
            starter_id=here.ada.id,
            language="en",
            task_ids=TASKS[:2],
            now=here.clock(),
        )
        use = await here.type("watch", " ".join(TASKS[2:5]))
        assert use.response is not None
        await here.shows(use.response, TASKS[2])
        await here.sim.wait_for(lambda: len(use.messages) > 1, 30)
        summary = use.messages[-1].text
        assert "Each person can have up to 3 live watches, and you have 2" in summary
        assert f"Not watched: `{TASKS[3]}`, `{TASKS[4]}`" in summary
        refused = await here.type("watch", TASKS[5])
        await here.sim.wait_for(lambda: "and you have 3" in refused.text, 30)
        assert refused.response is not None
        assert refused.response.deleted


async def test_a_server_has_so_many_watches_and_no_more(tmp_path: Path) -> None:
    async with place(tmp_path, watches_per_server=2) as here:
        for task in TASKS:
            here.api.set(task, running(10))
        await here.watch(TASKS[0])
        await here.watch(TASKS[1], user=here.bob)
        assert "Each server can have up to 2 live watches" in (await here.type("watch", TASKS[2])).text
        assert (await here.type("watch", TASKS[0], user=here.bob)).ephemeral, (
            "following is no watch of its own"
        )
        here.channel = here.sim.add_guild("Elsewhere").add_channel("renders")
        await here.watch(TASKS[2])
        here.api.set(TASKS[3], DONE)
        assert (await here.type("status", TASKS[3])).response is not None


async def test_elsewhere_than_in_the_allowed_servers_everything_is_refused(tmp_path: Path) -> None:
    async with place(tmp_path, start=False) as here:
        here.overrides["allowed_guild_ids"] = frozenset({here.guild.id})
        await here.start_bot()
        here.api.set(TASK, running(10))
        await here.watch()
        elsewhere = here.sim.add_guild("Elsewhere").add_channel("renders")
        private = here.sim.dm(here.ada)
        for channel in (elsewhere, private):
            where = "in direct messages" if channel is private else "on this server"
            for command in ("status", "watch", "stop"):
                use = await here.sim.slash(here.ada, channel, "veo", command, id=TASK)
                await use.acknowledged()
                assert use.ephemeral
                assert f"not enabled {where}" in use.text
