"""The main job on the wire: a card from its first form to every way in which a watch ends."""

import re
from pathlib import Path
from typing import Any

import pytest
from wire.place import DONE, TASK, VIDEO, failed, place, running, succeeded

from sim.discord import Permission
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime

OTHER = "11112222-3333-4444-5555-666677778888"
GONE = Answer.json({"message": "task not found"}, 404)


async def test_a_finished_render_is_announced_once(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, [running(10), running(40), running(70), DONE])
        card = await here.watch()
        result = await here.result(card, 120)
        assert VIDEO in result.content.splitlines()
        assert result.pings == {here.ada.id}
        await here.shows(card, "Finished")
        assert VIDEO not in card.text
        assert len(here.replies(card)) == 1
        assert not here.sim.rate_limited
        assert not here.sim.invalid_requests
        assert not here.sim.unknown_routes


async def test_a_card_shows_each_progress_and_nothing_is_sent_for_a_poll_that_saw_no_change(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, [running(10)] * 5 + [running(40)] * 5 + [running(70)] * 5 + [DONE])
        card = await here.watch()
        await here.result(card, 300)
        shown = [edit.text.split("**")[1] for edit in card.edits if "%" in edit.text]
        assert list(dict.fromkeys(shown)) == ["10 %", "40 %", "70 %"]
        await here.shows(card, "The result is in the reply below.")
        assert len(card.edits) - len(shown) == 1
        assert len(shown) <= 4, "once more when the estimate of the end has passed"
        assert all(edit.body["allowed_mentions"] == {"parse": []} for edit in card.edits)


async def test_a_failed_render_tells_why_and_its_words_can_do_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, [running(10), failed("Breaks **our** rules <@1> @everyone [a](https://b.c)")])
        card = await here.watch()
        result = await here.result(card)
        assert "Failed" in result.content
        assert r"Breaks \*\*our\*\* rules \<\@1\> \@everyone \[a\]\(https\://b.c\)" in result.content
        assert result.pings == {here.ada.id}
        assert not result.pings_everyone


async def test_a_finished_task_answers_at_once_and_makes_no_watch(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, DONE)
        card = await here.watch()
        assert f"<{VIDEO}>" in card.content.splitlines()
        assert here.api.polls(TASK) == 1
        assert here.app is not None
        assert await here.app.store.unfinished() == []


async def test_a_task_that_a_channel_watches_gets_no_second_card(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, [running(10)] * 3 + [DONE])
        card = await here.watch()
        second = await here.type("watch", TASK, user=here.bob)
        assert second.ephemeral
        assert card.jump_url in second.text
        result = await here.result(card)
        assert result.pings == {here.ada.id, here.bob.id}
        assert result.content.index(str(here.ada.id)) < result.content.index(str(here.bob.id))
        assert sum(1 for m in here.sim.messages(here.channel) if m.components) == 1


async def test_two_people_who_watch_at_the_same_moment_share_one_card(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, [running(10)] * 4 + [DONE])
        uses = [
            await here.sim.slash(who, here.channel, "veo", "watch", id=TASK) for who in (here.ada, here.bob)
        ]
        for use in uses:
            await use.acknowledged()
        await here.sim.wait_for(lambda: any(m.reference for m in here.sim.messages(here.channel)), 60)
        cards = [m for m in here.sim.messages(here.channel) if m.components]
        assert len(cards) == 1
        assert (await here.result(cards[0])).pings == {here.ada.id, here.bob.id}


async def test_a_task_watched_in_two_channels_has_two_cards_and_one_poll(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        first = await here.watch()
        other = here.guild.add_channel("other")
        use = await (await here.sim.slash(here.bob, other, "veo", "watch", id=TASK)).acknowledged()
        second = use.response
        assert second is not None
        here.api.set(TASK, DONE)
        await here.sim.wait_for(lambda: all("Finished" in card.text for card in (first, second)), 60)
        assert len({request.at for request in here.api.requests[2:]}) == len(here.api.requests[2:])
        assert (await here.result(first)).pings == {here.ada.id}


@pytest.mark.parametrize(
    ("answers", "ending"),
    [
        ([running(10), succeeded()], "Finished without a video"),
        ([running(10), GONE], "Vanished"),
        ([running(10)], "No longer watched"),
    ],
)
async def test_other_ends_are_announced_as_well(answers: list[Any], ending: str, tmp_path: Path) -> None:
    async with place(tmp_path, watch_stalled_hours=0.1) as here:
        here.api.set(TASK, answers)
        card = await here.watch()
        result = await here.result(card, 900)
        await here.shows(card, ending)
        assert ending in result.content
        assert TASK in result.content
        assert result.pings == {here.ada.id}


async def test_a_watch_ends_when_it_is_too_old(tmp_path: Path) -> None:
    async with place(tmp_path, watch_max_hours=0.1) as here:
        here.api.set(TASK, [running(n // 10) for n in range(1000)])
        result = await here.result(await here.watch(), 900)
        assert "watched this render for 0.1 hours" in result.content


async def test_an_unknown_task_is_polled_for_and_ends_without_a_ping(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, GONE)
        card = await here.watch()
        await here.shows(card, "Not visible yet")
        began = here.clock()
        await here.shows(card, "No such task", 120)
        assert 55 <= here.clock() - began <= 75
        assert here.replies(card) == []


async def test_a_task_that_appears_late_is_watched(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, [GONE] * 4 + [running(10), DONE])
        assert VIDEO in (await here.result(await here.watch())).content


async def test_an_unknown_state_is_shown_as_it_came_and_polled_on(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, [running(10, state="ponder*ing")] * 2 + [DONE])
        card = await here.watch()
        await here.shows(card, r"ponder\*ing")
        await here.result(card)


async def test_progress_is_never_shown_going_backwards(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, [running(50), running(30), running(None), running("60"), DONE])
        card = await here.watch()
        await here.result(card)
        shown = [edit.text.split("**")[1] for edit in card.edits if "%" in edit.text]
        assert shown == ["50 %", "60 %"]


async def test_links_that_do_not_fit_the_message_are_in_its_file_and_none_is_cut(tmp_path: Path) -> None:
    urls = [f"https://cdn.example/{'x' * 700}/{n}.mp4" for n in range(30)]
    async with place(tmp_path) as here:
        here.api.set(TASK, [running(10), succeeded(*urls, "javascript:alert(1)")])
        result = await here.result(await here.watch())
        shown = [line for line in result.content.splitlines() if line.startswith("https:")]
        (file,) = result.attachments
        assert shown + file.data.decode().splitlines() == urls
        assert len(shown) == 2
        assert result.pings == {here.ada.id}
        assert "`javascript:alert(1)`" in result.content


async def test_what_is_missing_is_named_before_a_watch_is_made(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        here.channel.restrict_bot(Permission.VIEW_CHANNEL | Permission.SEND_MESSAGES)
        use = await here.type("watch", TASK)
        assert use.ephemeral
        assert "**Attach Files**, **Read Message History**" in use.text
        assert here.api.requests == []


async def test_watching_needs_a_server(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        dm = here.sim.dm(here.ada)
        watch = await (await here.sim.slash(here.ada, dm, "veo", "watch", id=TASK)).acknowledged()
        assert "only watch renders in a server's channels" in watch.text
        status = await (await here.sim.slash(here.ada, dm, "veo", "status", id=TASK)).acknowledged()
        assert "**10 %**" in status.text


async def test_an_archived_thread_is_reopened_by_the_result(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.channel = here.channel.add_thread("a render")
        here.api.set(TASK, running(10))
        card = await here.watch()
        await here.shows(card, "10 %")
        here.channel.set_state(archived=True)
        here.api.set(TASK, DONE)
        assert VIDEO in (await here.result(card)).content
        await here.shows(card, "Finished")


async def test_an_estimate_comes_with_moves_goes_with_a_stall_and_is_never_in_the_past(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as here:
        card_at: list[tuple[float, str]] = []
        here.api.set(TASK, [running(n) for n in range(10, 70, 3)])
        card = await here.watch()
        while here.clock() - card.edits[0].at < 600 if card.edits else True:
            await here.sleep(1)
            card_at.append((here.clock(), card.text))
        ends = [
            (at, int(found[1])) for at, text in card_at if (found := re.search(r"done <t:(\d+):R>", text))
        ]
        assert len(ends) > 5
        assert all(end > at for at, end in ends)
        assert "done" not in card.text, "it has stalled"
        assert "done" not in card.edits[0].text
