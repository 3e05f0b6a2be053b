"""Videos and a disk that is full: results come, and the database has what it needs."""

import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from store.places import migrated
from wire.place import TASK, Place, place, running, succeeded
from wire.process import process

from sim.discord import Fault
from sim.task_api.answers import Answer

MEBIBYTE = 2**20
POST = "/channels/*/messages"


def serve(here: Place, name: str, size: int) -> str:
    body = b"\0\0\0\x18ftypmp42" + bytes(size - 12)
    here.api.set_media(name, Answer(body=body, headers={"Content-Type": "video/mp4"}))
    return f"{here.api.base_url}/media/{name}"


def kept(data: Path) -> list[Path]:
    return list((data / "bot.db-videos").iterdir())


@pytest.mark.slow
@pytest.mark.looptime
async def test_many_results_with_videos_come_from_a_small_disk(small_disk: Path) -> None:
    async with place(small_disk, copies=True, watches_per_person=50) as here:
        here.sim.limits.posts = None
        link = serve(here, "a.mp4", 2 * MEBIBYTE)
        ids = [f"8cb280b3-442e-1db2-43f0-{number:012}" for number in range(40)]
        cards = []
        for number in range(0, 40, 10):
            for task in ids[number : number + 10]:
                here.api.set(task, running(10, id=task))
            cards.append(await here.watch(" ".join(ids[number : number + 10])))
        await here.sleep(20)
        for task in ids:
            here.api.set(task, succeeded(link) | {"id": task})
        await here.sleep(100)
        results = [result for card in cards for result in here.replies(card)[:-1]]  # then the summary
        assert len(results) == 40
        assert sum(bool(result.attachments) for result in results) >= 5
        assert here.app is not None
        assert await here.app.store.to_announce() == []
        assert kept(small_disk) == []


@pytest.mark.looptime
async def test_an_outage_piles_up_no_videos(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True) as here:
        here.sim.fault(Fault("POST", POST, status=503, times=None))
        link = serve(here, "a.mp4", MEBIBYTE)
        here.api.set(TASK, running(10))
        card = await here.watch()
        await here.sleep(10)
        here.api.set(TASK, succeeded(link))
        await here.shows(card, "Finished")
        await here.sleep(20)
        assert kept(tmp_path) == []
        here.sim.clear_faults()
        assert link in (await here.result(card, 600)).content


@pytest.mark.looptime
async def test_a_disk_that_takes_no_writes_gets_rid_of_the_videos_first(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True, poll_min_seconds=2, poll_max_seconds=3) as here:
        here.sim.uplink.speed = 100_000
        link = serve(here, "a.mp4", MEBIBYTE)
        ids = [f"8cb280b3-442e-1db2-43f0-{number:012}" for number in range(3)]
        for task in ids:
            here.api.set(task, running(10, id=task))
        card = await here.watch(" ".join(ids))
        await here.sleep(10)
        here.api.set(ids[0], succeeded(link) | {"id": ids[0]})
        here.api.set(ids[1], succeeded(link) | {"id": ids[1]})
        while len(kept(tmp_path)) < 2:
            await here.sleep(0.5)
        here.break_disk()
        here.api.set(ids[2], succeeded(link) | {"id": ids[2]})
        await here.sleep(10)
        assert kept(tmp_path) == []
        here.break_disk(broken=False)
        await here.sleep(120)
        assert len(here.replies(card)) == 3 + 1, "with the summary"


@pytest.mark.slow
async def test_videos_of_a_killed_bot_do_not_keep_it_from_starting(small_disk: Path) -> None:
    (small_disk / "bot.db").write_bytes(migrated())
    (small_disk / "bot.db.lock").touch()
    (small_disk / "bot.db-videos").mkdir()
    left = small_disk / "bot.db-videos" / "1.part"
    with left.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert shutil.disk_usage(small_disk).free == 0
    async with process(small_disk) as here:
        await here.start()
        assert not left.exists()
        assert await here.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("attach", ["true", "false"])
async def test_a_videos_folder_that_is_a_link_is_refused(attach: str, tmp_path: Path) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    for folder in (data, outside):
        folder.mkdir()
    (outside / "kept").write_text("x")
    (data / "bot.db-videos").symlink_to(outside)
    async with process(data, ATTACH_VIDEOS=attach) as here:
        await here.start(wait=False)
        assert await here.ended() != 0
        assert "bot.db-videos" in here.log
        assert "link" in here.log
        assert "Traceback" not in here.log
    assert (outside / "kept").read_text() == "x"
