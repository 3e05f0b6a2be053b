"""Renders that have already ended: links at once, and their videos by one edit."""

from pathlib import Path
from typing import Any

import pytest
from wire.place import TASK, Place, place, running, succeeded

from sim.discord import Fault, Message
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime(noop_cycles=50)

EDIT = "/webhooks/*/*/messages/*"
OTHER = TASK.replace("8cb280b3", "9cb280b3")


def videos(here: Place) -> list[str]:
    return [f"{here.api.base_url}/media/{name}.mp4?X-Signature={'a' * 590}" for name in ("sunrise", "waves")]


def shown(message: Message) -> list[str]:
    return [line for line in message.content.splitlines() if "http" in line]


def short(here: Place) -> list[str]:
    return [f"[video {number}](<{url}>) · 127.0.0.1" for number, url in enumerate(videos(here), 1)]


async def answer(here: Place, command: str = "status") -> Message:
    """Ask about an ended render; check what is answered at once."""
    here.api.set(TASK, succeeded(*videos(here)))
    use = await here.type(command, TASK)
    assert use.response is not None
    assert not use.ephemeral
    assert shown(use.response) == [f"<{url}>" for url in videos(here)]
    assert use.response.attachments == []
    return use.response


@pytest.mark.parametrize("command", ["status", "watch"])
async def test_an_ended_render_is_answered_at_once_and_gets_its_videos_by_one_edit(
    command: str, tmp_path: Path
) -> None:
    async with place(tmp_path, copies=True) as here:
        message = await answer(here, command)
        await here.sleep(60)
        assert shown(message) == short(here)
        assert [a.filename for a in message.attachments] == [f"{TASK[:8]}-{number}.mp4" for number in (1, 2)]
        assert len(message.edits) == 1
        assert len(here.sim.messages(here.channel)) == 1
        assert list((tmp_path / "bot.db-videos").iterdir()) == []


@pytest.mark.parametrize("copies", [True, False])
async def test_where_no_video_can_be_had_one_edit_makes_the_links_bare(copies: bool, tmp_path: Path) -> None:
    async with place(tmp_path, copies=copies) as here:
        for name in ("sunrise.mp4", "waves.mp4"):
            here.api.set_media(name, Answer(body=b"<html>", headers={"Content-Type": "text/html"}))
        message = await answer(here)
        asked = here.clock()
        await here.sleep(4)
        assert message.edits == []
        await here.sleep(60)
        assert shown(message) == videos(here)
        assert message.attachments == []
        (edit,) = message.edits
        assert 4.5 < edit.at - asked < 6


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"status": 413, "code": 40005}, id="too large"),
        pytest.param({"status": 400, "code": 20009}, id="explicit content"),
        pytest.param({"status": 403, "code": 50013}, id="Attach Files is missing"),
        pytest.param({"status": 500}, id="500"),
        pytest.param({"drop": True}, id="the connection is cut"),
    ],
)
async def test_where_discord_refuses_the_videos_the_links_become_bare(
    fault: dict[str, Any], tmp_path: Path
) -> None:
    async with place(tmp_path, copies=True) as here:
        here.sim.fault(Fault("PATCH", EDIT, with_files=True, times=None, **fault))
        message = await answer(here)
        await here.sleep(120)
        assert shown(message) == videos(here)
        assert message.attachments == []
        assert len(message.edits) == 1
        assert sum(bool(request.files) for request in here.sim.requests_to("PATCH", EDIT)) == 1


async def test_where_the_answer_to_an_upload_is_lost_no_video_plays_twice(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True) as here:
        here.sim.fault(Fault("PATCH", EDIT, with_files=True, when="after", drop=True))
        message = await answer(here)
        await here.sleep(120)
        assert shown(message) == videos(here)
        assert message.attachments == []


async def test_a_video_that_is_not_attached_stays_bare_beside_one_that_is(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True) as here:
        here.api.set_media("waves.mp4", Answer(body=b"<html>", headers={"Content-Type": "text/html"}))
        message = await answer(here)
        await here.sleep(60)
        assert shown(message) == [short(here)[0], videos(here)[1]]
        assert len(message.attachments) == 1


async def test_several_ended_renders_beside_a_card_each_get_their_videos(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True) as here:
        ids = [TASK, OTHER, TASK.replace("8cb280b3", "acb280b3")]
        for task_id in ids[:2]:
            here.api.set(task_id, succeeded(*videos(here)) | {"id": task_id})
        here.api.set(ids[2], running(10, id=ids[2]))
        use = await here.sim.slash(here.ada, here.channel, "veo", "watch", id=" ".join(ids), name="Shot 9")
        await use.acknowledged()
        await here.sleep(60)
        answers = [m for m in here.sim.messages(here.channel) if m.attachments]
        assert [[a.filename for a in m.attachments] for m in answers] == [
            [f"Shot-9-{number}-{video}.mp4" for video in (1, 2)] for number in (1, 2)
        ]
        assert [shown(m) for m in answers] == [short(here)] * 2


async def test_a_failed_render_is_answered_with_its_error_and_no_edit(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True) as here:
        here.api.set(TASK, {"id": TASK, "state": "error", "message": "boom " * 1_000})
        message = (await here.type("status", TASK)).response
        assert message is not None
        await here.sleep(60)
        assert message.edits == []
        (file,) = message.attachments
        assert (file.filename, file.data.decode()) == ("error.txt", ("boom " * 1_000).strip())


async def test_a_bot_that_stops_leaves_the_links(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        message = await answer(here)
        await here.stop_bot()
        await here.sleep(60)
        assert shown(message) == [f"<{url}>" for url in videos(here)]
