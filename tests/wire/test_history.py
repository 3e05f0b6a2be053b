"""The search for a result that may have been posted before a crash: slow, long, and after a sleep."""

from pathlib import Path

import pytest
from wire.place import DONE, TASK, Place, place, running

from sim.discord import Fault, Limits, Message

pytestmark = pytest.mark.looptime

POST = "/channels/*/messages"


async def crashed_after_posting(here: Place) -> Message:
    """Let a bot crash between a result and its note, and others talk until the nonce is forgotten."""
    here.api.set(TASK, running(10))
    card = await here.watch()
    await here.shows(card, "10 %")
    here.sim.fault(Fault("POST", POST, when="after", delay=30, drop=True))
    here.api.set(TASK, DONE)
    await here.result(card)
    await here.kill_bot()
    await here.sleep(600)
    here.sim.limits.enabled = Limits.off().enabled
    return card


def talk(here: Place, messages: int) -> None:
    for number in range(messages):
        here.channel.post(here.bob, f"talk {number}")


async def test_a_search_through_slow_pages_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await crashed_after_posting(here)
        talk(here, 950)
        here.sim.fault(Fault("GET", POST, delay=12, times=None))
        await here.start_bot()
        await here.shows(card, "Finished", 500)
        assert len(here.replies(card)) == 1
        assert len(here.sim.requests_to("GET", POST)) <= 16


async def test_a_search_that_comes_to_no_end_is_logged_and_the_result_posted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with place(tmp_path) as here:
        card = await crashed_after_posting(here)
        talk(here, 2_100)
        await here.start_bot()
        await here.sim.wait_for(lambda: len(here.replies(card)) == 2, 300)
        assert len(here.sim.requests_to("GET", POST)) == 20
        await here.sleep(900)
        assert len(here.replies(card)) == 2
    assert "inconclusive" in caplog.text


async def test_a_search_that_is_refused_for_ten_minutes_ends(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await crashed_after_posting(here)
        here.sim.fault(Fault("GET", POST, status=403, code=0, times=None))
        await here.start_bot()
        await here.shows(card, "The result is in the reply below.", 1_500)


@pytest.mark.slow
async def test_a_machine_that_slept_doubles_no_result(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        await here.shows(card, "10 %")
        await here.suspend(8 * 3_600)
        await here.sleep(60)
        here.sim.fault(Fault("POST", POST, when="after", delay=30, drop=True))
        here.api.set(TASK, DONE)
        await here.result(card)
        await here.kill_bot()
        await here.sleep(600)
        talk(here, 700)
        await here.start_bot()
        await here.shows(card, "Finished")
        await here.sleep(600)
        assert len(here.replies(card)) == 1
