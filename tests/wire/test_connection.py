"""Tokens that die, gateways that go: the bot and its watches outlive them."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from wire.place import DONE, TASK, VIDEO, place, running

from sim.discord import Fault
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime

TOKEN_EDIT = "/webhooks/*"
EDIT = "/channels/*/messages/*"


async def test_a_card_goes_on_when_its_interactions_token_has_ended(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        await here.shows(card, "10 %")
        assert {edit.via for edit in card.edits} == {"webhook"}
        await here.sleep(16 * 60)
        here.api.set(TASK, running(50))
        await here.shows(card, "50 %")
        assert card.edits[-1].via == "bot"
        assert all(r.status < 400 for r in here.sim.requests), "the dead token was not tried"


@pytest.mark.parametrize(("status", "code"), [(401, 50027), (404, 10015)])
async def test_a_token_that_dies_early_costs_nothing(status: int, code: int, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        await here.shows(card, "10 %")
        here.sim.fault(Fault("PATCH", TOKEN_EDIT, status=status, code=code, times=None))
        here.api.set(TASK, [running(50), running(50), running(60), DONE])
        await here.result(card)
        refused = [r for r in here.sim.requests_to("PATCH", TOKEN_EDIT) if r.status == status]
        assert len(refused) == 1, "a dead token is tried once"
        assert card.edits[-1].via == "bot"


async def test_after_a_restart_cards_are_edited_with_the_bots_own_token(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        await here.shows(card, "10 %")
        await here.stop_bot()
        here.api.set(TASK, [running(30), DONE])
        await here.start_bot()
        await here.result(card)
        assert {edit.via for edit in card.edits[1:]} == {"bot"}


async def test_a_bot_starts_although_discord_is_down(tmp_path: Path) -> None:
    async with place(tmp_path, start=False) as here:
        here.sim.rest_down = True
        starting = asyncio.create_task(here.start_bot())
        await here.sleep(300)
        assert not starting.done()
        here.sim.rest_down = False
        here.sim.gateway_down = True
        await here.sleep(20)
        here.sim.gateway_down = False
        await starting
        here.api.set(TASK, DONE)
        assert VIDEO in (await here.watch()).content


@pytest.mark.parametrize("path", ["/users/@me", "/oauth2/applications/@me", "/gateway/bot"])
@pytest.mark.parametrize("body", ['{"id": ', "", "[]", "null", "{}", "<html>"])
async def test_a_bot_starts_although_something_else_answers_for_discord(
    body: str, path: str, tmp_path: Path
) -> None:
    async with place(tmp_path, start=False) as here:
        here.sim.fault(Fault("GET", path, status=200, body=body, times=3))
        await here.start_bot()
        here.api.set(TASK, DONE)
        assert VIDEO in (await here.watch()).content


async def test_results_come_although_the_gateway_is_gone(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        here.sim.gateway_down = True
        await here.sim.drop_gateway()
        here.api.set(TASK, DONE)
        await here.result(card)
        here.sim.gateway_down = False
        await here.sim.wait_ready(120)
        assert VIDEO in (await here.watch()).content


@pytest.mark.parametrize("resumable", [True, False])
async def test_an_invalidated_session_begins_again_at_the_same_discord(
    resumable: bool, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        identified = here.sim.gateway.identifies
        await here.sim.invalidate_sessions(resumable=resumable)
        await here.sleep(30)
        await here.sim.wait_ready(60)
        assert resumable or here.sim.gateway.identifies > identified
        here.api.set(TASK, DONE)
        assert VIDEO in (await here.watch()).content


@pytest.mark.slow
async def test_the_cards_of_one_channel_share_its_limit_and_results_go_first(tmp_path: Path) -> None:
    tasks = [f"bbbbbbbb-0000-4000-8000-{n:012}" for n in range(10)]
    async with place(tmp_path) as here:
        cards = []
        for task in tasks:
            here.api.set(task, [running(n) for n in range(100)])
            cards.append(await here.watch(task))
        await here.sleep(15 * 60 + 10)
        here.sim.requests.clear()
        here.api.set(tasks[7], DONE)
        polls = here.api.polls(tasks[7])
        await here.sim.wait_for(lambda: here.api.polls(tasks[7]) > polls, 60)
        began = here.clock()
        await here.result(cards[7])
        assert here.clock() - began < 15
        assert here.sim.rate_limited == 0


@pytest.mark.slow
async def test_a_hundred_cards_that_move_at_once_stay_below_the_global_limit(tmp_path: Path) -> None:
    """On old cards, edited with the bot's own token, in a channel each."""
    tasks = [f"eeeeeeee-0000-4000-8000-{number:012}" for number in range(100)]
    async with place(tmp_path, poll_min_seconds=60.0, poll_max_seconds=90.0, watches_per_person=500) as here:
        cards = []
        for task in tasks:
            here.channel = here.guild.add_channel(task)
            here.api.set(task, running(10))
            cards.append(await here.watch(task))
        await here.sleep(16 * 60)
        here.sim.requests.clear()
        here.api.fail_all(Answer.json({}, 503))
        for card in cards:
            await here.shows(card, "stopped answering <t:", 200)
        edits = [request.at for request in here.sim.requests_to("PATCH", EDIT)]
        assert len(edits) == len(cards)
        assert here.sim.rate_limited == 0
        assert max(sum(1 for at in edits if 0 <= at - start < 1) for start in edits) <= 50


@pytest.mark.parametrize(("delay", "reported"), [(5.0, True), (60.0, False)])
async def test_what_is_in_flight_at_the_end_gets_ten_seconds(
    delay: float, reported: bool, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        await here.shows(card, "10 %")
        here.api.set(TASK, replace(Answer.json(DONE), delay=delay))
        polls = here.api.polls(TASK)
        while here.api.polls(TASK) == polls:
            await here.sleep(0.1)
        began = here.clock()
        await here.stop_bot()
        assert here.clock() - began <= 10.5
        assert bool(here.replies(card)) is reported
        here.api.set(TASK, DONE)
        await here.start_bot()
        await here.result(card)
        await here.sleep(600)
        assert len(here.replies(card)) == 1
