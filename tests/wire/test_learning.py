"""The pace of polls follows what this bot's own renders have taught, also after a restart."""

import asyncio
import json
from pathlib import Path
from unittest.mock import patch

import pytest
from wire.place import DONE, Place, place, running

from bot.app import SHUTDOWN_SECONDS
from bot.engine.tuner import KEY
from bot.store.store import Store

pytestmark = pytest.mark.looptime

SECONDS = 60
"""How long each render takes that does the teaching."""


async def render(here: Place, number: int) -> list[float]:
    """Watch a render that tells no progress and takes a minute; return the ages at which it was polled."""
    task = f"cccccccc-0000-4000-8000-{number:012}"
    begun = here.clock()
    times = {"create_time": int(begun), "update_time": int(begun)}
    here.api.set(task, running(0, **times))
    card = await here.watch(task)
    await here.sleep(SECONDS - (here.clock() - begun))
    here.api.set(task, DONE | {"create_time": int(begun), "update_time": int(here.clock())})
    await here.result(card)
    return [request.at - begun for request in here.api.requests if request.task_id == task]


@pytest.mark.slow
async def test_polls_gather_where_renders_end_and_a_restart_forgets_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        first = await render(here, 0)
        for number in range(1, 25):
            await render(here, number)
        taught = await render(here, 25)
        await here.stop_bot()
        await here.start_bot()
        after = await render(here, 26)
    late = [polls[-1] - SECONDS for polls in (first, taught, after)]
    early = [sum(poll < SECONDS / 2 for poll in polls) for polls in (first, taught, after)]
    for run in (1, 2):  # the second run of the bot knows it from its first poll
        assert early[run] < early[0] / 2, "nobody polls where no render has ended"
        assert late[run] < 2.5
    assert len(taught) < len(first) * 2 / 3
    assert len(after) < len(first) * 2 / 3


async def test_a_database_that_does_not_answer_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """A commit that is in doubt keeps PostgreSQL's only thread busy for up to a minute."""
    async with place(tmp_path) as here:
        await render(here, 0)

        async def hang(*_: object) -> None:
            await asyncio.Event().wait()

        with patch.object(Store, "remember", hang):
            async with asyncio.timeout(2 * SHUTDOWN_SECONDS):
                await here.stop_bot()


async def test_what_was_learned_and_cannot_be_read_is_left_behind(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        assert here.app is not None
        for damaged in ("{", "[]", json.dumps({"shape": "1:137", "ends": [1.0]}), "[" * 10_000):
            await here.app.store.remember(KEY, damaged)
            await here.stop_bot()
            await here.start_bot()
            assert here.app.tracker._tuner.policy.learned == {}
