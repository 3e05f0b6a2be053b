"""A placeholder never stays for ever, whenever the process is killed."""

from dataclasses import replace
from pathlib import Path

import pytest
from wire.place import DONE, TASK, VIDEO, Place, place, running

from sim.discord import Fault
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime

LINE = "Checking"


def placeholders(here: Place) -> list[str]:
    return [message.text for message in here.sim.messages(here.channel) if LINE in message.text]


async def left(here: Place) -> int:
    assert here.app is not None
    return len(await here.app._keeper.left())


@pytest.mark.parametrize("command", ["status", "watch"])
async def test_a_placeholder_left_by_a_kill_is_deleted_at_the_next_start(
    command: str, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, replace(Answer.json(running(10)), delay=10))
        await here.type(command, TASK)
        assert len(placeholders(here)) == 1
        await here.kill_bot()
        await here.start_bot()
        await here.sleep(10)
        assert here.sim.messages(here.channel) == []
        assert await left(here) == 0


async def test_a_placeholder_whose_sending_was_killed_is_deleted_as_well(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, replace(Answer.json(running(10)), delay=10))
        here.sim.fault(Fault("POST", "/interactions/*", when="after", delay=1.0))
        await here.sim.slash(here.ada, here.channel, "veo", "watch", id=TASK)
        await here.sim.wait_for(lambda: bool(placeholders(here)))
        await here.kill_bot()
        await here.start_bot()
        await here.sleep(10)
        assert here.sim.messages(here.channel) == []


async def test_a_placeholder_that_is_a_card_already_is_left_alone(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        here.sim.fault(Fault("PATCH", "/webhooks/*", delay=60.0))
        await here.watch()
        assert here.app is not None
        while not await here.app.store.unfinished():
            await here.sleep(0.1)
        assert len(placeholders(here)) == 1, "committed, and not yet shown"
        await here.kill_bot()
        await here.start_bot()
        (card,) = here.sim.messages(here.channel)
        await here.shows(card, "10 %")
        assert await left(here) == 0


async def test_a_placeholder_that_has_become_a_response_is_left_alone(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, replace(Answer.json(DONE), delay=3))
        await here.type("status", TASK)
        here.break_disk()  # so that it cannot be forgotten
        await here.sleep(5)
        here.break_disk(broken=False)
        assert await left(here) == 1
        await here.kill_bot()
        await here.start_bot()
        await here.sleep(10)
        (answer,) = here.sim.messages(here.channel)
        assert VIDEO in answer.text
        assert await left(here) == 0


async def test_nothing_is_remembered_of_what_went_well(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, replace(Answer.json({}, 404), delay=3))
        await here.type("status", TASK)
        await here.sleep(5)
        here.api.set(TASK, running(10))
        await here.shows(await here.watch(), "10 %")
        assert placeholders(here) == []
        assert await left(here) == 0


@pytest.mark.slow
async def test_placeholders_are_deleted_even_if_discord_refuses_at_first(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, replace(Answer.json(running(10)), delay=10))
        await here.type("status", TASK)
        await here.kill_bot()
        here.sim.fault(Fault("DELETE", "/channels/*", status=503, times=3))
        here.sim.fault(Fault("GET", "/channels/*", drop=True, times=3))
        await here.start_bot()
        await here.sim.wait_for(lambda: not here.sim.messages(here.channel), 120)
