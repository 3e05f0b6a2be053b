"""Results that carry their videos, in real time: no virtual clock waits for the thread that writes copies."""

from pathlib import Path
from typing import Any

import pytest
from wire.place import TASK, Place, place, running, succeeded

from sim.discord import Fault, Message
from sim.task_api.answers import Answer
from sim.task_api.server import MEDIA

POST = "/channels/*/messages"
QUICK: dict[str, Any] = {"poll_min_seconds": 0.2, "poll_max_seconds": 0.3}


def videos(here: Place) -> list[str]:
    return [f"{here.api.base_url}/media/{name}.mp4" for name in ("sunrise", "waves")]


async def reported(here: Place) -> Message:
    """Watch a render to its end and return its result."""
    here.api.set(TASK, [running(10), succeeded(*videos(here))])
    return await here.result(await here.watch(), 20)


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "bot.db-videos").iterdir())


async def test_a_result_carries_its_videos_and_their_links_play_no_second_time(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True, **QUICK) as here:
        result = await reported(here)
        assert [a.filename for a in result.attachments] == [f"{TASK[:8]}-1.mp4", f"{TASK[:8]}-2.mp4"]
        assert result.attachments[0].data == (MEDIA / "sunrise.mp4").read_bytes()
        assert [line for line in result.content.splitlines() if "http" in line] == [
            f"[video {number}](<{url}>) · 127.0.0.1" for number, url in enumerate(videos(here), 1)
        ]
        assert result.pings == {here.ada.id}
    assert kept(tmp_path) == []


async def test_videos_are_called_like_their_render(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True, **QUICK) as here:
        here.api.set(TASK, [running(10), succeeded(*videos(here))])
        use = await here.sim.slash(
            here.ada, here.channel, "veo", "watch", id=TASK, name="镜头 12/../take 3 · <@1>"
        )
        await use.acknowledged()
        assert use.response is not None
        result = await here.result(use.response, 20)
        # Discord keeps what is ASCII of a file's name, and all of its title.
        assert [(a.title, a.filename) for a in result.attachments] == [
            (f"镜头-12-take-3-1-{n}", f"-12-take-3-1-{n}.mp4") for n in (1, 2)
        ]


async def test_videos_of_links_that_do_not_fit_are_attached_and_named_after_the_shot(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True, **QUICK) as here:
        urls = [f"{here.api.base_url}/media/sunrise.mp4?X-Signature={'a' * 600}{n}" for n in range(5)]
        here.api.set(TASK, [running(10), succeeded(*urls)])
        use = await here.sim.slash(
            here.ada, here.channel, "veo", "watch", id=TASK, name="Shot 12 / Aufnahme 镜\u202e"
        )
        card = (await use.acknowledged()).response
        assert card is not None
        result = await here.result(card, 20)
        shown = [line for line in result.content.splitlines() if "http" in line]
        assert shown == [f"[video {n}](<{url}>) · 127.0.0.1" for n, url in enumerate(urls[:2], 1)]
        *copies, listed = result.attachments
        assert [a.title for a in copies] == [f"Shot-12-Aufnahme-镜-{n}" for n in range(1, 6)]
        assert listed.data.decode().splitlines() == urls[2:]


async def test_a_video_that_cannot_be_had_stays_a_link_beside_one_that_can(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True, **QUICK) as here:
        here.api.set_media("waves.mp4", Answer(body=b"<html>", headers={"Content-Type": "text/html"}))
        result = await reported(here)
        sunrise, waves = videos(here)
        assert [a.filename for a in result.attachments] == [f"{TASK[:8]}-1.mp4"]
        assert f"[video 1](<{sunrise}>) · 127.0.0.1" in result.content.splitlines()
        assert waves in result.content.splitlines()


@pytest.mark.parametrize(("status", "code"), [(413, 40005), (400, 40005), (400, 50035)])
async def test_videos_that_discord_refuses_leave_the_links(status: int, code: int, tmp_path: Path) -> None:
    async with place(tmp_path, copies=True, **QUICK) as here:
        here.sim.fault(Fault("POST", POST, status=status, code=code, times=None, with_files=True))
        result = await reported(here)
        assert result.attachments == []
        assert [line for line in result.content.splitlines() if "http" in line] == videos(here)
        assert result.pings == {here.ada.id}


async def test_videos_beyond_the_servers_limit_stay_links(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True, **QUICK) as here:
        big = b"\0\0\0\x18ftypmp42" + bytes(10 * 1024 * 1024)
        here.api.set_media("waves.mp4", Answer(body=big, headers={"Content-Type": "video/mp4"}))
        result = await reported(here)
        assert [a.filename for a in result.attachments] == [f"{TASK[:8]}-1.mp4"]
        assert videos(here)[1] in result.content.splitlines()


async def test_without_the_setting_results_carry_links_alone(tmp_path: Path) -> None:
    async with place(tmp_path, **QUICK) as here:
        result = await reported(here)
        assert result.attachments == []
        assert [line for line in result.content.splitlines() if "http" in line] == videos(here)


async def test_an_answer_that_was_lost_after_an_upload_doubles_nothing(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True, **QUICK) as here:
        here.sim.fault(Fault("POST", POST, when="after", drop=True))
        here.api.set(TASK, [running(10), succeeded(*videos(here))])
        card = await here.watch()
        await here.result(card, 20)
        assert here.app is not None
        store = here.app.store
        await here.shows(card, "Finished", 20)
        for _ in range(100):
            if not await store.to_announce():
                break
            await here.sleep(0.1)
        assert await store.to_announce() == []
        assert len(here.replies(card)) == 1
        assert len(here.replies(card)[0].attachments) == 2
