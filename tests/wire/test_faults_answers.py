"""What Discord can refuse, code by code: the first answer to an interaction, and what comes after it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from wire.place import DONE, TASK, VIDEO, Place, place, running

from bot.engine.tracker import Tracker
from sim.discord import Fault
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime

ANSWER, AFTER = "/interactions/*", "/webhooks/*"
PAGE: dict[str, Any] = {"body": "<html>", "content_type": "text/html"}
"""What a proxy says in the place of Discord."""


def row(sentence: str, *values: Any) -> Any:
    return pytest.param(*values, id=sentence)


async def nothing_is_left(here: Place) -> None:
    """Let some minutes pass and see that nothing is watched and nobody is asked any more."""
    polls, calls = len(here.api.requests), len(here.sim.requests)
    await here.sleep(200)
    assert (len(here.api.requests), len(here.sim.requests)) == (polls, calls)
    assert here.app is not None
    assert await here.app.store.unfinished() == []


@pytest.mark.parametrize(
    "refusal",
    [
        row("10062 too late", {"status": 404, "code": 10062}),
        row("40060 another process has answered", {"status": 400, "code": 40060}),
        row("10003 the channel is gone", {"status": 404, "code": 10003}),
        row("10015 the bot was removed", {"status": 404, "code": 10015}),
        row("50027 the token is dead", {"status": 401, "code": 50027}),
        row("50035 a bad form", {"status": 400, "code": 50035}),
        row("50006 an empty message", {"status": 400, "code": 50006}),
        row("429 without Via", {"status": 429, "via": False} | PAGE),
        row("503 all the time", {"status": 503}),
        row("a page with status 200", PAGE),
    ],
)
async def test_an_answer_that_is_not_taken_promises_nothing_and_is_not_repeated(
    refusal: dict[str, Any], tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        here.sim.fault(Fault("POST", ANSWER, times=None, **refusal))
        for command in ("status", "watch"):
            await here.sim.slash(here.ada, here.channel, "veo", command, id=TASK)
            await here.sleep(30)
            assert here.sim.messages(here.channel) == []
        await here.sim.slash(here.ada, here.channel, "veo", "list")
        await here.sleep(30)
        # A bad form is tried once more, plainly.
        twice = refusal.get("status") == 503 or refusal.get("code") in {50035, 50006}
        assert len(here.sim.requests_to("POST", ANSWER)) <= (6 if twice else 3)
        assert len(here.api.requests) == 2
        await nothing_is_left(here)


@pytest.mark.parametrize(
    "trouble",
    [
        row("503 once", {"status": 503}),
        row("503 although it was taken", {"status": 503, "when": "after"}),
        row("a limit of a second", {"status": 429}),
        row("a cut connection although it was taken", {"drop": True, "when": "after"}),
        row("a page although it was taken", {"when": "after"} | PAGE),
        row("other JSON although it was taken", {"when": "after", "body": {"status": "ok"}}),
        row("half of a JSON although it was taken", {"when": "after", "body": '{"interaction'}),
    ],
)
async def test_an_answer_that_is_taken_in_the_end_is_gone_on_with_and_nothing_is_added(
    trouble: dict[str, Any], tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        for command in ("status", "watch"):
            here.sim.fault(Fault("POST", ANSWER, **trouble))
            use = await here.sim.slash(here.ada, here.channel, "veo", command, id=TASK)
            await here.sleep(20)
            assert ["10 %" in message.text for message in use.messages] == [True]
        card = here.sim.messages(here.channel)[-1]
        here.sim.fault(Fault("POST", ANSWER, **trouble))
        use = await here.sim.slash(here.ada, here.channel, "veo", "list")
        await here.sleep(20)
        assert ["Live watches: 1" in message.text for message in use.messages] == [True]
        here.sim.fault(Fault("POST", ANSWER, **trouble))
        use = await here.sim.click(here.ada, card, label="Stop")
        await here.shows(card, "Stopped")
        await here.sleep(20)
        assert ["I stopped watching" in message.text for message in use.messages] == [True]


@pytest.mark.parametrize("known", [row("the answer", True), row("the refusal", False)])
@pytest.mark.parametrize(
    "refusal",
    [
        row("10008 the line was deleted", {"status": 404, "code": 10008}),
        row("10015 the bot was removed", {"status": 404, "code": 10015}),
        row("50027 the token is dead", {"status": 401, "code": 50027}),
        row("50035 a bad form", {"status": 400, "code": 50035}),
    ],
)
async def test_what_cannot_follow_a_placeholder_is_tried_once_and_nothing_false_is_promised(
    refusal: dict[str, Any], known: bool, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, replace(Answer.json(DONE) if known else Answer.json({}, 404), delay=3))
        method = "PATCH" if known else "POST"
        here.sim.fault(Fault(method, AFTER, times=None, **refusal))
        await here.sim.slash(here.ada, here.channel, "veo", "status", id=TASK)
        await here.sleep(30)
        # A bad form is tried once more, plainly.
        assert len(here.sim.requests_to(method, AFTER)) == (2 if refusal["code"] == 50035 else 1)
        assert len(here.sim.requests_to("DELETE", AFTER)) == 1
        assert here.sim.messages(here.channel) == []
        await nothing_is_left(here)


@pytest.mark.parametrize("known", [row("the answer", True), row("the refusal", False)])
async def test_a_page_in_the_place_of_what_follows_a_line_adds_nothing(known: bool, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, replace(Answer.json(DONE) if known else Answer.json({}, 404), delay=3))
        here.sim.fault(Fault("PATCH" if known else "POST", AFTER, when="after", **PAGE))
        use = await here.sim.slash(here.ada, here.channel, "veo", "status", id=TASK)
        await here.sleep(30)
        reported = VIDEO if known else "does not know"
        assert [reported in message.text for message in use.messages] == [True]


async def test_a_fault_of_the_bot_is_told_as_a_reference_and_nothing_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("unforeseen")

    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        await here.shows(card, "10 %")
        monkeypatch.setattr(Tracker, "stop", fail)
        for use in (await here.type("stop", TASK), await here.sim.click(here.ada, card, label="Stop")):
            await use.acknowledged()
            assert use.ephemeral
            said = re.fullmatch(r"I could not do that\. [\w' ]+ `([0-9a-f]{8})`\.", use.text)
            assert said is not None, use.text
            assert any(getattr(record, "reference", None) == said[1] for record in caplog.records)


async def test_what_cannot_be_saved_is_refused_and_logged_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        await here.shows(card, "10 %")
        here.break_disk()
        for use in (await here.type("stop", TASK), await here.sim.click(here.ada, card, label="Stop")):
            await use.acknowledged()
            assert use.ephemeral
            assert "so nothing has changed" in use.text
        logged = [record for record in caplog.records if "could not be saved" in record.message]
        assert len(logged) == 2
        assert all(record.exc_info is None and "readonly" in vars(record)["reason"] for record in logged)
        here.break_disk(broken=False)
        await here.type("stop", TASK)
        await here.shows(card, "Stopped")
