"""What people do to a card and its channel, and what the bot makes of it; no 403 or 404 is ever repeated."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from wire.place import DONE, TASK, VIDEO, Place, place, running

from sim.discord import Fault, Message

pytestmark = pytest.mark.looptime

EDIT, POST = "/channels/*/messages/*", "/channels/*/messages"


async def moving_card(here: Place) -> Message:
    """Begin a watch whose card is edited with the bot's token."""
    here.api.set(TASK, running(10))
    card = await here.watch()
    await here.shows(card, "10 %")
    await here.sleep(16 * 60)
    return card


def refused_more_than_once(here: Place) -> list[str]:
    refusals = Counter(f"{r.method} {r.path}" for r in here.sim.requests if r.status in {403, 404})
    return [path for path, times in refusals.items() if times > 1 and not re.search("webhooks", path)]


async def nothing_is_watched(here: Place) -> None:
    polls = here.api.polls(TASK)
    await here.sleep(120)
    assert here.api.polls(TASK) <= polls + 1
    assert here.app is not None
    assert await here.app.store.unfinished() == []
    assert refused_more_than_once(here) == []


async def test_a_card_deleted_while_running_ends_the_watch_quietly(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        card.delete()
        here.api.set(TASK, running(20))
        await here.sleep(60)
        await nothing_is_watched(here)
        assert here.replies(card) == []


async def test_a_card_deleted_at_the_end_does_not_cost_the_result(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        card.delete()
        here.api.set(TASK, DONE)
        await here.sim.wait_for(lambda: any(VIDEO in m.content for m in here.sim.messages(here.channel)), 60)
        await nothing_is_watched(here)


async def test_a_bot_thrown_out_drops_its_watches(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await moving_card(here)
        here.guild.remove_bot()
        here.api.set(TASK, running(20))
        await here.sleep(60)
        await nothing_is_watched(here)


async def test_a_card_whose_form_is_refused_is_shown_plainly(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.sim.fault(Fault("PATCH", EDIT, status=400, code=50035))
        here.api.set(TASK, running(20))
        await here.sleep(60)
        assert len(here.sim.requests_to("PATCH", EDIT)) == 2
        assert "Rendering" in card.text
        here.api.set(TASK, DONE)
        assert VIDEO in (await here.result(card)).content
        await here.shows(card, "Finished")


@pytest.mark.slow
async def test_an_old_cards_limit_is_waited_for_and_the_newest_form_wins(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        await here.sleep(3600)
        here.api.set(TASK, [running(n) for n in range(20, 60)])
        await here.shows(card, "59 %", 1200)
        here.api.set(TASK, DONE)
        await here.result(card)
        await here.shows(card, "Finished")
        assert here.sim.rate_limited <= 3


async def test_a_ban_by_what_stands_before_discord_is_given_a_minute(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        ban = Fault("POST", POST, status=429, via=False, body="<html>", content_type="text/html", times=2)
        here.sim.fault(ban)
        here.api.set(TASK, DONE)
        await here.result(card, 600)
        at = [request.at for request in here.sim.requests_to("POST", POST)]
        assert all(later - earlier >= 60 for earlier, later in pairwise(at))


async def test_leaving_and_joining_a_server_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "bot.gateway.client")
    async with place(tmp_path) as here:
        await here.sleep(10)  # discord.py waits for servers for a while
        here.guild.remove_bot()
        await here.sleep(1)
        here.guild.add_bot()
        await here.sleep(1)
    said = [(r.message, vars(r)["servers"]) for r in caplog.records if "a server" in r.message]
    assert said == [
        ("the bot was removed from a server; only the invite link brings it back", 0),
        ("the bot was added to a server", 1),
    ]
