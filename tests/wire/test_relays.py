"""What relays send, on the whole bot: the end of a render is told however it is spelt or damaged."""

import json
from pathlib import Path
from typing import Any

import pytest
from wire.place import DONE, TASK, VIDEO, failed, place, running

from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime

FAILED = json.dumps(failed("HERE"))


def damaged(damage: bytes) -> Answer:
    return Answer(body=FAILED.encode().replace(b"HERE", damage))


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (failed("No.") | {"error": {"code": 404, "message": "model not found"}, "code": 404}, "No."),
        (damaged(b"Rejected \\ud83d"), "Rejected \ufffd"),
        (damaged(b"Rejected \xe9\xa2"), "Rejected \ufffd"),
        (damaged(b"line one\nline two"), "line one line two"),
        (Answer(body=b"\xef\xbb\xbf" + FAILED.encode()), "HERE"),
        (Answer.json(failed("No.") | {"cost": float("nan")}), "No."),
        (failed("") | {"message": {"code": "policy", "message": "Blocked."}}, "Blocked."),
        (failed("") | {"fail_reason": "No audio."}, "No audio."),
        (running(40, state="FAILURE", message="Too late."), "Too late."),
        ({"code": "success", "data": {"task_id": TASK, "status": "FAILURE", "fail_reason": "No."}}, "No."),
        (DONE | {"state": "COMPLETED", "error": {"code": 404}}, VIDEO),
        ({"code": 0, "data": DONE}, VIDEO),
    ],
    ids=str,
)
async def test_the_end_of_a_render_is_told_as_the_relay_meant_it(
    answer: Any, text: str, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, [running(10), answer])
        card = await here.watch()
        assert text in (await here.result(card)).content.replace("\\", "")


async def test_a_running_render_is_shown_in_any_spelling(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running("55%", state="IN_PROGRESS", create_time=1_767_225_600_000))
        card = await here.watch()
        await here.shows(card, "55 %")
        assert "Rendering" in card.text
        assert "<t:1767225600:R>" in card.text


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Answer.json({"message": "task belongs to another account"}, 422), "refused the request about"),
        (Answer.json({"code": "no_access", "msg": "task belongs to another account"}), "refused the request"),
        (Answer.json({"detail": "task belongs to another account"}, 500), "did not answer about"),
        (
            Answer.json({"error": {"message": "task belongs to another account"}}, 403),
            "rejected the bot's key for",
        ),
    ],
    ids=str,
)
async def test_whoever_asks_once_gets_the_words_of_the_api(answer: Answer, text: str, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, answer)
        reported = await here.type("status", TASK)
        assert reported.ephemeral
        assert text in reported.text
        assert "It said: task belongs to another account" in reported.text


async def test_an_unreadable_answer_is_reported_as_one(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, damaged(b'"'))
        assert "could not read" in (await here.type("status", TASK)).text
