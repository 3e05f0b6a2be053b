"""The bot in front of a task API that takes only so many requests."""

from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from wire.place import TASK, Place, place, running

from bot.cards.text import short_id
from sim.discord import Invocation
from sim.task_api.limiter import Limiter, Style

pytestmark = pytest.mark.looptime
TASKS = [f"render-{number}" for number in range(10)]


async def watch_all(here: Place) -> None:
    for task in TASKS:
        here.api.set(task, running(10))
        await here.watch(task)


def shows(use: Invocation, text: str) -> bool:
    return use.response is not None and text in use.response.text


def times(here: Place, task: str) -> list[float]:
    return [request.at for request in here.api.requests if request.task_id == task]


async def test_with_the_limit_set_nothing_is_refused_and_nobody_starves(tmp_path: Path) -> None:
    """A window of the relay's begins at another time than any of ours."""
    async with place(tmp_path, poll_per_minute=30) as here:
        limiter = here.api.limiter = Limiter("fixed", 30, 60.0)
        await watch_all(here)
        here.api.set(TASK, running(10))
        slowest = 0.0
        for _ in range(30):
            asked = await here.type("status", TASK)
            await here.sim.wait_for(partial(shows, asked, "10 %"), 30)
            slowest = max(slowest, here.clock() - asked.created_at)
            await here.sleep(10)
        assert limiter.refused == 0
        assert slowest < 5, "people's polls go first"
        for task in TASKS:
            polls = times(here, task)
            assert max(later - earlier for earlier, later in pairwise(polls)) < 60


async def test_after_a_crash_the_limit_set_holds_for_the_minute_around_it(tmp_path: Path) -> None:
    async with place(tmp_path, poll_per_minute=30) as here:
        limiter = here.api.limiter = Limiter("sliding", 30, 60.0)
        await watch_all(here)
        await here.sleep(100)
        await here.kill_bot()
        await here.start_bot()
        for number in range(10):
            await here.type("status", f"other-{number}")
        await here.sleep(60)
        assert limiter.refused == 0


async def test_somebody_who_has_to_wait_reads_at_once_that_it_takes_time(tmp_path: Path) -> None:
    async with place(tmp_path, poll_per_minute=2) as here:
        here.api.set(TASK, running(10))
        here.api.set("other", running(20))
        await here.watch()
        await here.sleep(33)
        answered = await here.type("status", TASK)
        await answered.acknowledged()
        assert shows(answered, "10 %"), "from the poll of the card, which is seconds old"
        waiting = await here.type("status", "other")
        await waiting.acknowledged()
        assert waiting.acked_after is not None
        assert waiting.acked_after < 1
        assert shows(waiting, short_id("other"))
        await here.sim.wait_for(partial(shows, waiting, "20 %"), 90)


@pytest.mark.parametrize("style", ["silent", "retry-after", "github", "openai", "draft"])
async def test_without_the_setting_the_limit_is_learned(style: Style, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        limiter = here.api.limiter = Limiter("sliding", 10, 10.0, style)
        await watch_all(here)
        await here.sleep(120)
        refused, accepted = limiter.refused, limiter.accepted
        await here.sleep(300)
        refused, accepted = limiter.refused - refused, limiter.accepted - accepted
        assert refused <= 0.15 * accepted
        assert accepted >= 200
        assert all(times(here, task)[-1] > here.clock() - 60 for task in TASKS)


@pytest.mark.slow
async def test_tasks_whose_first_poll_is_refused_in_the_first_spell_do_not_starve(tmp_path: Path) -> None:
    """They waited behind all others, at one poll in ten: for minutes, if there are many."""
    tasks = [f"render-{number}" for number in range(20)]
    async with place(tmp_path) as here:
        here.api.limiter = Limiter("sliding", 10, 10.0, "silent")
        for task in tasks:
            here.api.set(task, running(10))
        asked = [await here.sim.slash(here.ada, here.channel, "veo", "watch", id=task) for task in tasks]
        for use in asked:
            await use.acknowledged()
        began = here.clock()
        await here.sleep(120)
        for task in tasks:
            polls = [began, *(at for at in times(here, task) if at > began), here.clock()]
            assert max(later - earlier for earlier, later in pairwise(polls)) < 60
