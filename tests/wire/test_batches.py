"""Several tasks on one card: results come silently, one summary pings. Each rule, and each trouble."""

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from wire.place import DONE, Place, failed, place, running

from bot.backups.backup import back_up
from bot.backups.restore import restore
from sim.discord import Fault, Message
from sim.discord.message import SUPPRESS_NOTIFICATIONS
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime

TASKS = [f"eeeeeeee-0000-4000-8000-{number:012}" for number in range(10)]
POST = "/channels/*/messages"
GONE = Answer.json({"message": "task not found"}, 404)
HALF_AN_HOUR = 1_800.0


async def watched(here: Place, count: int = 3, name: str = "") -> Message:
    for task in TASKS[:count]:
        here.api.set(task, running(10))
    ids = " ".join(TASKS[:count])
    use = await here.sim.slash(here.ada, here.channel, "veo", "watch", id=ids, name=name)
    card = (await use.acknowledged()).response
    assert card is not None
    await here.shows(card, f"0 of {count} ready")
    return card


async def ended(here: Place, card: Message, *answers: Any) -> None:
    """Let the first tasks end like this, one after the other."""
    for task, answer in zip(TASKS, answers, strict=False):
        here.api.set(task, answer)
        await result(here, card, task)


async def result(here: Place, card: Message, task: str) -> Message:
    await here.sim.wait_for(lambda: reply_about(here, card, task) is not None, 120)
    found = reply_about(here, card, task)
    assert found is not None
    return found


def reply_about(here: Place, card: Message, task: str) -> Message | None:
    replies = [reply for reply in here.replies(card) if f"`{task}`" in reply.content.splitlines()[0]]
    assert len(replies) <= 1, "posted twice"
    return replies[0] if replies else None


def summaries(here: Place, card: Message) -> list[Message]:
    return [reply for reply in here.replies(card) if " ready" in reply.content.splitlines()[0]]


async def summary(here: Place, card: Message, within: float = 120.0) -> Message:
    await here.sim.wait_for(lambda: bool(summaries(here, card)), within)
    return summaries(here, card)[0]


async def nothing_more(here: Place, card: Message, replies: int) -> None:
    """Let two hours pass: no reply comes twice, and nothing is left to do."""
    await here.sleep(7_200)
    assert len([reply for reply in here.replies(card) if reply.interaction is None]) == replies
    assert here.app is not None
    assert await here.app.store.unfinished() == []


def is_silent(message: Message) -> bool:
    return bool(message.flags & SUPPRESS_NOTIFICATIONS) and not message.pings


async def test_results_and_failures_are_silent_and_one_summary_pings(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here)
        assert "a summary once all have ended" in card.text
        pressed = await here.sim.click(here.bob, card, label="Notify me · 1")
        await pressed.acknowledged()
        assert "I will notify you once all of these have ended" in pressed.text
        await ended(here, card, DONE, failed("no faces"), DONE)
        posted = await summary(here, card)
        results = [await result(here, card, task) for task in TASKS[:3]]
        assert all(map(is_silent, results))
        assert posted.content.splitlines() == [
            "⚠️ **2 of 3 ready · 1 failed**",
            f"✅ Finished · **1** · `eeeeeeee…` · [result]({results[0].jump_url})",
            f"❌ Failed · **2** · `eeeeeeee…` · [result]({results[1].jump_url})",
            f"✅ Finished · **3** · `eeeeeeee…` · [result]({results[2].jump_url})",
            f"<@{here.ada.id}> <@{here.bob.id}>",
        ]
        assert posted.pings == {here.ada.id, here.bob.id}
        assert not posted.flags & SUPPRESS_NOTIFICATIONS
        assert posted is here.replies(card)[-1], "after the last result"
        await here.shows(card, "The results are in the replies below.")
        await nothing_more(here, card, 4)


async def test_the_summary_calls_the_renders_by_their_names(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here, 2, name="Shot *12*")
        await ended(here, card, DONE, DONE)
        first, link, *_ = (await summary(here, card)).content.splitlines()
        assert first == r"✅ **2 of 2 ready** · **Shot \*12\***"
        assert link.startswith("✅ Finished · **1** · [result](")


async def test_it_goes_to_those_who_follow_when_the_last_outcome_is_stored(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here, 2)
        await ended(here, card, DONE)
        await (await here.sim.click(here.bob, card, label="Notify me · 1")).acknowledged()
        await (await here.sim.click(here.ada, card, custom_id=card.buttons[0]["custom_id"])).acknowledged()
        # Whatever the followers are by the time that Discord takes it.
        here.sim.fault(Fault("POST", POST, status=503, times=None))
        here.api.set(TASKS[1], DONE)
        await here.sleep(120)
        assert here.app is not None
        await here.app.store.people.unfollow(1, here.bob.id)
        here.sim.clear_faults()
        assert (await summary(here, card, 900)).pings == {here.bob.id}
        await nothing_more(here, card, 3)


async def test_a_summary_for_nobody_is_silent(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here, 2)
        await (await here.sim.click(here.ada, card, label="Notify me · 1")).acknowledged()
        await ended(here, card, DONE, DONE)
        assert is_silent(await summary(here, card))


async def test_whoever_joined_one_id_is_pinged_by_its_result_and_not_by_the_summary(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here)
        joined = await here.type("watch", f"{TASKS[0]} {TASKS[2]}", user=here.bob)
        assert "I will notify you when it ends." in joined.text
        own = await here.type("watch", TASKS[0])
        assert "I will notify you once all renders on its card have ended." in own.text
        await ended(here, card, failed("no"), DONE, DONE)
        posted = await summary(here, card)
        pings = [reply.pings for reply in here.replies(card)]
        assert pings == [{here.bob.id}, set(), {here.bob.id}, {here.ada.id}]
        assert not here.replies(card)[0].flags & SUPPRESS_NOTIFICATIONS, "a silent ping is none"
        assert posted.pings == {here.ada.id}
        await nothing_more(here, card, 4)


async def test_whoever_joined_and_presses_notify_me_is_pinged_by_the_summary_alone(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here, 2)
        await here.type("watch", TASKS[0], user=here.bob)
        await (await here.sim.click(here.bob, card, label="Notify me · 1")).acknowledged()
        await ended(here, card, DONE, DONE)
        await summary(here, card)
        assert [reply.pings for reply in here.replies(card)] == [set(), set(), {here.ada.id, here.bob.id}]


@pytest.mark.slow
async def test_one_that_goes_on_for_half_an_hour_is_not_waited_for(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here)
        await here.type("watch", TASKS[2], user=here.bob)
        await ended(here, card, DONE, failed("no"))
        at = here.clock()
        here.api.set(TASKS[2], [running(10 + number // 40) for number in range(3_000)])
        await here.sleep(HALF_AN_HOUR / 2)
        await here.kill_bot()  # the time is that of the stored end
        await here.start_bot()
        posted = await summary(here, card, HALF_AN_HOUR)
        assert HALF_AN_HOUR <= here.clock() - at < HALF_AN_HOUR + 120
        first, *links, _ = posted.content.splitlines()
        assert first == "⚠️ **1 of 3 ready · 1 failed · 1 still running**"
        assert len(links) == 2
        assert posted.pings == {here.ada.id}
        await here.shows(card, "Each result will be posted as a reply to this card.")
        here.api.set(TASKS[2], DONE)
        last = await result(here, card, TASKS[2])
        assert last.pings == {here.ada.id, here.bob.id}
        assert not last.flags & SUPPRESS_NOTIFICATIONS
        await nothing_more(here, card, 4)


@pytest.mark.slow
async def test_when_the_last_is_stopped_after_an_early_summary_nothing_more_comes(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here, 2)
        await ended(here, card, DONE)
        here.api.set(TASKS[1], [running(10 + number // 40) for number in range(3_000)])
        await summary(here, card, 2 * HALF_AN_HOUR)
        await (await here.sim.click(here.ada, card, label="Stop")).acknowledged()
        await nothing_more(here, card, 2)


async def test_after_a_long_stop_it_is_first_asked_whether_the_last_goes_on(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here, 2)
        await ended(here, card, DONE)
        await here.stop_bot()
        here.api.set(TASKS[1], DONE)
        await here.sleep(4 * HALF_AN_HOUR)
        await here.start_bot()
        assert (await summary(here, card)).content.startswith("✅ **2 of 2 ready**")
        await nothing_more(here, card, 3)


async def test_an_early_summary_comes_while_the_task_api_is_down(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here, 2)
        await ended(here, card, DONE)
        here.api.fail_all(Answer.json({}, 503))
        assert "1 still running" in (await summary(here, card, 2 * HALF_AN_HOUR)).content


async def test_when_the_last_is_stopped_while_others_had_results_the_summary_comes(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here)
        await ended(here, card, DONE)
        await here.type("stop", TASKS[1])
        await (await here.sim.click(here.ada, card, label="Stop")).acknowledged()
        posted = await summary(here, card)
        assert posted.content.startswith("⚠️ **1 of 3 ready · 2 stopped**\n✅ Finished · **1**")
        assert posted.pings == {here.ada.id}
        await nothing_more(here, card, 2)


async def test_no_summary_if_all_were_stopped(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here)
        await here.type("stop", TASKS[1])
        await (await here.sim.click(here.ada, card, label="Stop")).acknowledged()
        await here.shows(card, "0 of 3 ready · 3 stopped")
        await nothing_more(here, card, 0)


async def test_no_summary_if_all_are_unknown(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS[:2]:
            here.api.set(task, GONE)
        card = await here.watch(" ".join(TASKS[:2]))
        await here.shows(card, "0 of 2 ready · 2 unknown", 180)
        await nothing_more(here, card, 0)


async def test_unknown_ones_are_counted_in_the_summary(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS[:2]:
            here.api.set(task, running(10))
        here.api.set(TASKS[2], GONE)
        card = await here.watch(" ".join(TASKS[:3]))
        await here.shows(card, "1 unknown", 180)
        await ended(here, card, DONE, failed("no"))
        assert (await summary(here, card)).content.startswith("⚠️ **1 of 3 ready · 1 failed · 1 unknown**")
        await nothing_more(here, card, 3)


@pytest.mark.slow
async def test_a_card_with_one_task_pings_by_its_result(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASKS[0], DONE)
        here.api.set(TASKS[1], running(10))
        card = await here.watch(f"{TASKS[0]} {TASKS[1]}")
        await here.type("watch", TASKS[1], user=here.bob)
        here.api.set(TASKS[1], DONE)
        assert (await result(here, card, TASKS[1])).pings == {here.ada.id, here.bob.id}
        await here.sleep(3_600)
        assert summaries(here, card) == []


async def test_no_summary_of_a_card_that_was_deleted(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here)
        await ended(here, card, DONE)
        card.delete()
        here.api.set(TASKS[1], [running(30), running(40)])
        await here.sleep(120)
        for task in TASKS[1:3]:
            here.api.set(task, DONE)
        await nothing_more(here, card, 1)


async def test_a_card_begun_before_this_version_pings_by_each_result(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here, 2)
        await here.stop_bot()
        connection = sqlite3.connect(here.data / "bot.db")
        connection.execute("UPDATE cards SET batch = 0")  # as the migration leaves it
        connection.commit()
        connection.close()
        await here.start_bot()
        await here.type("watch", TASKS[0], user=here.bob)
        await here.shows(card, "Each result will be posted as a reply to this card.")
        await ended(here, card, DONE, failed("no"))
        assert [reply.pings for reply in here.replies(card)] == [{here.ada.id, here.bob.id}] * 2
        await nothing_more(here, card, 2)


@pytest.mark.parametrize(
    "trouble",
    [
        {"drop": True, "when": "before"},
        {"drop": True, "when": "after"},
        {"status": 503, "when": "after"},
        {"status": 502, "when": "after", "times": 5},
        {"status": 403, "code": 50013, "when": "before"},
        {"status": 404, "code": 0, "when": "before"},
        {"status": 400, "code": 50035, "when": "before"},
    ],
    ids=str,
)
async def test_whatever_happens_to_its_request_the_summary_comes_once(
    trouble: dict[str, Any], tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        card = await watched(here, 2)
        await ended(here, card, DONE)
        here.sim.fault(Fault("POST", POST, **trouble, saying=" ready"))
        here.api.set(TASKS[1], DONE)
        assert (await summary(here, card, 4_000)).pings == {here.ada.id}
        await nothing_more(here, card, 3)


async def test_a_summary_sent_before_a_crash_is_found_in_the_history(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here, 2)
        await ended(here, card, DONE)
        here.sim.fault(Fault("POST", POST, when="after", delay=30, drop=True, saying=" ready"))
        here.api.set(TASKS[1], DONE)
        await summary(here, card)
        await here.kill_bot()
        await here.sleep(3_600)  # the nonce is forgotten
        await here.start_bot()
        await nothing_more(here, card, 3)


async def test_a_summary_that_came_after_the_backup_is_not_posted_again(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here, 2)
        await ended(here, card, DONE)
        copy = back_up(tmp_path / "bot.db", tmp_path / "copy.db", here.clock())
        await (await here.sim.click(here.bob, card, label="Notify me · 1")).acknowledged()
        here.api.set(TASKS[1], DONE)
        assert (await summary(here, card)).pings == {here.ada.id, here.bob.id}
        await here.sleep(4 * 3_600)
        await here.stop_bot()
        restore(copy, here.data / "bot.db", here.clock())
        await here.start_bot()
        await nothing_more(here, card, 3)


async def test_a_channel_that_is_closed_meanwhile_gets_its_summary_later(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here, 2)
        await ended(here, card, DONE)
        here.channel.restrict_bot(0)
        here.api.set(TASKS[1], DONE)
        await here.sleep(1_200)
        await here.kill_bot()
        await here.start_bot()
        here.channel.restrict_bot(None)
        assert (await summary(here, card, 3_600)).pings == {here.ada.id}
        await nothing_more(here, card, 3)


@pytest.mark.slow
async def test_no_summary_where_access_was_lost_for_a_day(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here, 2)
        await ended(here, card, DONE)
        here.channel.restrict_bot(0)
        here.api.set(TASKS[1], DONE)
        await here.sleep(26 * 3_600)
        here.channel.restrict_bot(None)
        await nothing_more(here, card, 1)


async def test_hundreds_of_followers_are_all_pinged_once(tmp_path: Path) -> None:
    people = [10**18 + number for number in range(250)]
    async with place(tmp_path) as here:
        card = await watched(here, 2)
        assert here.app is not None
        for number, user_id in enumerate(people):
            await here.app.store.people.follow(1, user_id, here.clock() + number)
        await ended(here, card, DONE)
        here.sim.fault(Fault("POST", POST, when="after", delay=30, drop=True, saying="2/"))
        here.api.set(TASKS[1], DONE)
        await summary(here, card)
        await here.sleep(20)
        await here.kill_bot()
        await here.sleep(3_600)
        await here.start_bot()
        await here.sleep(3_600)
        pinged = [int(user) for m in here.replies(card) for user in re.findall(r"<@(\d+)>", m.content)]
        assert pinged == [here.ada.id, *people]


async def test_the_message_menu_knows_the_tasks_of_a_summary(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watched(here, 2)
        await ended(here, card, DONE, DONE)
        posted = await summary(here, card)
        for task in TASKS[:2]:
            here.api.set(task, running(10))
        use = await here.sim.message_command(here.ada, here.channel, "Watch Veo tasks", posted)
        await use.acknowledged()
        assert use.response is not None
        await here.shows(use.response, "0 of 2 ready")
