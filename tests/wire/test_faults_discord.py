"""What Discord can refuse, code by code: an edit of a card, by its token or the bot's, and a result."""

from pathlib import Path
from typing import Any

import pytest
from wire.place import DONE, TASK, VIDEO, Place, place, running, succeeded

from sim.discord import Fault, Message

pytestmark = pytest.mark.looptime

BY_TOKEN, BY_BOT = "/webhooks/*", "/channels/*/messages/*"
POST = "/channels/*/messages"
PAGE: dict[str, Any] = {"body": "<html>", "content_type": "text/html"}
"""What a proxy says in the place of Discord."""


def row(sentence: str, *values: Any) -> Any:
    return pytest.param(*values, id=sentence)


async def moving_card(here: Place, path: str) -> Message:
    """Begin a watch whose card is edited in this way; a restart forgets the interaction's token."""
    here.api.set(TASK, running(10))
    card = await here.watch()
    await here.shows(card, "10 %")
    if path == BY_BOT:
        await here.stop_bot()
        await here.start_bot()
        await here.sim.wait_for(lambda: card.edits[-1].via == "bot", 60)
        await here.shows(card, "10 %")
    here.sim.requests.clear()
    return card


async def nothing_is_left(here: Place) -> None:
    """Let some minutes pass and see that nothing is watched, told or asked any more."""
    await here.sleep(10)  # the card's final form comes after the result
    polls, calls = len(here.api.requests), len(here.sim.requests)
    await here.sleep(200)
    assert (len(here.api.requests), len(here.sim.requests)) == (polls, calls)
    assert here.app is not None
    assert await here.app.store.unfinished() == []
    assert await here.app.store.to_announce() == []


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        row("10003 the channel is gone, by token", BY_TOKEN, 404, 10003),
        row("10003 the channel is gone, by bot", BY_BOT, 404, 10003),
        row("10008 the card is gone, by token", BY_TOKEN, 404, 10008),
        row("10004 the server is gone, by token", BY_TOKEN, 404, 10004),
        row("10004 the server is gone, by bot", BY_BOT, 404, 10004),
        row("10008 the card is gone, by bot", BY_BOT, 404, 10008),
    ],
)
async def test_a_card_that_cannot_be_reached_is_let_go_after_one_refused_call(
    path: str, status: int, code: int, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here, path)
        here.sim.fault(Fault(None, "*", status=status, code=code, times=None))
        here.api.set(TASK, running(20))
        await here.sleep(60)
        assert [request.status for request in here.sim.requests] == [status]
        await nothing_is_left(here)
        assert here.replies(card) == []


@pytest.mark.parametrize("answer", [PAGE, {"body": "[]"}, {"body": '{"id": "1"}'}])
@pytest.mark.parametrize("path", [BY_TOKEN, BY_BOT])
async def test_an_edit_that_a_proxy_answers_in_discords_place_is_made_again(
    path: str, answer: dict[str, Any], tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here, path)
        here.sim.fault(Fault("PATCH", path, status=200, times=2, **answer))
        here.api.set(TASK, DONE)
        await here.shows(card, "Finished", 60)
        await here.result(card)
        await nothing_is_left(here)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        row("50035 a bad form, by token", BY_TOKEN, 400, 50035),
        row("50035 a bad form, by bot", BY_BOT, 400, 50035),
        row("50006 an empty message, by token", BY_TOKEN, 400, 50006),
        row("50006 an empty message, by bot", BY_BOT, 400, 50006),
        row("40005 too large, by bot", BY_BOT, 413, 40005),
    ],
)
async def test_a_form_that_is_refused_is_tried_plainly_then_ever_more_rarely_and_costs_no_result(
    path: str, status: int, code: int, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here, path)
        here.sim.fault(Fault("PATCH", path, status=status, code=code, times=None))
        here.api.set(TASK, running(20))
        await here.sleep(300)
        whole, plain, *again = here.sim.requests_to("PATCH", path)
        assert len(str(plain.body)) < len(str(whole.body))
        assert len(again) < 20
        here.api.set(TASK, DONE)
        assert VIDEO in (await here.result(card)).content
        here.sim.clear_faults()
        await here.shows(card, "Finished", 600)
        await nothing_is_left(here)
        assert len(here.replies(card)) == 1


@pytest.mark.parametrize(
    ("path", "trouble"),
    [
        row("30046 an old card's limit, by bot", BY_BOT, {"status": 429, "code": 30046, "retry_after": 6.0}),
        row("30046 a long one, by bot", BY_BOT, {"status": 429, "code": 30046, "retry_after": 90.0}),
        row("30046 a long one, by token", BY_TOKEN, {"status": 429, "code": 30046, "retry_after": 90.0}),
        row("429 without Via, by token", BY_TOKEN, {"status": 429, "via": False} | PAGE),
        row("429 without Via, by bot", BY_BOT, {"status": 429, "via": False} | PAGE),
        row("503 three times, by token", BY_TOKEN, {"status": 503, "times": 3}),
        row("503 three times, by bot", BY_BOT, {"status": 503, "times": 3}),
        row("403 of a proxy, by bot", BY_BOT, {"status": 403} | PAGE),
        row("404 of a proxy, by token", BY_TOKEN, {"status": 404} | PAGE),
        row("401 of nobody, by bot", BY_BOT, {"status": 401}),
        row("a page for an edit that was taken, by bot", BY_BOT, {"when": "after"} | PAGE),
        row("a page for an edit that was not, by token", BY_TOKEN, PAGE),
        row("a cut connection, by token", BY_TOKEN, {"drop": True}),
    ],
)
async def test_an_edit_that_cannot_be_made_now_is_made_later_in_its_newest_form(
    path: str, trouble: dict[str, Any], tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here, path)
        fault = here.sim.fault(Fault("PATCH", path, **trouble))
        here.api.set(TASK, [running(20), running(30)])
        await here.shows(card, "30 %", 200)
        assert fault.hits == (fault.times or 0)
        assert len(here.sim.requests_to("PATCH", path)) <= fault.hits + 2
        here.api.set(TASK, DONE)
        await here.result(card)


@pytest.mark.parametrize("path", [row("by token", BY_TOKEN), row("by bot", BY_BOT)])
async def test_a_card_in_an_archived_thread_rests_until_its_result_reopens_it(
    path: str, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.channel = here.channel.add_thread("a render")
        card = await moving_card(here, path)
        here.channel.set_state(archived=True)
        here.api.set(TASK, [running(n) for n in range(20, 60)])
        await here.sleep(500)
        assert [request.code for request in here.sim.requests] == [50083]
        here.api.set(TASK, DONE)
        assert VIDEO in (await here.result(card)).content
        await here.shows(card, "Finished")
        assert not here.channel.archived


@pytest.mark.parametrize(
    ("status", "code"),
    [
        row("10003 the channel is gone", 404, 10003),
        row("10004 the server is gone", 404, 10004),
    ],
)
async def test_a_result_that_nobody_can_see_is_dropped_after_one_refused_call(
    status: int, code: int, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here, BY_TOKEN)
        here.sim.fault(Fault("POST", POST, status=status, code=code, times=None))
        here.api.set(TASK, DONE)
        await here.sleep(30)
        assert len(here.sim.requests_to("POST", POST)) == 1
        assert here.replies(card) == []
        await nothing_is_left(here)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        # What the edge answers says nothing of the message (discord-api-docs#6473); 10008 is about the card
        # in the answer to an edit, and about a message that was never sent here.
        row("10008", 404, 10008),
        row("404", 404, 0),
        row("403", 403, 0),
        row("401", 401, 0),
    ],
)
async def test_a_result_refused_for_a_while_comes_once_without_a_search(
    status: int, code: int, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here, BY_TOKEN)
        here.sim.fault(Fault("POST", POST, status=status, code=code, times=None))
        here.api.set(TASK, DONE)
        await here.sim.wait_for(lambda: here.sim.requests_to("POST", POST), 60)
        await here.sleep(20)
        here.sim.clear_faults()
        assert VIDEO in (await here.result(card, 120)).content
        await here.shows(card, "The result is in the reply below.")
        await nothing_is_left(here)
        assert len(here.replies(card)) == 1
        assert here.sim.requests_to("GET", POST) == []


@pytest.mark.parametrize("code", [0, 10008])
async def test_a_lost_answer_and_then_a_refusal_are_followed_by_a_search(code: int, tmp_path: Path) -> None:
    """discord.py repeats a request after a 502, and hands on the refusal of the repetition alone."""
    async with place(tmp_path) as here:
        card = await moving_card(here, BY_TOKEN)
        here.sim.fault(Fault("POST", POST, when="after", status=502, times=1))
        here.api.set(TASK, DONE)
        await here.result(card)
        here.sim.fault(Fault("POST", POST, status=404, code=code, times=None))
        await here.sleep(600)  # Discord has forgotten the nonce
        here.sim.clear_faults()
        await here.shows(card, "The result is in the reply below.", 600)
        await nothing_is_left(here)
        assert len(here.replies(card)) == 1


async def test_a_result_that_was_sent_and_deleted_while_its_answer_was_lost_stays_deleted(
    tmp_path: Path,
) -> None:
    """Sent again with its nonce, what was deleted is an unknown message (documented with `enforce_nonce`)."""
    async with place(tmp_path) as here:
        card = await moving_card(here, BY_TOKEN)
        here.sim.fault(Fault("POST", POST, when="after", drop=True, times=1))
        here.api.set(TASK, DONE)
        (await here.result(card)).delete()
        await here.sleep(120)
        assert {request.code for request in here.sim.requests_to("POST", POST)[1:]} == {10008}
        await nothing_is_left(here)
        assert here.replies(card) == []


async def test_a_result_that_got_lost_is_not_taken_for_a_deleted_one(tmp_path: Path) -> None:
    """What the edge answers for a while says nothing of the message (discord-api-docs#6473)."""
    async with place(tmp_path) as here:
        card = await moving_card(here, BY_TOKEN)
        here.sim.fault(Fault("POST", POST, drop=True, times=1))
        here.sim.fault(Fault("POST", POST, status=404, code=10008, times=3))
        here.api.set(TASK, DONE)
        assert VIDEO in (await here.result(card, 120)).content
        await nothing_is_left(here)
        assert len(here.replies(card)) == 1


async def test_a_refusal_then_a_crash_then_the_end_of_the_refusals(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here, BY_TOKEN)
        here.sim.fault(Fault("POST", POST, status=404, code=10008, times=None))
        here.api.set(TASK, DONE)
        await here.sim.wait_for(lambda: here.sim.requests_to("POST", POST), 60)
        await here.kill_bot()
        here.sim.clear_faults()
        await here.start_bot()
        assert VIDEO in (await here.result(card, 120)).content
        await nothing_is_left(here)
        assert len(here.replies(card)) == 1


@pytest.mark.parametrize(
    ("status", "code", "lost"),
    [
        row("50035 a bad form comes plainly", 400, 50035, "nothing"),
        row("50006 an empty message comes plainly", 400, 50006, "nothing"),
        row("40005 too large comes without its file", 413, 40005, "file"),
        row("40005 too large comes without its file, as a 400", 400, 40005, "file"),
        row("160002 no history comes without being a reply", 400, 160002, "reply"),
    ],
)
async def test_a_result_that_is_refused_is_tried_once_with_less(
    status: int, code: int, lost: str, tmp_path: Path
) -> None:
    long = f"https://cdn.example/{'x' * 3000}.mp4"
    async with place(tmp_path) as here:
        card = await moving_card(here, BY_TOKEN)
        here.sim.fault(Fault("POST", POST, status=status, code=code, times=1))
        here.api.set(TASK, succeeded(VIDEO, long))
        await here.shows(card, "Finished")
        await here.sleep(10)
        await nothing_is_left(here)
        assert len(here.sim.requests_to("POST", POST)) == 2
        [result] = [message for message in here.sim.messages(here.channel) if message is not card]
        assert result.pings == {here.ada.id}
        assert f"`{TASK}`" in result.content
        assert (result.reference is card) == (lost != "reply")
        filed = b"".join(attachment.data for attachment in result.attachments).decode()
        assert (VIDEO in result.content + filed, long in filed) == (True, lost != "file")


@pytest.mark.parametrize(
    ("code", "seconds"),
    [
        row("a limit of some seconds", 0, 3.0),
        row("a limit of more than a minute", 0, 70.0),
        row("20016 slow mode of some seconds", 20016, 5.0),
        row("20016 slow mode of ten minutes", 20016, 600.0),
        row("20016 slow mode of six hours", 20016, 21_600.0),
    ],
)
async def test_a_result_that_has_to_wait_comes_once_when_it_may(
    code: int, seconds: float, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here, BY_TOKEN)
        here.sim.fault(Fault("POST", POST, status=429, code=code, retry_after=seconds))
        here.api.set(TASK, DONE)
        await here.sim.wait_for(lambda: here.sim.requests_to("POST", POST), 60)
        began = here.clock()
        await here.result(card, 4000)
        assert here.clock() - began >= min(seconds, 3600) - 1
        await nothing_is_left(here)
        assert len(here.replies(card)) == 1
