"""Refused content is sent again, plainly; a limit on a token holds nothing up for long."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from wire.place import DONE, TASK, VIDEO, place, running

from sim.discord import Fault
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize("delay", [0, 3], ids=["at once", "after a placeholder"])
@pytest.mark.parametrize("command", ["status", "watch"])
async def test_an_answer_with_a_filtered_link_comes_plainly_with_the_link_in_a_file(
    command: str, delay: int, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.sim.world.filtered.add("cdn.example")
        here.api.set(TASK, replace(Answer.json(DONE), delay=delay))
        use = await here.type(command, TASK)
        await here.sleep(10)
        (answer,) = use.messages
        assert "Finished" in answer.text
        assert VIDEO not in answer.text
        assert [file.data.decode().strip() for file in answer.attachments] == [VIDEO]


@pytest.mark.parametrize("refusal", [{"code": 240000}, {"code": 50035}, {"code": 20009}, {"code": 0}])
@pytest.mark.parametrize("command", ["status", "watch", "list", "stop"])
async def test_any_first_response_that_is_refused_for_its_content_is_given_once_more(
    command: str, refusal: dict[str, Any], tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, DONE if command != "list" else running(10))
        if command == "list":
            await here.watch()
        here.sim.fault(Fault("POST", "/interactions/*", status=400, **refusal))
        if command == "list":
            use = await here.sim.slash(here.ada, here.channel, "veo", command)
            await use.acknowledged()
        else:
            use = await here.type(command, TASK)
        assert TASK[:8] in use.text.replace("\\", "")


async def test_an_error_after_a_placeholder_is_sent_plainly(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, replace(Answer.json({"message": "no"}, 404), delay=3))
        here.sim.fault(Fault("POST", "/webhooks/*", status=400, code=240000))
        use = await here.type("status", TASK)
        await here.sleep(10)
        (answer,) = use.messages
        assert answer.ephemeral
        assert "does not know" in answer.text


async def test_a_limit_of_a_day_on_a_token_holds_a_card_for_half_a_minute(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        limit = Fault("PATCH", "/webhooks/*", status=429, retry_after=86_400.0, times=None)
        here.sim.fault(limit)
        card = await here.watch()
        await here.shows(card, "10 %", 45)
        assert card.edits[-1].via == "bot"
        here.api.set(TASK, DONE)
        await here.result(card)
        await here.shows(card, "Finished", 45)


async def test_a_limit_of_a_day_on_a_token_holds_an_answer_for_half_a_minute(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, replace(Answer.json(DONE), delay=3))
        here.sim.fault(Fault("PATCH", "/webhooks/*", status=429, retry_after=86_400.0, times=None))
        use = await here.type("status", TASK)
        await here.sleep(45)
        (answer,) = use.messages
        assert VIDEO in answer.text


async def test_a_placeholder_is_deleted_although_its_token_is_limited(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, replace(Answer.json({}, 404), delay=3))
        here.sim.fault(Fault("DELETE", "/webhooks/*", status=429, retry_after=86_400.0, times=None))
        await here.type("status", TASK)
        await here.sleep(45)
        assert here.sim.messages(here.channel) == []
