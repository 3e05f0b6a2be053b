"""Refusals that say nothing of a channel: Discord's edge answers them for seconds to hours, for whole bots.

403 and 404 with JSON and codes such as 0 (nirn-proxy#14, discord-api-docs#6473).
"""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from wire.place import DONE, VIDEO, Place, place, running

from sim.discord import Channel, Fault, Message

pytestmark = pytest.mark.looptime

POST, EDIT = "/channels/*/messages", "/channels/*/messages/*"
EDGE: tuple[dict[str, Any], ...] = (
    {"status": 404, "code": 0},
    {"status": 403, "code": 0},
    {"status": 403, "code": 99999},
    {"status": 404, "code": 99999},
    {"status": 401, "code": 0},
    {"status": 403, "body": {"message": "error code: 1015"}},
)


def task(number: int) -> str:
    return f"eeeeeeee-0000-4000-8000-{number:012}"


async def cards(here: Place, number: int, *, a_channel: int = 2) -> list[tuple[Channel, Message]]:
    """Begin watches whose cards are edited with the bot's token."""
    made = []
    for count in range(number):
        if count % a_channel == 0:
            here.channel = here.guild.add_channel(f"renders-{count}")
        here.api.set(task(count), running(10))
        made.append((here.channel, await here.watch(task(count))))
    await here.sleep(16 * 60)
    here.sim.requests.clear()
    return made


def replies(here: Place, channel: Channel, card: Message) -> list[Message]:
    return [message for message in here.sim.messages(channel) if message.reference is card]


@pytest.mark.parametrize("refusal", EDGE, ids=str)
@pytest.mark.parametrize("lasts", [10.0, pytest.param(1_200.0, marks=pytest.mark.slow)])
async def test_an_edge_that_refuses_everything_for_a_while_costs_nothing(
    lasts: float, refusal: dict[str, Any], tmp_path: Path
) -> None:
    async with place(tmp_path, poll_min_seconds=15) as here:
        made = await cards(here, 10)
        here.sim.fault(Fault(None, "/channels/*", times=None, **refusal))
        for count in range(10):
            here.api.set(task(count), DONE if count < 5 else running(20))
        await here.sleep(lasts)
        here.sim.clear_faults()
        for channel, card in made[:5]:
            there = partial(replies, here, channel, card)
            await here.sim.wait_for(there, lasts + 60)
        for _, card in made[5:]:
            await here.shows(card, "20 %", lasts + 60)
        for count in range(5, 10):
            here.api.set(task(count), DONE)
        await here.sleep(3_600)
        assert [len(replies(here, *one)) for one in made] == [1] * 10
        assert here.app is not None
        assert await here.app.store.unfinished() == []


@pytest.mark.parametrize("path", [POST, EDIT])
async def test_a_refusal_of_one_kind_of_request_alone_costs_nothing(path: str, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        [(channel, card)] = await cards(here, 1)
        here.sim.fault(Fault(None, path, status=403, code=0, times=None))
        here.api.set(task(0), DONE)
        await here.sleep(600)
        here.sim.clear_faults()
        await here.sleep(1_200)
        assert len(replies(here, channel, card)) == 1
        await here.shows(card, "The result is in the reply below.")


@pytest.mark.slow
async def test_what_is_refused_for_days_is_tried_once_an_hour_and_given_up_in_the_end(tmp_path: Path) -> None:
    async with place(tmp_path, keep_days=1) as here:
        [(_, card)] = await cards(here, 1)
        here.sim.fault(Fault("POST", POST, status=403, code=0, times=None))
        here.api.set(task(0), DONE)
        await here.sleep(3 * 3_600)
        assert "Finished" in card.text, "the card says what is known"
        assert "reply" not in card.text, "and points to nothing"
        before = len(here.sim.requests_to("POST", POST))
        await here.sleep(10 * 3_600)
        assert 9 <= len(here.sim.requests_to("POST", POST)) - before <= 11
        await here.sleep(14 * 3_600)
        assert here.app is not None
        assert await here.app.store.unfinished() == []
        assert "reply" not in card.text


@pytest.mark.parametrize("code", [0, 99999])
async def test_a_result_that_is_refused_with_an_unknown_400_is_tried_plainly_and_then_later(
    code: int, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        [(channel, card)] = await cards(here, 1)
        here.sim.fault(Fault("POST", POST, status=400, code=code, times=5))
        here.api.set(task(0), DONE)
        await here.sleep(600)
        [result] = replies(here, channel, card)
        assert VIDEO in result.content + b"".join(file.data for file in result.attachments).decode()
        assert len(here.sim.requests_to("POST", POST)) == 6


async def test_a_reply_whose_target_is_gone_comes_without_being_a_reply(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        [(channel, card)] = await cards(here, 1)
        card.delete()
        unknown = {"_errors": [{"code": "REPLIES_UNKNOWN_MESSAGE", "message": "Unknown message"}]}
        body = {"code": 50035, "message": "Invalid Form Body", "errors": {"message_reference": unknown}}
        here.sim.fault(Fault("POST", POST, status=400, body=body))
        here.api.set(task(0), DONE)
        await here.sleep(120)
        [result] = [message for message in here.sim.messages(channel) if VIDEO in message.content]
        assert result.reference is None
        assert result.pings == {here.ada.id}


PASSING: tuple[dict[str, Any], ...] = (
    {"status": 400, "code": 0},
    {"status": 400, "code": 20009},
    {"status": 400, "code": 50006},
    {"status": 400, "code": 50035},
    {"status": 400, "code": 50083},
    {"status": 400, "code": 160002},
    {"status": 409, "code": 0},
    {"status": 413, "code": 40005},
    {"status": 413, "body": "<html>", "content_type": "text/html"},
    {"status": 451, "code": 0},
    # A request that is cut off in its wait for the global limit must not leave it closed to all others.
    {"status": 429, "body": {"message": "limited", "retry_after": 45.0, "global": True}},
)


@pytest.mark.parametrize("path", [POST, EDIT])
@pytest.mark.parametrize("refusal", PASSING, ids=str)
async def test_whatever_is_refused_for_a_while_comes_in_the_end_as_it_should_be(
    refusal: dict[str, Any], path: str, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        [(channel, card), (other, second)] = await cards(here, 2, a_channel=1)
        here.sim.fault(Fault(None, path, times=None, **refusal))
        here.api.set(task(0), DONE)
        await here.sleep(20)
        here.sim.clear_faults()
        here.api.set(task(1), DONE)
        for there, one in ((channel, card), (other, second)):
            await here.shows(one, "The result is in the reply below.", 120)
            assert len(replies(here, there, one)) == 1


@pytest.mark.slow
async def test_a_form_that_is_refused_for_days_is_given_up(tmp_path: Path) -> None:
    async with place(tmp_path, keep_days=1) as here:
        [(channel, card)] = await cards(here, 1)
        here.sim.fault(Fault("PATCH", EDIT, status=400, code=99999, times=None))
        here.api.set(task(0), DONE)
        await here.sleep(600)
        assert len(replies(here, channel, card)) == 1, "the result waits for no card"
        before = len(here.sim.requests_to("PATCH", EDIT))
        await here.sleep(10 * 3_600)
        assert len(here.sim.requests_to("PATCH", EDIT)) - before <= 2 * 16
        await here.sleep(16 * 3_600)
        assert here.app is not None
        assert await here.app.store.unfinished() == []
