"""Every command path and ending on the demo's stage: the real bot and discord.py inside SimCord."""

from typing import Any

import pytest
from simcord import InteractionResult
from wire.place import DONE, VIDEO, failed, running, succeeded

from demo.reading import replies_to, words_of
from demo.stage import Stage
from sim.task_api.answers import Answer

pytestmark = pytest.mark.asyncio(loop_scope="session")

GONE = Answer.json({"message": "task not found"}, 404)


def said(result: InteractionResult) -> str:
    """Return what the first answer to a command says."""
    assert result.response is not None
    return words_of(result.response)


async def watch(stage: Stage, task: str) -> Any:
    result = await stage.ann.slash(stage.channel, "veo watch", id=task)
    assert result.response is not None
    assert not result.ephemeral
    return result


@pytest.mark.parametrize(
    ("answers", "seconds", "card", "reply"),
    [
        ([running(30), DONE], 60, "Finished", VIDEO),
        ([running(30), failed("no faces")], 60, "> no faces", "> no faces"),
        ([running(30), succeeded()], 300, "Finished without a video", "returned no video"),
        ([running(30), GONE], 300, "Vanished", "no longer does"),
        ([running(30)], 7_500, "No longer watched", "Nothing has changed for 2 hours"),
    ],
    ids=["succeeded", "failed", "empty", "vanished", "stalled"],
)
async def test_an_end_is_shown_and_announced_once(
    stage: Stage, task: str, *, answers: list[Any], seconds: float, card: str, reply: str
) -> None:
    stage.api.set(task, answers)
    shown = await watch(stage, task)
    assert "30 %" in said(shown)
    for _ in range(5):
        await stage.env.advance_time(seconds / 5)
    assert card in said(shown)
    announced = replies_to(stage.channel, shown.response.id)
    assert len(announced) == 1
    assert reply in announced[0].content
    assert [person.id for person in announced[0].mentions] == [stage.ann.id]


async def test_a_task_that_never_appears_ends_quietly(stage: Stage, task: str) -> None:
    stage.api.set(task, GONE)
    shown = await watch(stage, task)
    assert "Not visible yet" in said(shown)
    await stage.env.advance_time(90)
    assert "No such task" in said(shown)
    assert replies_to(stage.channel, shown.response.id) == []


async def test_status_answers_with_what_one_look_saw(stage: Stage, task: str) -> None:
    stage.api.set(task, running(42))
    result = await stage.ann.slash(stage.channel, "veo status", id=task)
    assert "**42 %**" in said(result)
    assert not result.ephemeral


@pytest.mark.parametrize("command", ["veo status", "veo watch"])
async def test_a_finished_task_is_answered_with_its_links(stage: Stage, task: str, command: str) -> None:
    stage.api.set(task, DONE)
    result = await stage.ann.slash(stage.channel, command, id=task)
    assert VIDEO in said(result)
    await stage.env.advance_time(60)
    assert stage.api.polls(task) == 1


@pytest.mark.parametrize(
    ("answer", "reported"),
    [
        (GONE, "does not know"),
        (Answer.json({}, 503), "did not answer"),
        (Answer.json({}, 403), "rejected the bot's key"),
        (Answer.json({}, 429), "limiting requests right now"),
    ],
)
async def test_what_status_could_not_find_out_only_the_asker_sees(
    stage: Stage, task: str, answer: Answer, reported: str
) -> None:
    stage.api.set(task, answer)
    result = await stage.ann.slash(stage.channel, "veo status", id=task)
    assert result.ephemeral
    assert reported in said(result)


@pytest.mark.parametrize("command", ["veo status", "veo watch"])
async def test_a_malformed_id_is_refused_privately(stage: Stage, task: str, command: str) -> None:
    asked = list(stage.api.requests)
    result = await stage.ann.slash(stage.channel, command, id="../admin")
    assert result.ephemeral
    assert "That is not a task id" in said(result)
    assert stage.api.requests == asked


async def test_a_second_person_is_called_as_well(stage: Stage, task: str) -> None:
    stage.api.set(task, running(30))
    shown = await watch(stage, task)
    second = await stage.marco.slash(stage.channel, "veo watch", id=task)
    assert second.ephemeral
    assert str(shown.response.id) in said(second)
    stage.api.set(task, DONE)
    await stage.env.advance_time(60)
    called = {person.id for person in replies_to(stage.channel, shown.response.id)[0].mentions}
    assert called == {stage.ann.id, stage.marco.id}


async def test_in_a_direct_message_status_answers_and_watch_needs_a_server(stage: Stage, task: str) -> None:
    stage.api.set(task, running(42))
    assert "**42 %**" in said(await stage.ann.user.slash("veo status", id=task))
    refused = await stage.ann.user.slash("veo watch", id=task)
    assert refused.ephemeral
    assert "only watch renders in a server's channels" in said(refused)


async def test_a_deleted_card_ends_the_watch(stage: Stage, task: str) -> None:
    stage.api.set(task, [running(n) for n in range(30, 60)])
    shown = await watch(stage, task)
    await stage.env.advance_time(60)
    stage.env.backend.delete_message(stage.channel.id, shown.response.id)
    stage.api.set(task, running(99))
    await stage.env.advance_time(120)
    polls = stage.api.polls(task)
    await stage.env.advance_time(120)
    assert stage.api.polls(task) == polls


async def test_a_watch_outlives_a_restart(stage: Stage, task: str) -> None:
    stage.api.set(task, running(30))
    shown = await watch(stage, task)
    await stage.stop_bot()
    await stage.start_bot_again()
    stage.api.set(task, DONE)
    await stage.env.advance_time(60)
    assert len(replies_to(stage.channel, shown.response.id)) == 1
