"""What one person asks for, or all of them at once, holds up nobody else."""

from pathlib import Path
from typing import Any

import pytest
from wire.place import DONE, TASK, VIDEO, Place, place, running

from bot.commands.turns import INTERACTIONS
from sim.discord import Fault
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime


def said(here: Place, task_id: str) -> str:
    """Return the messages about a task, but for cards."""
    texts = (message.text for message in here.sim.messages(here.channel) if not message.is_v2)
    return "".join(text for text in texts if task_id in text)


async def test_one_persons_hanging_questions_hold_up_nobody_elses_watch(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in (f"hanging-{number}" for number in range(24)):
            here.api.set(task, Answer(delay=1000))
            await here.sim.slash(here.bob, here.channel, "veo", "status", id=task)
        await here.sleep(0.1)
        here.api.set(TASK, running(10))
        begun = here.clock()
        await here.shows(await here.watch(), "10 %")
        assert here.clock() - begun < 2
        await here.sleep(120)


@pytest.mark.parametrize("count", [1, 5])
async def test_ids_that_hang_hold_up_none_of_those_named_with_them(count: int, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        hanging = [f"hanging-{number}" for number in range(count)]
        for task in hanging:
            here.api.set(task, Answer(delay=1000))
        here.api.set("ended-1", DONE)
        here.api.set("running-1", [running(10), DONE])
        begun = here.clock()
        await here.type("watch", " ".join([*hanging, "ended-1", "running-1"]))
        await here.sim.wait_for(lambda: VIDEO in said(here, "ended-1"), 30)
        assert here.clock() - begun < 12
        await here.sim.wait_for(lambda: VIDEO in said(here, "running-1"), 30)
        assert here.clock() - begun < 22


@pytest.mark.slow
async def test_of_more_interactions_than_can_be_answered_the_newest_are(tmp_path: Path) -> None:
    """Discord takes a second for each response here, so only so many can be sent in time."""
    async with place(tmp_path) as here:
        here.sim.fault(Fault("POST", "/interactions/*", delay=1.0, times=None))
        sent = len(here.sim.requests)
        old = [await here.sim.slash(here.bob, here.channel, "veo", "list") for _ in range(500)]
        await here.sleep(0.5)
        new = await here.sim.slash(here.ada, here.channel, "veo", "list")
        await new.acknowledged()
        await here.sleep(60)
        answered = [use for use in old if use.acked_at is not None]
        assert INTERACTIONS <= len(answered) <= 3 * INTERACTIONS
        assert all(use.acked_after is not None and use.acked_after <= 3 for use in answered)
        assert len(here.sim.requests) - sent == len(answered) + 1, "nothing was sent for those too late"


@pytest.mark.parametrize("fault", [{"delay": 5.0}, {"status": 404, "code": 10062}, {"drop": True}])
async def test_a_late_autocompletion_leaves_one_line_at_debug(
    fault: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        await here.watch()
        here.sim.fault(Fault("POST", "/interactions/*", **fault, times=1))
        caplog.clear()
        await here.sim.autocomplete(here.ada, here.channel, "veo", "watch", "id", TASK[:3])
        await here.sleep(10)
        kinds = [
            record.exc_info[0].__name__ for record in caplog.records if record.exc_info and record.exc_info[0]
        ]
        assert kinds == ["NotAnswered"], "which the log writes as one line at DEBUG"
