"""A server in an outage, a bot that is removed and invited again: what is for good, and what is not."""

from pathlib import Path

import pytest
from wire.place import DONE, TASK, Place, place, running

from sim.discord import Fault, Message

pytestmark = pytest.mark.looptime

POST = "/channels/*/messages"


async def moving_card(here: Place) -> Message:
    """Begin a watch whose card is edited with the bot's token."""
    here.api.set(TASK, running(10))
    card = await here.watch()
    await here.shows(card, "10 %")
    await here.sleep(16 * 60)
    here.sim.requests.clear()
    return card


async def posted_once(here: Place, card: Message, within: float) -> None:
    await here.result(card, within)
    await here.shows(card, "Finished")
    await here.sleep(3_600)
    assert len(here.replies(card)) == 1
    assert here.app is not None
    assert await here.app.store.unfinished() == []


async def is_let_go(here: Place, within: float = 60) -> None:
    await here.sleep(within)
    assert here.app is not None
    assert await here.app.store.unfinished() == []
    polls = here.api.polls(TASK)
    await here.sleep(120)
    assert here.api.polls(TASK) == polls


@pytest.mark.slow
@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("lasts", [20.0, 3 * 3_600.0])
async def test_an_outage_of_a_server_costs_nothing(lasts: float, done: bool, tmp_path: Path) -> None:
    async with place(tmp_path, watch_stalled_hours=72) as here:
        card = await moving_card(here)
        here.guild.outage()
        here.api.set(TASK, DONE if done else running(20))
        await here.sleep(lasts)
        here.guild.outage(over=True)
        if not done:
            await here.shows(card, "20 %", 30)
            here.api.set(TASK, DONE)
        await posted_once(here, card, 30)


@pytest.mark.slow
async def test_an_outage_that_the_gateway_tells_of_a_little_late_costs_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.guild.available = False
        here.api.set(TASK, DONE)
        await here.sim.wait_for(lambda: here.sim.requests_to("POST", POST), 60)
        await here.sleep(2)
        here.guild.outage()
        await here.sleep(600)
        here.guild.outage(over=True)
        await posted_once(here, card, 30)


async def test_a_restart_into_an_outage_of_the_server_costs_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.guild.outage()
        here.api.set(TASK, DONE)
        await here.kill_bot()
        await here.start_bot()
        await here.sleep(900)
        here.guild.outage(over=True)
        await posted_once(here, card, 30)


async def test_a_refusal_that_comes_when_its_outage_is_over_ends_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.guild.outage()
        slow = here.sim.fault(Fault("PATCH", f"{POST}/*", delay=20.0, when="after"))
        here.api.set(TASK, running(20))
        await here.sim.wait_for(lambda: slow.hits > 0, 60)
        here.guild.outage(over=True)
        await here.shows(card, "20 %", 120)


async def test_nothing_is_final_before_the_gateway_has_said_which_servers_there_are(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        await here.kill_bot()
        here.sim.gateway_down = True
        fault = here.sim.fault(Fault(None, "/channels/*", status=404, code=10003, times=None))
        here.api.set(TASK, DONE)
        await here.launch_bot()
        await here.sleep(600)
        assert fault.hits > 1
        here.sim.clear_faults()
        here.sim.gateway_down = False
        await posted_once(here, card, 3_600)


async def test_a_bot_that_is_removed_drops_its_watches_at_the_next_try(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await moving_card(here)
        here.guild.remove_bot()
        here.api.set(TASK, running(20))
        await is_let_go(here)


async def test_a_bot_that_is_invited_again_soon_goes_on(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.guild.remove_bot()
        here.api.set(TASK, DONE)
        await here.sim.wait_for(lambda: here.sim.requests_to("POST", POST), 60)
        here.guild.add_bot()
        await posted_once(here, card, 90)


async def test_a_server_that_a_new_session_does_not_know_is_gone(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await moving_card(here)
        here.sim.gateway_down = True
        await here.sim.drop_gateway()
        here.sim.gateway.streams.clear()
        here.guild.remove_bot()
        here.sim.gateway_down = False
        await here.sleep(120)
        here.sim.fault(Fault(None, "/channels/*", status=404, code=10004, times=None))
        here.api.set(TASK, running(20))
        await is_let_go(here)


@pytest.mark.parametrize("thread", [True, False])
async def test_a_deleted_channel_ends_its_watches_quietly(thread: bool, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        if thread:
            here.channel = here.channel.add_thread("a render")
        await moving_card(here)
        here.channel.delete()
        here.api.set(TASK, running(20))
        await is_let_go(here)
        assert [request.code for request in here.sim.requests_to("PATCH", f"{POST}/*")] == [10003]
