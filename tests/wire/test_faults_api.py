"""What the task API can do to the bot: each kind of bad answer is one task's trouble, told and survived."""

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from wire.place import DONE, TASK, VIDEO, place, running

from sim.task_api.answers import (
    MEBIBYTE,
    Answer,
    deep_json,
    error_envelope,
    gzip_bomb,
    html_page,
    huge_body,
    redirect,
)

pytestmark = pytest.mark.looptime

OTHER = "11112222-3333-4444-5555-666677778888"
SILENT = ("stopped answering about this render", "did not answer")
UNREADABLE = ("stopped answering about this render", "could not read")
REFUSED = ("started rejecting the bot's key for this render", "rejected the bot's key")
PACKED = {"Content-Type": "application/json", "Content-Encoding": "gzip"}


def row(sentence: str, *values: Any) -> Any:
    return pytest.param(*values, id=sentence)


@pytest.mark.parametrize(
    ("answer", "reported"),
    [
        row("down", Answer.json({}, 503), SILENT),
        row("a proxy's page with an error", html_page(502), SILENT),
        row("a proxy's page as a success", html_page(), SILENT),
        row("a cut connection", Answer(drop=True), SILENT),
        row("no answer at all", Answer(delay=1000), SILENT),
        row("a body fed drop by drop", Answer(body=b" " * 1000, drip=(1, 5.0)), SILENT),
        row("half of a JSON", Answer(body=b'{"state": "runn'), UNREADABLE),
        row("JSON that is no object", Answer.json([1, 2]), UNREADABLE),
        row("JSON without a state", Answer.json({"id": TASK}), UNREADABLE),
        row("JSON nested too deep", deep_json(), UNREADABLE),
        row("nothing", Answer(204), SILENT),
        row("a redirect", redirect("http://127.0.0.1:9/"), SILENT),
        row("a body that unpacks too far", gzip_bomb(16), UNREADABLE),
        row("a body that is too long", huge_body(2), UNREADABLE),
        row("a packed body that breaks off", Answer(200, PACKED, gzip.compress(b"[" * 999)[:40]), UNREADABLE),
        row("an error inside a success", error_envelope(500, "broken"), SILENT),
        row("the key refused", Answer.json({}, 401), REFUSED),
        row("the key refused for this task", Answer.json({}, 403), REFUSED),
        row("the key refused inside a success", error_envelope(403), REFUSED),
    ],
)
async def test_a_bad_answer_is_told_on_its_own_card_and_costs_nothing(
    answer: Answer, reported: tuple[str, str], tmp_path: Path
) -> None:
    on_card, in_private = reported
    async with place(tmp_path) as here:
        here.api.set(TASK, [running(10), answer])
        here.api.set(OTHER, running(20))
        card, other = await here.watch(), await here.watch(OTHER)
        await here.shows(card, on_card, 300)
        use = await here.type("status", TASK)
        await here.sim.wait_for(lambda: in_private in use.text, 20)
        assert [message.ephemeral for message in use.messages] == [True]
        here.api.set(OTHER, running(30))
        await here.shows(other, "30 %", 20)
        assert "The task API" not in other.text
        here.api.set(TASK, DONE)
        assert VIDEO in (await here.result(card, 120)).content
        await here.shows(card, "Finished")
        assert len(here.replies(card)) == 1


async def test_bombs_and_floods_cost_the_bot_no_memory(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        bomb = gzip_bomb(100)
        here.api.set(TASK, [running(10), bomb])
        card = await here.watch()
        tracemalloc.start()
        try:
            await here.shows(card, SILENT[0], 300)
            assert tracemalloc.get_traced_memory()[1] < 16 * MEBIBYTE
        finally:
            tracemalloc.stop()
