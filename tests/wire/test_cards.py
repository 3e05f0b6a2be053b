"""What a card says while renders go on: when they began, whether anything changes, and who follows."""

from pathlib import Path
from typing import Any

import pytest
from wire.place import DONE, START, TASK, Place, failed, place, running

from sim.discord import Message
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime

TASKS = [f"cdcdcdcd-0000-4000-8000-{number:012}" for number in range(10)]
QUEUED = {"state": "pending"}
SEPARATOR, CONTAINER = 14, 17


def components(card: Message) -> list[dict[str, Any]]:
    """Return all components of a card, those inside of others included."""
    return [part for whole in card.components for part in (whole, *whole.get("components", []))]


async def wait_until(here: Place, seconds: float) -> None:
    """Sleep until so many seconds after the start."""
    await here.sleep(START + seconds - here.clock())


async def test_a_queued_render_was_created_and_then_it_is_started(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(0, **QUEUED))
        card = await here.watch()
        await here.shows(card, f"Created <t:{int(START)}:R>")
        assert "Started" not in card.text
        await here.sleep(600)
        here.api.set(TASK, running(5))
        await here.shows(card, "Started <t:")
        assert "Created" not in card.text
        assert f"Started <t:{int(START)}:R>" not in card.text, "it was seen to begin"


@pytest.mark.parametrize(("state", "seconds"), [("running", 300), ("pending", 900)])
async def test_a_card_warns_once_when_nothing_changes_and_takes_that_back(
    state: str, seconds: float, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(40, state=state))
        card = await here.watch()
        await here.shows(card, "**40 %**")
        await wait_until(here, seconds - 60)
        assert "No change" not in card.text
        edits = len(card.edits)
        await here.shows(card, "No change since <t:", 120)
        assert card.text.startswith("### ⚠️ ")
        await here.sleep(600)
        assert len(card.edits) == edits + 1, "time alone changes no card"
        here.api.set(TASK, running(41, state=state))
        await here.shows(card, "41 %")
        assert "No change" not in card.text


async def test_after_a_restart_the_apis_own_time_says_since_when_nothing_changes(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        stuck = running(40, update_time=int(START) + 1)
        here.api.set(TASK, stuck)
        card = await here.watch()
        await here.shows(card, "40 %")
        await here.kill_bot()
        await here.sleep(1800)
        await here.start_bot()
        await here.shows(card, f"No change since <t:{int(START) + 1}:R>")


async def test_nothing_is_said_of_changes_while_the_api_is_down(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(40))
        card = await here.watch()
        await here.shows(card, "No change since", 400)
        here.api.fail_all(Answer.json({}, 503))
        await here.shows(card, "stopped answering <t:", 180)
        assert "No change" not in card.text
        here.api.recover()
        await here.shows(card, "No change since", 180)


async def test_a_card_follows_who_joins_and_who_leaves(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        people = [here.ada, here.bob, *(here.sim.add_user(f"Person {number}") for number in range(5))]
        named = " ".join(f"<@{user.id}>" for user in people[:5])
        await here.shows(card, f"Watching for <@{here.ada.id}>. The result")
        for user in people[1:]:
            await (await here.sim.click(user, card, label=str(card.buttons[0]["label"]))).acknowledged()
            await here.sleep(5)
        await here.shows(card, f"Watching for {named} and 2 more people. The result")
        assert card.pings == set()
        for user in people:
            await (await here.sim.click(user, card, label=str(card.buttons[0]["label"]))).acknowledged()
            await here.sleep(5)
        await here.shows(card, "-# The result will be posted")
        assert "Watching for" not in card.text


@pytest.mark.slow
async def test_ten_rows_are_separated_and_counted_within_the_limits(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS:
            here.api.set(task, running(40, message="*" * 2_000))
        use = await here.sim.slash(here.ada, here.channel, "veo", "watch", id=" ".join(TASKS), name="*" * 80)
        await use.acknowledged()
        assert use.response is not None
        card = use.response
        await here.shows(card, "No change since", 400)
        sorts = [part["type"] for part in components(card)]
        assert sorts.count(SEPARATOR) == 11
        assert len(sorts) <= 40
        for task in TASKS[:3]:
            here.api.set(task, DONE)
        here.api.set(TASKS[3], failed("no faces"))
        await here.shows(card, "3 of 10 ready · 1 failed", 120)
        for task in TASKS[4:]:
            here.api.set(task, DONE)
        await here.shows(card, "9 of 10 ready · 1 failed", 120)
        assert card.text.startswith("### ⚠️ ")
