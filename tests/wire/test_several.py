"""Several tasks on one card: a row for each, a result for each, and one bad id spoils no other."""

from pathlib import Path
from typing import Any

import pytest
from wire.place import DONE, TASK, VIDEO, Place, failed, place, running, succeeded

from sim.discord import Fault, Invocation, Message, Permission
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime

TASKS = [f"eeeeeeee-0000-4000-8000-{number:012}" for number in range(14)]
GONE = Answer.json({"message": "task not found"}, 404)


async def watch_all(here: Place, tasks: list[str], answer: Any = None, between: str = " ") -> Message:
    for number, task in enumerate(tasks):
        here.api.set(task, running(10 + number) if answer is None else answer)
    return await here.watch(between.join(tasks))


def reply_about(here: Place, card: Message, task: str) -> Message:
    (reply,) = [reply for reply in here.replies(card) if f"`{task}`" in reply.content]
    return reply


async def sent_privately(here: Place, use: Invocation) -> str:
    await here.sim.wait_for(lambda: any(message.ephemeral for message in use.messages), 30)
    await here.sleep(1)
    return "\n".join(message.text for message in use.messages if message.ephemeral)


@pytest.mark.parametrize("between", [" ", ",", ", ", "\n", "，"])
async def test_several_ids_make_one_card_with_a_row_for_each(between: str, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watch_all(here, [*TASKS[:3], TASKS[0]], between=between)
        await here.shows(card, "0 of 3 ready")
        rows = [line for line in card.text.splitlines() if "Rendering" in line]
        assert rows == [f"🎬 Rendering · **{n + 1}** · `{TASKS[n][:8]}…`" for n in range(3)]
        assert "**11 %**" in card.text
        assert len(here.sim.messages(here.channel)) == 1


async def test_each_task_gets_its_own_result_and_the_card_counts_them(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watch_all(here, TASKS[:3])
        here.api.set(TASKS[1], succeeded("https://cdn.example/1.mp4"))
        await here.shows(card, "1 of 3 ready")
        assert "https://cdn.example/1.mp4" in (await here.result(card)).content
        here.api.set(TASKS[0], failed("no faces"))
        await here.shows(card, "1 of 3 ready · 1 failed")
        assert "> no faces" in card.text
        assert [button["label"] for button in card.buttons] == ["Notify me · 1", "Stop"]
        here.api.set(TASKS[2], DONE)
        await here.shows(card, "⚠️ 2 of 3 ready · 1 failed")
        await here.sleep(30)
        assert card.buttons == []
        assert "The results are in the replies below." in card.text
        *results, _summary = here.replies(card)
        assert len(results) == 3
        assert VIDEO in reply_about(here, card, TASKS[2]).content


async def test_a_restart_in_the_middle_keeps_every_row(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watch_all(here, TASKS[:3])
        here.api.set(TASKS[0], failed("no faces"))
        await here.result(card)
        await here.kill_bot()
        here.api.set(TASKS[1], DONE)
        await here.start_bot()
        await here.shows(card, "1 of 3 ready · 1 failed")
        here.api.set(TASKS[2], DONE)
        await here.shows(card, "2 of 3 ready · 1 failed")
        await here.sleep(60)
        assert len(here.replies(card)) == 3 + 1, "with the summary"
        for task in TASKS[:3]:
            reply_about(here, card, task)


async def test_what_ended_already_is_answered_at_once_beside_the_card(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASKS[0], DONE)
        here.api.set(TASKS[1], running(20))
        card = await here.watch(f"{TASKS[0]} {TASKS[1]}")
        await here.shows(card, "Rendering")
        assert TASKS[0] not in card.text
        (use,) = here.sim.invocations
        await here.sim.wait_for(lambda: len(use.messages) == 2, 10)
        assert VIDEO in use.messages[1].content
        assert not use.messages[1].ephemeral
        here.api.set(TASKS[1], DONE)
        await here.sim.wait_for(lambda: len(here.replies(card)) == 2, 60)
        assert VIDEO in reply_about(here, card, TASKS[1]).content


async def test_when_all_have_ended_there_is_no_card(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS[:2]:
            here.api.set(task, DONE)
        use = await here.type("watch", " ".join(TASKS[:2]))
        await here.sim.wait_for(lambda: len(use.messages) == 2, 10)
        assert TASKS[0] in use.messages[0].content
        assert TASKS[1] in use.messages[1].content
        assert here.app is not None
        assert await here.app.store.unfinished() == []


async def test_one_private_summary_tells_what_was_not_watched_and_why(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        first = await watch_all(here, TASKS[:1])
        for task in TASKS:
            here.api.set(task, running(10))
        use = await here.type("watch", f"{' '.join(TASKS[:12])} ../admin @everyone", user=here.bob)
        assert use.response is not None
        await here.shows(use.response, "0 of 9 ready")
        summary = await sent_privately(here, use)
        assert len([message for message in use.messages if message.ephemeral]) == 1
        assert "Left out (not a task id): `../admin`, `@everyon`" in summary
        assert f"I can take up to 10 ids at once. Not watched: `{TASKS[10]}`, `{TASKS[11]}`" in summary
        assert f"`{TASKS[0]}` is already watched here: {first.jump_url}" in summary
        assert here.api.polls("../admin") == 0
        here.api.set(TASKS[0], DONE)
        assert (await here.result(first)).pings == {here.ada.id, here.bob.id}


async def test_when_nothing_is_left_to_watch_only_the_asker_is_answered(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await watch_all(here, TASKS[:2])
        use = await here.type("watch", f"{TASKS[0]} {TASKS[1]} ../x", user=here.bob)
        assert use.ephemeral
        assert len(use.messages) == 1
        for said in (TASKS[0], TASKS[1], "`../x`"):
            assert said in use.text


async def test_the_limits_count_each_task_and_let_in_what_fits(tmp_path: Path) -> None:
    async with place(tmp_path, watches_per_person=3) as here:
        await watch_all(here, TASKS[:1])
        for task in TASKS:
            here.api.set(task, running(10))
        use = await here.type("watch", " ".join(TASKS[1:5]))
        assert use.response is not None
        await here.shows(use.response, "0 of 2 ready")
        summary = await sent_privately(here, use)
        assert "Each person can have up to 3 live watches, and you have 1" in summary
        assert f"Not watched: `{TASKS[3]}`, `{TASKS[4]}`" in summary


async def test_many_commands_at_once_stay_within_the_limits(tmp_path: Path) -> None:
    async with place(tmp_path, watches_per_person=3) as here:
        for task in TASKS:
            here.api.set(task, running(10))
        uses = [await here.sim.slash(here.ada, here.channel, "veo", "watch", id=task) for task in TASKS]
        for use in uses:
            await use.acknowledged()
        await here.sleep(10)
        assert here.app is not None
        assert len(await here.app.store.unfinished()) == 3
        assert sum(1 for message in here.sim.messages(here.channel) if not message.deleted) == 3


async def test_stop_ends_one_row_and_the_button_all_that_are_left(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watch_all(here, TASKS[:3])
        assert TASKS[0] in (await here.type("stop", TASKS[0])).text
        await here.shows(card, f"Stopped by <@{here.ada.id}>")
        assert "0 of 3 ready · 1 stopped" in card.text
        here.api.set(TASKS[1], DONE)
        await here.result(card)
        use = await here.sim.click(here.ada, card, label="Stop")
        await use.acknowledged()
        assert TASKS[2] in use.text
        assert TASKS[1] not in use.text
        await here.shows(card, "⚠️ 1 of 3 ready · 2 stopped")
        await here.sleep(30)
        assert len(here.replies(card)) == 1 + 1, "with the summary"
        assert card.buttons == []


async def test_the_same_tasks_asked_for_at_once_make_one_watch_each(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS[:4]:
            here.api.set(task, running(10))
        one = await here.sim.slash(here.ada, here.channel, "veo", "watch", id=" ".join(TASKS[:3]))
        two = await here.sim.slash(here.bob, here.channel, "veo", "watch", id=" ".join(TASKS[1:4]))
        await one.acknowledged()
        await two.acknowledged()
        await here.sleep(20)
        assert here.app is not None
        rows = [w.task_id for state in await here.app.store.unfinished() for w in state.watches]
        assert sorted(rows) == TASKS[:4]


@pytest.mark.slow
async def test_an_outage_is_shown_once_on_a_card_of_several(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await watch_all(here, TASKS[:4])
        here.api.fail_all(Answer.json({}, 503))
        await here.shows(card, "stopped answering <t:", 120)
        assert card.text.count("stopped answering") == 1
        here.api.recover()
        for task in TASKS[:4]:
            here.api.set(task, DONE)
        await here.shows(card, "✅ 4 of 4 ready", 180)
        await here.sleep(60)
        assert len(here.replies(card)) == 4 + 1, "with the summary"


async def test_tasks_that_never_appear_end_as_rows_and_the_rest_goes_on(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASKS[0], GONE)
        here.api.set(TASKS[1], running(10))
        card = await here.watch(" ".join(TASKS[:2]))
        await here.shows(card, "Not visible yet")
        await here.shows(card, "No such task", 120)
        assert "0 of 2 ready · 1 unknown" in card.text
        here.api.set(TASKS[1], DONE)
        await here.result(card)
        await here.sleep(30)
        assert len(here.replies(card)) == 1 + 1, "with the summary"


async def test_a_disk_that_takes_no_writes_refuses_them_all_and_says_so(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS[:2]:
            here.api.set(task, running(10))
        here.break_disk()
        use = await here.type("watch", " ".join(TASKS[:2]))
        summary = await sent_privately(here, use)
        assert f"could not save the watch for `{TASKS[0]}`, `{TASKS[1]}`" in summary
        assert all(message.deleted for message in here.sim.messages(here.channel))
        here.break_disk(broken=False)


async def test_a_card_stays_when_what_follows_it_cannot_be_sent(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        here.sim.fault(Fault("POST", "/webhooks/*/*", status=400, times=None))
        use = await here.type("watch", f"{TASK} ../x")
        assert use.response is not None
        await here.sleep(20)
        assert not use.response.deleted
        here.api.set(TASK, DONE)
        assert VIDEO in (await here.result(use.response)).content


async def test_several_need_the_channels_permissions_as_one_does(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.channel.restrict_bot(int(Permission.VIEW_CHANNEL))
        use = await here.type("watch", " ".join(TASKS))
        assert use.ephemeral
        assert "**Attach Files**" in use.text
        assert f"`{TASKS[9]}`" in use.text
        assert here.api.requests == []


async def test_a_restart_goes_on_with_the_result_of_a_card_deleted_while_another_row_ran(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as here:
        one, other = TASK, "11112222-3333-4444-5555-666677778888"
        for task in (one, other):
            here.api.set(task, running(10))
        card = await here.watch(f"{one} {other}")
        await here.shows(card, "10 %")
        here.sim.fault(Fault("POST", "/channels/*/messages", status=503, times=None))
        here.api.set(one, DONE)
        await here.shows(card, "1 of 2 ready")
        card.delete()
        here.api.set(other, [running(20), running(30)])
        await here.sleep(60)
        await here.kill_bot()
        here.sim.clear_faults()
        await here.start_bot()
        await here.sim.wait_for(lambda: any(VIDEO in m.content for m in here.sim.messages(here.channel)), 900)
        assert here.app is not None
        await here.sleep(60)
        assert await here.app.store.unfinished() == []
