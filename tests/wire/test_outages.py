"""Trouble with the task API: one task's, everybody's, the key's, a limit."""

from pathlib import Path

import pytest
from wire.place import DONE, KEY, TASK, VIDEO, place, running

from bot.core.health import IMPOSSIBLE_ID
from sim.task_api.answers import Answer, html_page

pytestmark = pytest.mark.looptime

TASKS = [f"aaaaaaaa-0000-4000-8000-00000000000{n}" for n in range(4)]
DOWN = Answer.json({}, 503)
REFUSED = Answer.json({"error": {"message": "bad key"}}, 401)


async def test_a_watch_begun_during_an_outage_waits_for_the_api(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        here.api.fail_all(DOWN)
        card = await here.watch()
        await here.shows(card, "has not answered about this render yet")
        here.api.recover()
        await here.shows(card, "10 %", 120)
        here.api.set(TASK, DONE)
        await here.result(card)


async def test_an_outage_pauses_everybody_and_drops_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        cards = []
        for task in TASKS:
            here.api.set(task, running(10))
            cards.append(await here.watch(task))
        here.api.fail_all(DOWN)
        for card in cards:
            await here.shows(card, "stopped answering <t:", 120)
        began, asked = here.clock(), len(here.api.requests)
        edits = [len(card.edits) for card in cards]
        await here.sleep(3600)
        assert 110 <= len(here.api.requests) - asked <= 140, "two probes a minute for all"
        assert [len(card.edits) for card in cards] == edits, "said once"
        here.api.recover()
        for card in cards:
            await here.shows(card, "started answering again", 120)
        for task, card in zip(TASKS, cards, strict=True):
            here.api.set(task, DONE)
            assert VIDEO in (await here.result(card, 120)).content
        assert here.clock() - began < 2 * 3600


async def test_an_outage_is_logged_once_also_where_one_task_alone_is_watched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "bot.engine.breaker")
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        await here.watch()
        await here.sleep(10)
        for times in (1, 2):
            here.api.fail_all(DOWN)
            await here.sleep(20)
            assert caplog.text.count("the task API does not answer") == times - 1, "one lost answer is none"
            await here.sleep(1800)
            assert caplog.text.count("the task API does not answer") == times
            here.api.recover()
            await here.sleep(120)
            assert caplog.text.count("the task API answers again") == times


@pytest.mark.parametrize(
    ("answer", "seconds"), [(html_page(404), 3_600), (Answer.json({"message": "Not Found"}, 404), 45)]
)
async def test_a_server_that_knows_nothing_of_tasks_ends_no_watch(
    answer: Answer, seconds: float, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        cards = []
        for task in TASKS[:2]:
            here.api.set(task, running(10))
            cards.append(await here.watch(task))
        await here.shows(cards[1], "10 %")
        await here.stop_bot()
        here.api.fail_all(answer)
        await here.start_bot()
        await here.sleep(seconds)
        here.api.recover()
        for task, card in zip(TASKS, cards, strict=False):
            here.api.set(task, DONE)
            assert VIDEO in (await here.result(card, 180)).content


async def test_the_log_takes_no_limit_and_no_bad_task_for_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "bot.engine.breaker")
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        await here.watch()
        await here.sleep(10)
        here.api.set(TASK, [DOWN] + [Answer.json({}, 429)] * 1000)
        await here.sleep(600)
        here.api.set(TASK, DOWN)  # this task alone: the id that cannot exist is answered
        await here.sleep(600)
        here.api.set(TASK, REFUSED)
        await here.sleep(120)
        assert "answer" not in caplog.text
        assert caplog.text.count("the task API asks for fewer requests") == 1, "one spell"


async def test_one_bad_task_never_pauses_the_others(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        bad, good = TASKS[0], TASKS[1]
        here.api.set(bad, [running(10), DOWN])
        here.api.set(good, running(10))
        card = await here.watch(bad)
        await here.watch(good)
        await here.shows(card, "stopped answering about this render", 200)
        polls = here.api.polls(good)
        await here.sleep(600)
        assert here.api.polls(good) - polls >= 600 / 16
        assert here.api.polls(bad) < 40, "its pauses grow"


async def test_a_refused_key_pauses_everybody_and_names_the_operator(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        here.api.set(IMPOSSIBLE_ID, REFUSED)
        here.api.set(TASK, Answer.json({"code": 403, "msg": "no"}))
        await here.sleep(120)
        await here.shows(card, "Please ask the bot's operator to check the API key", 120)
        asked = len(here.api.requests)
        await here.sleep(1800)
        assert len(here.api.requests) - asked <= 2 * 31, "a probe a minute, each way of sending the key"
        here.api.set(TASK, DONE)
        await here.result(card, 120)


async def test_a_refusal_of_one_task_is_that_tasks_alone(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASKS[0], [running(10), REFUSED])
        here.api.set(TASKS[1], running(10))
        card = await here.watch(TASKS[0])
        await here.watch(TASKS[1])
        await here.shows(card, "started rejecting the bot's key for this render", 300)
        polls = here.api.polls(TASKS[1])
        await here.sleep(300)
        assert here.api.polls(TASKS[1]) - polls >= 300 / 16


async def test_retry_after_holds_the_task_it_was_given_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with place(tmp_path) as here:
        for task in TASKS:
            here.api.set(task, running(10))
            await here.watch(task)
        here.api.set(TASKS[0], [Answer.json({}, 429, {"Retry-After": "120"}), running(10)])
        polls = here.api.polls(TASKS[0])
        while here.api.polls(TASKS[0]) == polls:
            await here.sleep(1)
        asked = {task: here.api.polls(task) for task in TASKS}
        await here.sleep(115)
        assert here.api.polls(TASKS[0]) == asked[TASKS[0]]
        assert all(here.api.polls(task) - asked[task] >= 115 / 20 for task in TASKS[1:])
        await here.sleep(30)
        assert here.api.polls(TASKS[0]) > asked[TASKS[0]]
        reported = [record for record in caplog.records if "asks for fewer requests" in record.message]
        assert [record.__dict__["seconds"] for record in reported] == [120]


async def test_a_short_limit_makes_no_poll_come_sooner(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, [running(10), Answer.json({}, 429, {"Retry-After": "1"})])
        await here.watch()
        await here.sleep(300)
        assert here.api.polls(TASK) <= 300 / 2 + 2


async def test_the_key_is_sent_the_way_that_was_accepted(tmp_path: Path) -> None:
    async with place(tmp_path, auth="bearer") as here:
        here.api.set(TASK, [running(10), DONE])
        card = await here.watch()
        await here.result(card)
        kinds = [request.authorization for request in here.api.requests]
        assert kinds[:2] == ["raw", "bearer"]
        assert set(kinds[2:]) == {"bearer"}
        assert KEY not in card.text
