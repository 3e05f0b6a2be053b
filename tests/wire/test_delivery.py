"""The end comes once: through lost answers, errors after the effect, and crashes at the worst moments."""

import re
from pathlib import Path
from typing import Any

import pytest
from wire.place import DONE, START, TASK, VIDEO, Place, place, running, succeeded

from sim.discord import Fault, Message
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime

POST = "/channels/*/messages"
EDIT = "/channels/*/messages/*"
TOKEN_EDIT = "/webhooks/*"


async def moving_card(here: Place) -> Message:
    here.api.set(TASK, running(10))
    card = await here.watch()
    await here.shows(card, "10 %")
    return card


async def is_told_once(here: Place, card: Message, parts: int = 1) -> None:
    """Let an hour pass and see that the result is there, each part once, and nothing is left to do."""
    await here.sim.wait_for(lambda: len(here.replies(card)) >= parts, 900)
    await here.sleep(3600)
    reported = [reply.content for reply in here.replies(card)]
    assert len(reported) == parts, reported
    assert len(set(reported)) == parts
    assert "Finished" in card.text
    assert here.app is not None
    assert await here.app.store.unfinished() == []
    assert await here.app.store.to_announce() == []


@pytest.mark.parametrize(
    "trouble",
    [
        {"drop": True, "when": "before"},
        {"drop": True, "when": "after"},
        {"status": 503, "when": "before"},
        {"status": 503, "when": "after"},
        {"status": 500, "when": "after"},
        {"status": 502, "when": "after", "times": 5},
        {"status": 200, "when": "after", "body": "<html>", "content_type": "text/html"},
        {"status": 200, "when": "before", "body": "<html>", "content_type": "text/html"},
    ],
    ids=str,
)
async def test_whatever_happens_to_the_request_the_result_comes_once(
    trouble: dict[str, Any], tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.sim.fault(Fault("POST", POST, **trouble))
        here.api.set(TASK, DONE)
        await is_told_once(here, card)


async def test_a_message_sent_before_a_crash_is_found_in_the_history(tmp_path: Path) -> None:
    """Long after, when the nonce is forgotten and others have talked."""
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.sim.fault(Fault("POST", POST, when="after", delay=30, drop=True))
        here.api.set(TASK, DONE)
        await here.result(card)
        await here.kill_bot()
        await here.sleep(3600)
        for number in range(150):
            here.channel.post(here.bob, f"Talking about `{TASK}` {number}")
        await here.start_bot()
        await is_told_once(here, card)
        assert len(here.sim.requests_to("POST", POST)) == 1


async def test_a_message_that_arrives_after_a_crash_is_not_sent_twice(tmp_path: Path) -> None:
    """The history does not have it yet when the new process looks: the nonce must catch it."""
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.sim.fault(Fault("POST", POST, when="before", delay=8, drop=False))
        here.api.set(TASK, DONE)
        await here.sim.wait_for(lambda: here.sim.requests_to("POST", POST), 60)
        await here.sleep(1)
        await here.kill_bot()
        assert here.replies(card) == []
        await here.start_bot()
        await is_told_once(here, card)


async def test_the_result_of_a_deleted_card_is_found_in_the_history_too(tmp_path: Path) -> None:
    """It is no reply: what it would reply to is gone."""
    async with place(tmp_path) as here:
        card = await moving_card(here)
        # The deletion is not noticed before the end.
        here.sim.fault(Fault("PATCH", "*", delay=60, times=None))
        here.sim.fault(Fault("POST", POST, when="after", delay=30, drop=True))
        card.delete()
        here.api.set(TASK, DONE)
        await here.sim.wait_for(lambda: any(VIDEO in m.content for m in here.sim.messages(here.channel)), 60)
        await here.kill_bot()
        here.sim.clear_faults()
        await here.sleep(3600)
        await here.start_bot()
        await here.sleep(3600)
        assert [VIDEO in message.content for message in here.sim.messages(here.channel)] == [True]
        assert here.app is not None
        assert await here.app.store.to_announce() == []


async def test_what_ended_before_a_crash_is_told_without_asking_the_api_again(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.sim.fault(Fault("POST", POST, when="before", delay=1000, drop=True))
        here.api.set(TASK, DONE)
        await here.shows(card, "Finished")
        await here.sleep(1)
        await here.kill_bot()
        here.sim.clear_faults()
        here.api.set(TASK, Answer.json({}, 404))
        polls = here.api.polls(TASK)
        await here.start_bot()
        await is_told_once(here, card)
        assert here.api.polls(TASK) == polls


@pytest.mark.slow
async def test_a_crash_between_two_parts_repeats_none_and_loses_none(tmp_path: Path) -> None:
    people = [10**18 + number for number in range(350)]
    async with place(tmp_path) as here:
        card = await moving_card(here)
        assert here.app is not None
        for number, user_id in enumerate(people):
            await here.app.store.people.follow(1, user_id, START + number)
        here.api.set(TASK, DONE)
        await here.sim.wait_for(lambda: len(here.replies(card)) == 2, 60)
        await here.kill_bot()
        await here.sleep(3600)
        await here.start_bot()
        await here.sim.wait_for(lambda: len(here.replies(card)) == 5, 60)
        await here.sleep(600)
        pinged = [int(user) for m in here.replies(card) for user in re.findall(r"<@(\d+)>", m.content)]
        assert pinged == [here.ada.id, *people]


@pytest.mark.parametrize("refused", [False, True])
async def test_a_long_error_comes_with_a_file_and_where_that_is_refused_without(
    refused: bool, tmp_path: Path
) -> None:
    said = "line one\n" + "boom *" * 2_000
    async with place(tmp_path) as here:
        if refused:
            here.sim.fault(Fault("POST", POST, status=403, code=50013, times=None, with_files=True))
        card = await moving_card(here)
        here.api.set(TASK, {"id": TASK, "state": "error", "message": said})
        result = await here.result(card)
        files = {file.filename: file.data.decode() for file in result.attachments}
        assert files == ({} if refused else {"error.txt": said})
        assert result.content.splitlines()[1].startswith("> line one boom \\*boom \\*")
        assert result.content.splitlines()[1].endswith("…")
        assert len(result.content) < 1_400
        await here.sleep(3600)
        assert here.replies(card) == [result]


async def test_links_that_do_not_fit_are_in_a_file_of_the_same_message(tmp_path: Path) -> None:
    urls = [f"https://cdn.example/{'x' * 600}/{n}.mp4" for n in range(5)]
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.api.set(TASK, succeeded(*urls))
        result = await here.result(card)
        assert [line for line in result.content.splitlines() if "https:" in line] == urls[:2]
        (file,) = result.attachments
        assert (file.filename, file.data.decode().splitlines()) == ("urls.txt", urls[2:])
        await is_told_once(here, card)


async def test_watches_go_on_after_a_crash(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        await here.kill_bot()
        here.api.set(TASK, [running(60), running(60), DONE])
        await here.start_bot()
        await here.shows(card, "60 %")
        assert here.replies(card) == []
        await is_told_once(here, card)
        assert here.sim.command_writes == 1, "unchanged commands are not written again"


async def test_a_task_known_before_a_restart_vanishes_after_it(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        await here.stop_bot()
        here.api.set(TASK, Answer.json({}, 404))
        await here.start_bot()
        assert "Vanished" in (await here.result(card, 90)).content


async def test_a_slow_final_edit_holds_up_no_result_and_is_made_up_for(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.sim.fault(Fault("PATCH", TOKEN_EDIT, when="before", delay=20, drop=True, times=1))
        here.api.set(TASK, DONE)
        polls = here.api.polls(TASK)
        await here.sim.wait_for(lambda: here.api.polls(TASK) > polls, 60)
        ended = here.clock()
        await here.result(card)
        assert here.clock() - ended < 3.5
        await is_told_once(here, card)


async def test_a_progress_edit_under_way_holds_up_no_result(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.sim.fault(Fault("PATCH", TOKEN_EDIT, when="before", delay=25, times=1))
        here.api.set(TASK, [running(20), DONE])
        await here.sim.wait_for(lambda: bool(here.sim.requests_to("PATCH", TOKEN_EDIT)[1:]), 60)
        began = here.clock()
        await here.result(card)
        assert here.clock() - began < 15
        assert VIDEO in here.replies(card)[0].content


async def test_what_others_write_is_not_taken_for_the_result(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.sim.fault(Fault("POST", POST, when="before", status=503))
        here.channel.post(here.bob, f"✅ **Finished** · `{TASK}`")
        here.api.set(TASK, DONE)
        result = await here.result(card)
        assert result.pings == {here.ada.id}


@pytest.mark.slow
async def test_a_disk_that_takes_no_writes_delays_and_loses_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.break_disk()
        here.api.set(TASK, DONE)
        await here.sleep(600)
        assert here.replies(card) == [], "nothing is announced that is not stored"
        here.break_disk(broken=False)
        await is_told_once(here, card)


async def test_a_queue_whose_task_was_ended_from_outside_goes_on_with_what_it_has(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        other = await here.watch(task := f"{TASK[:-1]}0")
        assert here.app is not None
        here.sim.fault(Fault("POST", POST, status=503, times=1))
        here.api.set(TASK, DONE)
        await here.sim.wait_for(lambda: here.sim.requests_to("POST", POST), 60)
        [(_, running_queue)] = here.app.outbound._queues.values()
        running_queue.cancel()
        here.api.set(task, DONE | {"id": task})
        await here.result(other)
        assert running_queue.cancelled()
        await is_told_once(here, card)
