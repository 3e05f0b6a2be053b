"""Many tasks that the task API answers badly, beside good renders: they notice nothing of each other."""

from itertools import cycle, islice, pairwise
from pathlib import Path

import pytest
from wire.place import DONE, VIDEO, Place, place, running

from bot.core.health import IMPOSSIBLE_ID
from sim.discord import Message
from sim.task_api.answers import Answer, html_page

pytestmark = pytest.mark.looptime

GOOD = [f"90000000-0000-4000-8000-00000000000{n}" for n in range(3)]
REFUSED = Answer.json({"error": {"message": "bad key"}}, 401)
DOWN = Answer.json({"message": "down"}, 503)
KINDS = {
    "400": Answer.json({"message": "bad request"}, 400),
    "403": Answer.json({"message": "not yours"}, 403),
    "404": Answer.json({"message": "task not found"}, 404),
    "422": Answer.json({"message": "task belongs to another account"}, 422),
    "429": Answer.json({"message": "slow down"}, 429),
    "429 for a second": Answer.json({}, 429, {"Retry-After": "1"}),
    "429 for five minutes": Answer.json({}, 429, {"Retry-After": "300"}),
    "500": Answer.json({"message": "internal"}, 500),
    "timeout": Answer(delay=1_000),
    "cut off": Answer(drop=True),
    "page": html_page(502),
    "challenge": html_page(403),
    "damaged": Answer(body=b'{"state": "runn'),
}
LATE = 30.0
"""Seconds after its due time within which a good task's poll must begin."""


def bad_ids(count: int) -> list[str]:
    return [f"bad00000-0000-4000-8000-{n:012}" for n in range(count)]


async def watch_bad(here: Place, answers: list[Answer], count: int = 25) -> list[str]:
    """Watch so many bad tasks, ten on a card."""
    bad = bad_ids(count)
    for task, answer in zip(bad, islice(cycle(answers), count), strict=True):
        here.api.set(task, answer)
    for start in range(0, count, 10):
        await here.sim.slash(here.ada, here.channel, "veo", "watch", id=" ".join(bad[start : start + 10]))
    await here.sleep(60)  # first polls that time out come one after another
    return bad


async def watch_good(here: Place) -> list[Message]:
    cards = []
    for task in GOOD:
        here.api.set(task, running(10))
        use = await here.type("watch", task, user=here.bob)
        assert use.response is not None
        cards.append(use.response)
    for card in cards:
        await here.shows(card, "10 %", 60)
    return cards


def latest(here: Place, task: str, since: float) -> float:
    """Return the longest time between two polls of a task, less the longest pause there may be."""
    times = [since, *(r.at for r in here.api.requests if r.task_id == task and r.at >= since), here.clock()]
    return max(later - before for before, later in pairwise(times)) - 15.0


async def finish(here: Place, cards: list[Message]) -> None:
    for task in GOOD:
        here.api.set(task, DONE)
    ended = here.clock()
    for card in cards:
        assert VIDEO in (await here.result(card, 60)).content
    assert here.clock() - ended <= 15 + 5, "as soon as without the bad ones"


@pytest.mark.parametrize(
    "kind", [*(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS), "all kinds"]
)
@pytest.mark.parametrize(
    "restarted", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["as they begin", "after a restart"]
)
async def test_25_bad_ids_leave_three_good_renders_alone(
    kind: str, restarted: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answers = list(KINDS.values()) if kind == "all kinds" else [KINDS[kind]]
    async with place(tmp_path, watches_per_person=500) as here:
        await watch_bad(here, answers)
        cards = await watch_good(here)
        since = here.clock()
        if restarted:
            await here.stop_bot()
            await here.start_bot()
        await here.sleep(400)
        assert max(latest(here, task, since) for task in GOOD) <= LATE
        assert not any("The task API" in card.text for card in cards)
        await finish(here, cards)
    said = [record.message for record in caplog.records if record.name == "bot.engine.breaker"]
    assert set(said) <= {"the task API asks for fewer requests"}
    assert len(said) <= 2, "once a spell, and once more after a restart"


@pytest.mark.parametrize("impossible", ["200", "403", "404", "500", "timeout"])
@pytest.mark.parametrize(
    "kind",
    [pytest.param("403", marks=pytest.mark.slow), "500", pytest.param("timeout", marks=pytest.mark.slow)],
)
async def test_renders_that_turn_bad_pause_nobody_whatever_the_impossible_id_is_answered(
    impossible: str, kind: str, tmp_path: Path
) -> None:
    """The good one is polled, and so is the one that answered last, until it turns bad like the others."""
    async with place(tmp_path, watches_per_person=500) as here:
        if impossible != "404":
            here.api.set(IMPOSSIBLE_ID, running(0) if impossible == "200" else KINDS[impossible])
        cards = await watch_good(here)
        bad = await watch_bad(here, [Answer.json(running(20))], 5)
        for task in bad:
            here.api.set(task, KINDS[kind])
        since = here.clock()
        await here.sleep(300)
        assert max(latest(here, task, since) for task in GOOD) <= LATE
        await finish(here, cards)


@pytest.mark.slow
async def test_100_bad_ids_of_all_kinds_leave_good_renders_alone(tmp_path: Path) -> None:
    async with place(tmp_path, watches_per_person=500) as here:
        await watch_bad(here, list(KINDS.values()), 100)
        cards = await watch_good(here)
        # So many 429s at once look like a limit of the API until it is learned whose they are.
        await here.sleep(150)
        since = here.clock()
        await here.sleep(400)
        assert max(latest(here, task, since) for task in GOOD) <= LATE
        await finish(here, cards)


@pytest.mark.parametrize(
    ("outage", "said"), [(DOWN, "stopped answering <t:"), (REFUSED, "started rejecting the bot's key <t:")]
)
async def test_a_real_outage_and_a_refused_key_still_pause_everybody(
    outage: Answer, said: str, tmp_path: Path
) -> None:
    async with place(tmp_path, watches_per_person=500) as here:
        await watch_bad(here, [KINDS["400"], KINDS["damaged"], KINDS["500"]])
        cards = await watch_good(here)
        here.api.fail_all(outage)
        for card in cards:
            await here.shows(card, said, 60)
        asked = len(here.api.requests)
        await here.sleep(600)
        assert len(here.api.requests) - asked <= 2 * 2 * 11, "only probes, each way of sending the key"
        here.api.recover()
        recovered = here.clock()
        use = await here.type("status", GOOD[0])  # a person's own poll is an answer as well
        await here.sim.wait_for(lambda: "10 %" in use.text, 10)
        for card in cards:
            await here.shows(card, "started answering again", 10)
        await here.sleep(45)
        assert all(any(r.task_id == task and r.at > recovered for r in here.api.requests) for task in GOOD)
        await finish(here, cards)


async def test_what_the_api_says_of_one_task_stands_on_its_card_and_in_its_end(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(GOOD[0], [running(10), KINDS["422"]])
        card = await here.watch(GOOD[0])
        await here.shows(card, "Its last message: task belongs to another account", 60)
        reply = await here.result(card, 11 * 60 + 60)
        assert "refused every request about this render for 10 minutes" in reply.content
        assert "> task belongs to another account" in reply.content
        assert f"<@{here.ada.id}>" in reply.content
        await here.shows(card, "Refused by the task API")


@pytest.mark.parametrize("kind", ["500", "damaged"])
async def test_nothing_but_errors_end_a_watch_as_stalled_and_an_outage_does_not(
    kind: str, tmp_path: Path
) -> None:
    async with place(tmp_path, watch_stalled_hours=0.5) as here:
        here.api.set(GOOD[0], running(10))
        card = await here.watch(GOOD[0])
        here.api.fail_all(DOWN)
        await here.sleep(2 * 3600)
        here.api.set(GOOD[0], KINDS[kind])
        here.api.recover()
        await here.sleep(900)
        assert not here.replies(card), "the clocks stood still"
        reply = await here.result(card, 20 * 60)
        assert "Nothing has changed for 0.5 hours" in reply.content
        assert ("internal" in reply.content) is (kind == "500")


async def test_an_answer_that_names_another_watched_task_is_not_taken_for_this_one(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(GOOD[0], running(10, id=GOOD[0]))
        here.api.set(GOOD[1], [running(20, id="an-id-of-the-relay"), DONE | {"id": GOOD[0]}])
        first, second = await here.watch(GOOD[0]), await here.watch(GOOD[1])
        await here.shows(second, "stopped answering about this render", 120)
        assert not here.replies(first) + here.replies(second)
        here.api.set(GOOD[1], DONE | {"id": "an-id-of-the-relay"})
        assert VIDEO in (await here.result(second, 120)).content
