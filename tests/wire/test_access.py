"""Access to a channel that is taken away: the channel waits, renders are polled on, and nothing is lost."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from wire.place import DONE, TASK, VIDEO, Place, place, running

from sim.discord import Fault, Message, Permission
from sim.discord.permissions import BOT_DEFAULT

pytestmark = pytest.mark.looptime

POST, EDIT = "/channels/*/messages", "/channels/*/messages/*"
DAY = 24 * 3_600.0
DAYS: dict[str, Any] = {
    "watch_stalled_hours": 72,
    "watch_max_hours": 72,
    "poll_min_seconds": 120,
    "poll_max_seconds": 120,
}
"""Settings for watches that last longer than a day, and whose render need not be polled often."""
CLOSED = {403, 400}


async def moving_card(here: Place) -> Message:
    """Begin a watch whose card is edited with the bot's token."""
    here.api.set(TASK, running(10))
    card = await here.watch()
    await here.shows(card, "10 %")
    await here.sleep(16 * 60)
    here.sim.requests.clear()
    return card


def tries(here: Place) -> list[float]:
    """Return when something was tried in a closed channel, in minutes from the first time."""
    at = [request.at for request in here.sim.requests if request.status in CLOSED]
    return [round((later - at[0]) / 60, 1) for later in at]


async def posted_once(here: Place, card: Message, within: float) -> None:
    await here.result(card, within)
    await here.shows(card, "The result is in the reply below.")
    await here.sleep(3_600)
    assert len(here.replies(card)) == 1
    assert here.app is not None
    assert await here.app.store.unfinished() == []


@pytest.mark.slow
@pytest.mark.parametrize(("status", "code"), [(403, 50001), (403, 50013), (400, 160005), (403, 160005)])
@pytest.mark.parametrize("done", [True, False])
async def test_a_closed_channel_is_tried_after_1_5_15_and_then_every_30_minutes(
    done: bool, status: int, code: int, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        await moving_card(here)
        here.sim.fault(Fault(None, "/channels/*", status=status, code=code, times=None))
        here.api.set(TASK, DONE if done else running(20))
        await here.sleep(5_400)
        assert tries(here)[:6] == [0, 1, 6, 21, 51, 81]


@pytest.mark.slow
@pytest.mark.parametrize("done", [True, False])
async def test_a_closed_channel_is_tried_for_a_day(done: bool, tmp_path: Path) -> None:
    async with place(tmp_path, **DAYS) as here:
        await moving_card(here)
        here.sim.fault(Fault(None, "/channels/*", status=403, code=50001, times=None))
        here.api.set(TASK, DONE if done else running(20))
        await here.sleep(7_200)
        polls = here.api.polls(TASK)
        await here.sleep(3_600)
        assert (here.api.polls(TASK) > polls) is not done, "a render is polled on"
        await here.sleep(DAY)
        assert all(later - earlier <= 30 for earlier, later in pairwise(tries(here)))
        assert DAY / 60 <= tries(here)[-1] <= DAY / 60 + 30
        assert here.app is not None
        assert await here.app.store.unfinished() == []


@pytest.mark.parametrize(
    ("status", "code"), [(403, 50001), (403, 50013), (400, 160005)], ids=["hidden", "no sending", "locked"]
)
async def test_a_result_comes_once_when_the_channel_is_open_again(
    status: int, code: int, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.sim.fault(Fault(None, "/channels/*", status=status, code=code, times=None))
        here.api.set(TASK, DONE)
        await here.sleep(4 * 3_600)
        here.sim.clear_faults()
        assert here.replies(card) == []
        await posted_once(here, card, 1_801)


def by_channel(here: Place) -> tuple[Callable[[], None], Callable[[], None]]:
    return lambda: here.channel.restrict_bot(0), lambda: here.channel.restrict_bot(None)


def by_role(here: Place) -> tuple[Callable[[], None], Callable[[], None]]:
    without = BOT_DEFAULT & ~Permission.SEND_MESSAGES
    return lambda: here.guild.set_bot_permissions(without), lambda: here.guild.set_bot_permissions(
        BOT_DEFAULT
    )


def by_timeout(here: Place) -> tuple[Callable[[], None], Callable[[], None]]:
    return lambda: here.guild.time_out_bot(here.clock() + DAY), lambda: here.guild.time_out_bot(None)


@pytest.mark.parametrize("way", [by_channel, by_role, by_timeout])
@pytest.mark.parametrize("after", [0.0, 400.0, 4 * 3_600.0])
async def test_what_opens_a_channel_again_is_noticed_at_once(
    after: float, way: Callable[[Place], tuple[Callable[[], None], Callable[[], None]]], tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        close, open_ = way(here)
        close()
        here.api.set(TASK, DONE)
        await here.sim.wait_for(lambda: tries(here), 60)
        await here.sleep(after)
        open_()
        await posted_once(here, card, 15)


async def test_a_thread_that_is_unlocked_gets_its_result_at_once(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.channel = here.channel.add_thread("a render")
        card = await moving_card(here)
        here.channel.set_state(locked=True)
        here.api.set(TASK, DONE)
        await here.sleep(3_600)
        assert here.replies(card) == []
        here.channel.set_state(locked=False)
        await posted_once(here, card, 15)


async def test_events_that_open_nothing_cause_few_tries(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await moving_card(here)
        here.channel.restrict_bot(0)
        here.api.set(TASK, running(20))
        await here.sleep(60)
        before = len(tries(here))
        for number in range(100):
            here.guild.grant(here.bob, number)
            await here.sleep(0.5)
        assert len(tries(here)) <= before + 6


@pytest.mark.slow
async def test_without_access_for_a_day_the_watch_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "bot")
    async with place(tmp_path, **DAYS) as here:
        await moving_card(here)
        here.channel.restrict_bot(int(BOT_DEFAULT & ~Permission.SEND_MESSAGES))
        here.sim.fault(Fault("PATCH", EDIT, status=403, code=50013, times=None))
        here.api.set(TASK, running(20))
        await here.sleep(DAY - 3_600)
        assert here.app is not None
        assert len(await here.app.store.unfinished()) == 1
        await here.sleep(2 * 3_600)
        assert await here.app.store.unfinished() == []
        polls = here.api.polls(TASK)
        await here.sleep(3_600)
        assert here.api.polls(TASK) == polls
    said = [vars(record) for record in caplog.records if "closed to the bot" in record.message]
    assert [(line["channel"], line["lacking"]) for line in said] == [(here.channel.id, "send_messages")]


@pytest.mark.slow
async def test_a_closed_channel_is_named_in_the_list_and_to_the_operator(tmp_path: Path) -> None:
    async with place(tmp_path, monitored=True, **DAYS) as here:
        await moving_card(here)
        here.channel.restrict_bot(int(BOT_DEFAULT & ~Permission.SEND_MESSAGES))
        here.sim.fault(Fault("PATCH", EDIT, status=403, code=50013, times=None))
        here.api.set(TASK, running(20))
        await here.sleep(60)
        listed = await here.sim.slash(here.ada, here.channel, "veo", "list")
        await listed.acknowledged()
        assert "I cannot post in this channel right now" in listed.text
        _, ready = await page(here, "readyz")
        assert f"{here.channel.id} (send_messages)" in json.loads(ready)["parts"]["channels"]["state"]
        _, metrics = await page(here, "metrics")
        labels = f'channel="{here.channel.id}",lacking="send_messages"'
        assert f"veobot_channel_closed{{{labels}}} 1.0" in metrics
        here.sim.clear_faults()
        here.channel.restrict_bot(None)
        await here.sleep(60)
        assert "channels" not in json.loads((await page(here, "readyz"))[1])["parts"]
        here.sim.fault(Fault("PATCH", EDIT, status=403, code=50013, times=None))
        here.api.set(TASK, running(30))
        await here.sleep(26 * 3_600)
        listed = await here.sim.slash(here.ada, here.channel, "veo", "list")
        await listed.acknowledged()
        assert "I could no longer post in this channel" in listed.text


async def page(here: Place, name: str) -> tuple[int, str]:
    address = f"http://127.0.0.1:{here.monitoring_port}/{name}"
    async with aiohttp.ClientSession() as session, session.get(address) as answer:
        return answer.status, await answer.text()


async def test_a_channel_without_access_holds_up_no_other(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await moving_card(here)
        closed, here.channel = here.channel, here.guild.add_channel("films")
        here.api.set("other-1", running(10))
        card = await here.watch("other-1")
        closed.restrict_bot(0)
        here.api.set(TASK, DONE)
        await here.sleep(60)
        here.api.set("other-1", DONE)
        await here.result(card, 30)


async def test_a_message_with_files_that_lacks_a_permission_goes_without_them(tmp_path: Path) -> None:
    long = f"https://cdn.example/{'x' * 3000}.mp4"
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.channel.restrict_bot(int(BOT_DEFAULT & ~Permission.ATTACH_FILES))
        here.api.set(TASK, {**DONE, "data": {"videos": [{"url": VIDEO}, {"url": long}]}})
        result = await here.result(card, 30)
        assert VIDEO in result.content


async def test_an_archived_thread_that_takes_no_message_costs_no_result(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.sim.fault(Fault("POST", POST, status=400, code=50083, times=6))
        here.api.set(TASK, DONE)
        await posted_once(here, card, 600)


async def test_a_search_that_is_refused_pauses_the_channel_too(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.sim.fault(Fault("POST", POST, when="after", drop=True))
        here.sim.fault(Fault("GET", POST, status=403, code=50001, times=None))
        here.api.set(TASK, DONE)
        await here.sleep(3 * 3_600)
        here.sim.clear_faults()
        here.channel.restrict_bot(None)
        await here.sleep(60)
        assert len(here.replies(card)) == 1
        await posted_once(here, card, 1)
