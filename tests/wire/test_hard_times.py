"""Bad coincidences, each seen once: lost answers, limits, long outages, a disk that takes nothing."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from wire.place import DONE, TASK, VIDEO, Place, place, running, succeeded

from sim.discord import Fault, Message
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime

OTHER = "11112222-3333-4444-5555-666677778888"
EDIT, POST = "/channels/*/messages/*", "/channels/*/messages"


async def moving_card(here: Place, task_id: str = TASK, *, old: bool = True) -> Message:
    """Begin a watch; an old card is edited with the bot's own token."""
    here.api.set(task_id, running(10))
    card = await here.watch(task_id)
    await here.shows(card, "10 %")
    if old:
        await here.sleep(16 * 60)
    return card


async def asked(here: Place, method: str, path: str) -> None:
    """Wait for one more request of a kind."""
    before = len(here.sim.requests_to(method, path))
    await here.sim.wait_for(lambda: len(here.sim.requests_to(method, path)) > before, 60)


@pytest.mark.slow
async def test_an_end_that_comes_while_another_edit_is_given_up_is_told(tmp_path: Path) -> None:
    async with place(tmp_path, poll_min_seconds=0.2, poll_max_seconds=0.5) as here:
        card = await moving_card(here)
        other = await moving_card(here, OTHER)
        for progress in (20, 30, 40, 50):  # all but one of the limit's edits
            here.api.set(TASK, running(progress))
            await here.shows(card, f"{progress} %", 3)
        here.sim.fault(Fault("PATCH", EDIT, delay=20))
        here.api.set(TASK, DONE)
        await asked(here, "PATCH", EDIT)
        await here.sleep(2.1)
        here.api.set(OTHER, DONE)
        began = here.clock()
        await here.result(other)
        assert here.clock() - began < 10
        await here.result(card)
        await here.shows(other, "Finished")
        await here.sleep(60)
        assert [len(here.replies(c)) for c in (card, other)] == [1, 1]


@pytest.mark.slow
async def test_a_result_that_hangs_holds_up_no_other_card(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await moving_card(here)
        other = await moving_card(here, OTHER)
        here.sim.fault(Fault("POST", POST, delay=3_000, drop=True))
        here.api.set(TASK, DONE)
        await asked(here, "POST", POST)
        here.api.set(OTHER, DONE)
        await here.result(other, 60)


async def test_the_end_takes_ten_seconds_whatever_discord_does(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.sim.fault(Fault("PATCH", EDIT, delay=300, drop=True, times=None))
        here.sim.fault(Fault("POST", POST, delay=300, drop=True, times=None))
        here.api.set(TASK, DONE)
        await asked(here, "POST", POST)
        began = here.clock()
        await here.stop_bot()
        assert here.clock() - began < 11
        here.sim.clear_faults()
        await here.start_bot()
        await here.result(card, 600)


async def test_a_busy_channel_and_a_long_outage_double_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.sim.fault(Fault("POST", POST, status=503, times=None))
        here.api.set(TASK, DONE)
        for minute in range(60):
            await here.sleep(60)
            for number in range(10):
                here.channel.post(here.bob, f"talk {minute} {number}")
        here.sim.clear_faults()
        here.sim.fault(Fault("POST", POST, when="after", drop=True))
        await here.sleep(3 * 3600)
        assert len(here.replies(card)) == 1


@pytest.mark.slow
async def test_a_card_that_moves_all_the_time_does_not_starve_another(tmp_path: Path) -> None:
    async with place(tmp_path, poll_min_seconds=1, poll_max_seconds=2) as here:
        await moving_card(here)
        other = await moving_card(here, OTHER)
        here.sim.fault(Fault("PATCH", EDIT, delay=4, times=None))
        here.api.set(TASK, [running(n) for n in range(20, 100)])
        await here.sleep(6)
        here.api.set(OTHER, running(50))
        await here.shows(other, "50 %", 20)


async def test_a_late_edit_never_stays_over_the_final_form(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.sim.fault(Fault("PATCH", EDIT, delay=50))
        here.api.set(TASK, running(60))
        await asked(here, "PATCH", EDIT)
        here.api.set(TASK, DONE)
        await here.result(card, 30)  # the result waits for no edit
        await here.shows(card, "Finished", 120)
        await here.sleep(600)
        await here.shows(card, "Finished", 1)
        assert len(here.replies(card)) == 1


async def test_a_late_refusal_is_met_by_no_second_request(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await moving_card(here)
        here.sim.fault(Fault("PATCH", EDIT, status=404, code=10008, delay=45))
        here.api.set(TASK, [running(n) for n in range(20, 99)])
        await asked(here, "PATCH", EDIT)
        before = len(here.sim.requests_to("PATCH", EDIT))
        await here.sleep(300)
        assert len(here.sim.requests_to("PATCH", EDIT)) == before
        assert here.app is not None
        assert await here.app.store.unfinished() == []


async def test_two_results_that_look_the_same_are_not_taken_for_each_other(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, [running(10), succeeded()])
        first = await here.watch(TASK)
        here.sim.fault(Fault("POST", POST, status=503, times=None))
        await asked(here, "POST", POST)
        first.delete()  # its result will be no reply
        await here.sleep(60)
        here.api.set(TASK, [running(10), succeeded()])
        second = await here.watch(TASK)
        await asked(here, "POST", POST)
        await here.sleep(60)
        here.sim.clear_faults()
        await here.result(second, 600)
        await here.sleep(600)
        reported = [m for m in here.sim.messages(here.channel) if TASK in m.content and m.interaction is None]
        assert [m.reference for m in reported] == [None, second]


async def test_a_channel_that_is_gone_is_asked_once_also_while_the_disk_takes_nothing(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as here:
        await moving_card(here)
        here.break_disk()
        here.sim.fault(Fault("PATCH", EDIT, status=404, code=10003, times=None))
        here.api.set(TASK, [running(n) for n in range(20, 60)])
        await here.sleep(600)
        assert sum(request.status == 404 for request in here.sim.requests) == 1
        here.break_disk(broken=False)
        await here.sleep(600)
        assert here.app is not None
        assert await here.app.store.unfinished() == []


async def test_a_result_comes_without_being_a_reply_where_history_may_not_be_read(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await moving_card(here)
        here.sim.fault(Fault("POST", POST, status=400, code=160002))
        here.api.set(TASK, DONE)
        await here.sleep(120)
        results = [m for m in here.sim.messages(here.channel) if VIDEO in m.content]
        assert [m.pings for m in results] == [{here.ada.id}]


async def test_the_commands_are_written_however_often_it_takes(tmp_path: Path) -> None:
    async with place(tmp_path, start=False) as here:
        here.sim.fault(Fault("PUT", "/applications/*", status=503, times=3))
        await here.start_bot()
        assert here.sim.command_writes == 1


@pytest.mark.parametrize("hours", [0.02, 1])
async def test_a_bot_starts_however_long_the_gateway_is_down(hours: float, tmp_path: Path) -> None:
    async with place(tmp_path, start=False) as here:
        here.sim.gateway_down = True
        starting = asyncio.create_task(here.start_bot())
        await asyncio.wait({starting})  # its wait for the gateway ends first
        assert starting.exception() is not None
        await here.sleep(hours * 3600)
        here.sim.gateway_down = False
        await here.sim.wait_ready(300)


@pytest.mark.parametrize("command", ["status", "watch"])
async def test_a_response_that_was_taken_and_then_refused_is_gone_on_with(
    command: str, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        here.sim.fault(Fault("POST", "/interactions/*", when="after", status=500))
        await here.sim.slash(here.ada, here.channel, "veo", command, id=TASK)
        await here.sleep(60)
        assert ["10 %" in m.text for m in here.sim.messages(here.channel)] == [True]


@pytest.mark.parametrize("delay", [2.6, 2.8, 2.95])
async def test_a_response_that_arrives_at_the_last_moment_is_gone_on_with(
    delay: float, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, replace(Answer.json(running(10)), delay=2))
        here.sim.fault(Fault("POST", "/interactions/*", delay=delay - 1.5))
        await here.sim.slash(here.ada, here.channel, "veo", "watch", id=TASK)
        await here.sleep(60)
        assert not any(m.text.startswith("Looking") for m in here.sim.messages(here.channel))


@pytest.mark.parametrize("trouble", [{"drop": True}, {"status": 429, "via": False}, {"status": 503}], ids=str)
@pytest.mark.parametrize("known", [True, False])
async def test_a_line_becomes_the_answer_or_goes_whatever_happens_once(
    trouble: dict[str, bool | int], known: bool, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, replace(Answer.json(DONE) if known else Answer.json({}, 404), delay=3))
        here.sim.fault(Fault("PATCH" if known else "DELETE", "/webhooks/*", **trouble))  # type: ignore[arg-type]
        await here.sim.slash(here.ada, here.channel, "veo", "status", id=TASK)
        await here.sleep(600)
        assert [VIDEO in m.text for m in here.sim.messages(here.channel)] == [True] * known


async def test_a_restart_into_an_outage_says_nothing_untrue(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here, old=False)
        await here.kill_bot()
        here.api.fail_all(Answer.json({}, 503))
        await here.start_bot()
        await here.shows(card, "I just restarted")
        here.api.recover()
        await here.shows(card, "10 %", 120)


async def test_a_clock_that_was_set_back_makes_no_watch_live_longer(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, Answer.json({"message": "task not found"}, 404))
        card = await here.watch()
        await here.shows(card, "Not visible yet")
        await here.kill_bot()
        here.clock_error = -20_000
        await here.start_bot()
        await here.shows(card, "No such task", 120)


@pytest.mark.slow
async def test_after_a_limit_the_looks_come_spread(tmp_path: Path) -> None:
    tasks = [f"abababab-0000-4000-8000-{number:012}" for number in range(60)]
    async with place(tmp_path, watches_per_person=500) as here:
        for task in tasks:
            here.api.set(task, running(10))
            here.channel = here.guild.add_channel(task)
            await here.watch(task)
        here.api.set(tasks[0], [Answer.json({}, 429, {"Retry-After": "120"}), running(10)])
        polls = here.api.polls(tasks[0])
        while here.api.polls(tasks[0]) == polls:
            await here.sleep(0.5)
        limited = here.clock()
        await here.sleep(150)
        after = [request.at for request in here.api.requests if request.at > limited + 60]
        assert len(after) >= len(tasks)
        assert max(sum(1 for at in after if 0 <= at - start < 1) for start in after) <= 45


async def test_nothing_is_kept_of_cards_that_have_ended(tmp_path: Path) -> None:
    async with place(tmp_path, poll_min_seconds=0.2, poll_max_seconds=0.5) as here:
        for number in range(10):
            task = f"cdcdcdcd-0000-4000-8000-{number:012}"
            here.api.set(task, [running(10), running(20), DONE])
            await here.result(await here.watch(task))
        await here.sleep(600)
        assert here.app is not None
        assert here.app.outbound._queues == {}
        assert here.app.registry.cards == {}
        assert here.app.poller._queue._due == {}
        assert here.app.poller._queue.in_flight == {}
