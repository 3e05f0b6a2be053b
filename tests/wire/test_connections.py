"""Which connections are opened: to the task API and to Discord, by an hour of one watch."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from wire.place import TASK, place, running

import bot
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime

HOUR = 3600


@pytest.fixture(autouse=True)
async def _aged_by_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiohttp ages idle connections by the machine's clock, and in these tests the loop's passes."""
    monkeypatch.setattr("aiohttp.connector.monotonic", asyncio.get_running_loop().time)


async def test_one_quiet_watch_opens_one_connection_in_an_hour(tmp_path: Path) -> None:
    async with place(tmp_path, poll_max_seconds=20.0) as here:
        here.api.set(TASK, running(0, state="pending"))
        await here.watch()
        await here.sleep(HOUR)
        assert here.api.polls(TASK) > HOUR / 25
        assert len({request.port for request in here.api.requests}) == 1
        assert {request.user_agent for request in here.api.requests} == {f"veo-watch-bot/{bot.__version__}"}


async def test_a_task_that_is_refused_is_polled_over_a_kept_connection_too(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, [running(10), Answer.json({"message": "not yours"}, 422)])
        await here.watch()
        await here.sleep(9 * 60)
        pauses = [after.at - before.at for before, after in pairwise(here.api.requests)]
        assert max(pauses) > 30
        assert len({request.port for request in here.api.requests}) == 1


@pytest.mark.slow
async def test_edits_every_half_minute_share_a_connection_to_discord(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(1))
        await here.watch()
        await here.sleep(16 * 60)  # from here on the card is edited with the bot's own token
        here.sim.requests.clear()
        for progress in range(2, 42):
            here.api.set(TASK, running(progress))
            await here.sleep(30)
        edits = here.sim.requests_to("PATCH", "/channels/*/messages/*")
        assert len(edits) >= 35
        assert len({request.port for request in edits}) == 1
