"""Two bots by mistake: one token, two machines, each with data of its own."""

from pathlib import Path

import pytest
from wire.place import DONE, TASK, VIDEO, place, running

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize("command", ["watch", "status", "list", "stop"])
async def test_each_command_is_answered_once(command: str, tmp_path: Path) -> None:
    async with place(tmp_path / "one") as here:
        other = here.beside()
        other.data = tmp_path / "other"
        await other.launch_bot()
        await here.sim.wait_for(lambda: len(here.sim.gateway.streams) == 2, 30)
        here.api.set(TASK, running(10))
        if command == "list":
            use = await here.sim.slash(here.ada, here.channel, "veo", command)
        else:
            use = await here.sim.slash(here.ada, here.channel, "veo", command, id=TASK)
        await use.acknowledged()
        await here.sleep(60)
        assert len(use.messages) == 1
        assert here.app is not None
        assert other.app is not None
        watched = await here.app.store.unfinished() + await other.app.store.unfinished()
        assert len(watched) == (command == "watch"), "only who has answered watches"
        here.api.set(TASK, DONE)
        await here.sleep(60)
        results = [m for m in here.sim.messages(here.channel) if VIDEO in m.content]
        assert len(results) == (command == "watch")
        await other.stop_bot()


async def test_a_command_that_comes_again_after_a_crash_is_left_to_its_answer(tmp_path: Path) -> None:
    """The process that answered it privately is gone; the new one does not take that answer for its own."""
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        again = await here.type("watch", TASK)
        assert again.ephemeral
        card.delete()
        await here.kill_bot()
        await here.start_bot()
        await here.sleep(60)
        assert here.app is not None
        assert await here.app.store.unfinished() == []
        here.sim.redeliver(again)
        await here.sleep(60)
        assert await here.app.store.unfinished() == []
        assert "Rendering" not in again.text
