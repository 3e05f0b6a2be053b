"""A restored backup: what ended after it was made is in the channel already."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from wire.place import DONE, TASK, VIDEO, Place, place, running

from bot.backups.backup import back_up
from bot.backups.restore import restore
from sim.discord import Fault, Message
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime

OTHERS = [f"aaaaaaaa-0000-4000-8000-00000000000{n}" for n in range(3)]


async def begun(here: Place) -> Message:
    """Watch a render, and wait until the watch is stored: a copy made earlier would not have it."""
    here.api.set(TASK, running(10))
    card = await here.watch()
    await here.shows(card, "10 %")
    return card


async def restored(here: Place, copy: Path) -> Path:
    """Do what docs/operating.md says; return where the earlier data is."""
    await here.stop_bot()
    aside = restore(copy, here.data / "bot.db", here.clock())
    await here.start_bot()
    assert aside is not None
    return aside


async def test_a_result_that_came_after_the_backup_is_found_and_not_posted_again(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await begun(here)
        await here.sleep(600)
        copy = tmp_path / "copy.db"
        back_up(tmp_path / "bot.db", copy, here.clock())
        here.api.set(TASK, DONE)
        await here.result(card)
        for number in range(60):
            here.channel.post(here.bob, f"Talking about `{TASK}` {number}")
        await here.sleep(4 * 3600)  # nonces have long expired
        await restored(here, copy)
        await here.sleep(300)
        assert len(here.replies(card)) == 1
        assert "Finished" in card.text
        await restored(here, copy)
        await here.sleep(300)
        assert len(here.replies(card)) == 1, "nor the second time"


async def test_a_restore_that_is_undone_doubles_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await begun(here)
        copy = back_up(tmp_path / "bot.db", tmp_path / "copy.db", here.clock())
        await here.sleep(60)
        aside = await restored(here, copy)
        here.api.set(TASK, DONE)
        await here.result(card)
        await here.sleep(3600)
        await restored(here, aside)
        await here.sleep(300)
        assert len(here.replies(card)) == 1


@pytest.mark.parametrize("started_between", [True, False])
async def test_a_backup_of_restored_data_stays_unconfirmed(started_between: bool, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await begun(here)
        copy = back_up(tmp_path / "bot.db", tmp_path / "copy.db", here.clock())
        here.api.set(TASK, DONE)
        await here.result(card)
        await here.sleep(3600)
        here.api.fail_all(Answer.json({}, 503))  # so that it is not settled before the second copy
        if started_between:
            await restored(here, copy)
            await here.sleep(60)
        else:
            await here.stop_bot()
            restore(copy, here.data / "bot.db", here.clock())
        second = back_up(tmp_path / "bot.db", tmp_path / "second.db", here.clock())
        await here.sleep(3600)
        await restored(here, second)
        here.api.recover()
        await here.sleep(300)
        assert "Finished" in card.text
        assert len(here.replies(card)) == 1


async def test_a_plain_copy_of_an_earlier_version_is_as_old_as_its_file(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await begun(here)
        await here.stop_bot()
        copy = Path(shutil.copy(tmp_path / "bot.db", tmp_path / "copy.db"))
        os.utime(copy, (here.clock(), here.clock()))
        await here.start_bot()
        here.api.set(TASK, DONE)
        await here.result(card)
        await here.sleep(3600)
        await restored(here, copy)
        await here.sleep(300)
        assert len(here.replies(card)) == 1


@pytest.mark.slow
async def test_what_was_not_posted_yet_is_posted_once_whatever_the_backup_had_seen(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        live, planned = OTHERS[:2]
        for task in (live, planned):
            here.api.set(task, running(10))
        cards = [await here.watch(task) for task in (live, planned)]
        here.sim.fault(Fault("POST", "/channels/*/messages", status=503, times=None))
        assert here.app is not None
        await here.shows(cards[1], "10 %")
        for number in range(250):  # a message pings at most 100 people
            await here.app.store.people.follow(2, 10**18 + number, here.clock())
        here.api.set(planned, DONE | {"id": planned})
        await here.shows(cards[1], "Finished")
        await here.sleep(30)
        copy = tmp_path / "copy.db"
        back_up(tmp_path / "bot.db", copy, here.clock())
        here.sim.clear_faults()
        await here.sleep(3600)
        parts = len(here.replies(cards[1]))
        assert parts > 1, "of which the copy knows only that the first was being sent"
        await restored(here, copy)
        await here.sleep(300)
        assert len(here.replies(cards[1])) == parts, "it was posted after the backup"
        here.api.set(live, DONE)
        assert VIDEO in (await here.result(cards[0], 120)).content, "it was not"
        # What begins afterwards owes nothing to the backup: no look through the channel.
        here.api.set(OTHERS[2], running(10))
        asked = len(here.sim.requests_to("GET", "/channels/*/messages"))
        card = await here.watch(OTHERS[2])
        here.api.set(OTHERS[2], DONE)
        await here.result(card)
        assert len(here.sim.requests_to("GET", "/channels/*/messages")) == asked


BY_HAND: dict[str, Callable[[Path, Path], object]] = {
    "cp": shutil.copyfile,
    "cp -p": shutil.copy2,
    "mv": os.replace,
}


@pytest.mark.parametrize("how", BY_HAND)
@pytest.mark.parametrize("marked", [True, False], ids=["with a mark", "the mark is gone"])
async def test_an_older_file_copied_back_doubles_nothing(how: str, marked: bool, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await begun(here)
        await here.stop_bot()
        copy = Path(shutil.copy(tmp_path / "bot.db", tmp_path / "copy.db"))
        await here.start_bot()
        here.api.set(TASK, DONE)
        await here.result(card)
        await here.sleep(4 * 3600)  # nonces have long expired
        await here.stop_bot()
        BY_HAND[how](copy, tmp_path / "bot.db")
        if not marked:
            (tmp_path / "bot.db.last-run").unlink()
        await here.start_bot()
        await here.sleep(300)
        assert len(here.replies(card)) == 1
        assert "Finished" in card.text


async def test_a_whole_restored_folder_doubles_nothing(tmp_path: Path) -> None:
    async with place(tmp_path / "data") as here:
        card = await begun(here)
        await here.stop_bot()
        shutil.copytree(tmp_path / "data", tmp_path / "copy")
        for path in (tmp_path / "copy").iterdir():  # as old as it would be after the hours that pass here
            if path.name == "bot.db.last-run":
                number, at = path.read_bytes().split()
                path.write_bytes(b"%b %020d\n" % (number, int(at) - 4 * 3600 * 10**9))
        await here.start_bot()
        here.api.set(TASK, DONE)
        await here.result(card)
        await here.sleep(4 * 3600)
        await here.stop_bot()
        shutil.rmtree(tmp_path / "data")
        shutil.copytree(tmp_path / "copy", tmp_path / "data")
        await here.start_bot()
        await here.sleep(300)
        assert len(here.replies(card)) == 1
