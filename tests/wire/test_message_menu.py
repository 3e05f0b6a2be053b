"""The message menu: the tasks of a message are watched, wherever in it they stand."""

from pathlib import Path
from typing import Any

import pytest
from wire.place import DONE, TASK, VIDEO, Place, place, running

from sim.discord import Invocation, Message

pytestmark = pytest.mark.looptime

MENU = "Watch Veo tasks"
TASKS = [f"dddddddd-0000-4000-8000-{number:012}" for number in range(12)]
OTHER = "11112222-3333-4444-8555-666677778888"
LINK = f"https://duomiapi.com/v1/videos/tasks/{TASK}"


def posted(here: Place, content: str = "", **more: Any) -> Message:
    """Have Bob post a message, with embeds and components as Discord has them."""
    message = Message(here.sim.world, here.channel, here.bob, content=content)
    for name, value in more.items():
        setattr(message, name, value)
    here.channel.messages[message.id] = message
    return message


async def pick(here: Place, message: Message) -> Invocation:
    use = await here.sim.message_command(here.ada, here.channel, MENU, message)
    return await use.acknowledged()


@pytest.mark.parametrize(
    "message",
    [
        {"content": f"my render {TASK} is on its way"},
        {"content": f"[here]({LINK})"},
        {"embeds": [{"title": "Render", "description": f"`{TASK}`"}]},
        {"embeds": [{"title": "Render", "url": LINK}]},
        {"embeds": [{"fields": [{"name": "task", "value": TASK, "inline": True}]}]},
        {"embeds": [{"footer": {"text": TASK}}]},
        {"embeds": [{"author": {"name": TASK}}]},
        {"components": [{"type": 10, "content": TASK}]},
        {
            "components": [
                {"type": 17, "components": [{"type": 10, "content": "x"}, {"type": 10, "content": TASK}]}
            ]
        },
        {"components": [{"type": 1, "components": [{"type": 2, "style": 5, "label": "see", "url": LINK}]}]},
        {
            "components": [
                {
                    "type": 9,
                    "components": [{"type": 10, "content": "a render"}],
                    "accessory": {"type": 2, "style": 5, "label": "see", "url": LINK},
                }
            ]
        },
    ],
    ids=lambda message: next(iter(message)),
)
async def test_a_task_is_found_wherever_it_stands(message: dict[str, Any], tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        use = await pick(here, posted(here, **message))
        assert not use.ephemeral, use.text
        assert use.response is not None
        await here.shows(use.response, "10 %")
        here.api.set(TASK, DONE)
        result = await here.result(use.response)
        assert VIDEO in result.content
        assert result.pings == {here.ada.id}


@pytest.mark.parametrize(
    "text", ["", "any word fits a typed id", "https://cdn.example/video.mp4", "12345678"]
)
async def test_a_message_without_tasks_is_answered_privately(text: str, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        use = await pick(here, posted(here, text))
        assert use.ephemeral
        assert "I found no task id in that message" in use.text
        assert here.api.requests == []


async def test_several_tasks_make_one_card_and_ten_are_the_most(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS:
            here.api.set(task, running(10))
        use = await pick(here, posted(here, "\n".join(TASKS)))
        assert use.response is not None
        await here.shows(use.response, "0 of 10 ready")
        await here.sim.wait_for(lambda: len(use.messages) == 2, 10)
        assert use.messages[1].ephemeral
        assert f"Not watched: `{TASKS[10]}`, `{TASKS[11]}`" in use.messages[1].text


async def test_our_own_card_names_tasks_of_any_form(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set("short-id", running(10))
        card = await here.watch("short-id")
        await here.shows(card, "10 %")
        await here.sim.wait_for(lambda: card.buttons, 10)
        await (await here.sim.click(here.ada, card, label="Stop")).acknowledged()
        await here.shows(card, "Stopped")
        use = await pick(here, card)
        assert not use.ephemeral
        assert use.response is not None
        await here.shows(use.response, "`short-id`")


async def test_in_a_direct_message_it_needs_a_server(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.channel = here.sim.dm(here.ada)
        use = await pick(here, posted(here, TASK))
        assert "only watch renders in a server's channels" in use.text


async def test_the_ids_of_our_own_card_come_from_the_store_whatever_its_text(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in ("short-1", OTHER):
            here.api.set(task, running(10))
        card = await here.watch(f"{OTHER} https://x.example/tasks/{OTHER}")
        await here.shows(card, "10 %")
        await (await here.sim.click(here.ada, card, label="Stop")).acknowledged()
        await here.shows(card, "Stopped")
        card.components = [{"type": 10, "content": "`short-1`"}]
        use = await pick(here, card)
        assert use.response is not None
        await here.shows(use.response, OTHER)
        assert {request.task_id for request in here.api.requests} == {OTHER}


async def test_a_pasted_command_makes_a_card_of_its_task_link_alone(tmp_path: Path) -> None:
    pasted = f"curl -H 'Authorization: {OTHER}' -H 'X-Key: sk-0123456789abcdef' '{LINK}'"
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        typed, picked = await here.type("watch", pasted), await pick(here, posted(here, pasted))
        assert picked.ephemeral
        await here.sim.wait_for(lambda: len(typed.messages) > 1 and len(picked.messages) > 0, 10)
        assert "Left out (not a task id): `curl`, `-H`" in typed.messages[1].text
        assert [m.ephemeral for m in typed.messages] == [False, True]
        assert "curl" not in typed.messages[0].text
        for secret in (OTHER, "sk-0123456789abcdef"):
            assert secret not in "".join(m.text for m in (*typed.messages, *picked.messages))
        assert {request.task_id for request in here.api.requests} == {TASK}
