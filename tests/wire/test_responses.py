"""Responses in time: `status`, slow polls, and errors that only the asker sees."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from wire.place import DONE, TASK, VIDEO, failed, place, running

from sim.discord import Fault
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime

LATEST_ACK = 2.5


def slow(seconds: float, body: Any) -> Answer:
    return replace(Answer.json(body), delay=seconds)


async def test_status_tells_everything_in_the_first_response(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(42, message="warming up"))
        use = await here.type("status", TASK)
        assert not use.ephemeral
        text = use.text
        assert "Rendering" in text
        assert f"`{TASK}`" in text
        assert "████░░░░░░ **42 %**" in text
        assert "generate" in text
        assert "Created <t:1767225600:R> · Updated <t:1767225600:R>" in text
        assert "> warming up" in text
        assert len(here.sim.messages(here.channel)) == 1


@pytest.mark.parametrize(("answer", "reported"), [(DONE, f"<{VIDEO}>"), (failed("no faces"), "> no faces")])
async def test_status_of_an_ended_task_has_its_result(
    answer: dict[str, Any], reported: str, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, answer)
        use = await here.type("status", TASK)
        assert reported in use.text.splitlines()
        assert use.response is not None
        assert use.response.pings == set()


@pytest.mark.parametrize("seconds", [1.4, 1.6, 5.0, 14.0])
@pytest.mark.parametrize("command", ["status", "watch"])
async def test_a_slow_poll_is_announced_in_time_and_then_answered(
    command: str, seconds: float, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, slow(seconds, DONE))
        use = await here.type(command, TASK)
        assert use.acked_after is not None
        assert use.acked_after <= LATEST_ACK
        if seconds > 1.5:
            assert use.text == f"Checking `{TASK}`…"
        response = use.response
        assert response is not None
        await here.sim.wait_for(lambda: VIDEO in response.content, 20)


@pytest.mark.parametrize(
    ("answer", "reported"),
    [
        (Answer.json({}, 404), "does not know"),
        (Answer.json({}, 500), "did not answer"),
        (Answer.json({}, 401), "rejected the bot's key"),
        (Answer.json({}, 429), "limiting requests right now"),
        (Answer(body=b"<html>", headers={"Content-Type": "text/html"}), "did not answer"),
        (Answer(drop=True), "did not answer"),
    ],
)
@pytest.mark.parametrize("seconds", [0.0, 3.0])
async def test_only_the_asker_sees_the_error_of_a_poll(
    answer: Answer, reported: str, seconds: float, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, replace(answer, delay=seconds))
        use = await here.type("status", TASK)
        await here.sim.wait_for(lambda: any(m.ephemeral and reported in m.text for m in use.messages), 20)
        assert here.sim.messages(here.channel) == []
        private = [m for m in use.messages if m.ephemeral]
        assert len(private) == 1
        assert f"`{TASK}`" in private[0].text


async def test_an_api_that_never_answers_ends_in_a_private_answer(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, Answer(delay=1000))
        use = await here.type("status", TASK)
        began = here.clock()
        await here.sim.wait_for(lambda: any(m.ephemeral for m in use.messages), 30)
        assert here.clock() - began < 16


@pytest.mark.parametrize("given", ["", "../admin", "a/b", "x" * 101, "a..b", "%2e%2e", "-x", "<@1>", "é"])
async def test_a_malformed_id_is_refused_without_asking_the_api(given: str, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for command in ("status", "watch"):
            use = await here.type(command, given)
            assert use.ephemeral
            assert "That is not a task id" in use.text
        assert here.api.requests == []


@pytest.mark.parametrize(
    "given", [f"`{TASK}`", f" {TASK}\n", f"https://duomiapi.com/v1/videos/tasks/{TASK}?x=1"]
)
async def test_a_pasted_id_or_link_is_understood(given: str, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(42))
        assert "**42 %**" in (await here.type("status", given)).text


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_lost_acknowledgement_loses_no_watch(when: Any, tmp_path: Path) -> None:
    """The first response may have been taken although its answer never came."""
    async with place(tmp_path) as here:
        here.api.set(TASK, [running(10)] * 5 + [DONE])
        here.sim.fault(Fault("POST", "/interactions/*", when=when, drop=True))
        use = await here.sim.slash(here.ada, here.channel, "veo", "watch", id=TASK)
        if when == "before":
            await here.sim.wait_for(lambda: here.sim.requests_to("GET", "*@original") != [], 10)
            assert here.app is not None
            assert await here.app.store.unfinished() == []
            return
        card = await use.answered()
        assert VIDEO in (await here.result(card)).content


async def test_a_command_delivered_twice_is_carried_out_once(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, [running(10)] * 5 + [DONE])
        use = await here.sim.slash(here.ada, here.channel, "veo", "watch", id=TASK, deliveries=2)
        card = await use.answered()
        assert len([m for m in here.sim.messages(here.channel) if m.components]) <= 1
        await here.result(card)
        assert len(here.replies(card)) == 1


async def test_a_watch_that_cannot_be_saved_is_not_promised(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        here.break_disk()
        use = await here.type("watch", TASK)
        await here.sim.wait_for(lambda: any("could not save" in m.text for m in use.messages), 10)
        assert here.sim.messages(here.channel) == []


async def test_a_watch_that_still_waits_for_its_first_poll_is_stored_before_the_bot_stops(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, Answer(delay=1000))
        await here.type("watch", TASK)
        await here.stop_bot()
        here.api.set(TASK, running(40))
        await here.start_bot()
        (card,) = here.sim.messages(here.channel)
        await here.shows(card, "40 %")
