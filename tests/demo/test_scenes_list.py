"""The list and the ids that are offered, on the demo's stage."""

import pytest
from wire.place import running

from demo.reading import words_of
from demo.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_person_lists_what_is_watched_and_completes_its_id(stage: Stage, task: str) -> None:
    stage.api.set(task, running(30))
    await stage.ann.slash(stage.channel, "veo watch", id=task)
    listed = (await stage.marco.slash(stage.channel, "veo list")).response
    assert listed is not None
    assert listed.ephemeral
    assert task in words_of(listed)
    choices = await stage.marco.autocomplete(stage.channel, "veo watch", "id", task[:8])
    assert [choice["value"] for choice in choices] == [task]
    assert "Rendering 30 %" in choices[0]["name"]


async def test_a_name_is_given_shown_found_and_kept_after_the_end(stage: Stage, task: str) -> None:
    stage.api.set(task, running(30))
    card = (await stage.ann.slash(stage.channel, "veo watch", id=task, name="Shot *12*")).response
    assert card is not None
    assert f"### 🎬 Rendering\n**Shot \\*12\\***\n-# `{task}`" in words_of(card)
    choices = await stage.marco.autocomplete(stage.channel, "veo stop", "id", "SHOT")
    assert [choice["name"] for choice in choices] == [f"Shot *12* · {task} · Rendering 30 %"]
    again = (await stage.marco.slash(stage.channel, "veo watch", id=task, name="Marco's")).response
    assert again is not None
    assert "already watched here as **Shot \\*12\\***" in words_of(again)
    await stage.ann.slash(stage.channel, "veo watch", id=task, name="Shot 13")
    assert f"**Shot 13**\n-# `{task}`" in words_of(card)
    await stage.ann.slash(stage.channel, "veo stop", id=task)
    listed = (await stage.marco.slash(stage.channel, "veo list")).response
    assert listed is not None
    assert "⏹️ Stopped · **Shot 13**" in words_of(listed)
