"""The list and the ids that are offered, on the demo's stage."""

from wire.place import TASK, running

from demo.reading import words_of
from demo.stage import Stage


async def test_a_person_lists_what_is_watched_and_completes_its_id() -> None:
    async with Stage() as stage:
        stage.api.set(TASK, running(30))
        await stage.ann.slash(stage.channel, "veo watch", id=TASK)
        listed = (await stage.marco.slash(stage.channel, "veo list")).response
        assert listed is not None
        assert listed.ephemeral
        assert TASK in words_of(listed)
        choices = await stage.marco.autocomplete(stage.channel, "veo watch", "id", TASK[:3])
        assert [choice["value"] for choice in choices] == [TASK]
        assert "Rendering 30 %" in choices[0]["name"]


async def test_a_name_is_given_shown_found_and_kept_after_the_end() -> None:
    async with Stage() as stage:
        stage.api.set(TASK, running(30))
        card = (await stage.ann.slash(stage.channel, "veo watch", id=TASK, name="Shot *12*")).response
        assert card is not None
        assert f"### 🎬 Rendering\n**Shot \\*12\\***\n-# `{TASK}`" in words_of(card)
        choices = await stage.marco.autocomplete(stage.channel, "veo stop", "id", "SHOT")
        assert [choice["name"] for choice in choices] == [f"Shot *12* · {TASK} · Rendering 30 %"]
        again = (await stage.marco.slash(stage.channel, "veo watch", id=TASK, name="Marco's")).response
        assert again is not None
        assert "already watched here as **Shot \\*12\\***" in words_of(again)
        await stage.ann.slash(stage.channel, "veo watch", id=TASK, name="Shot 13")
        assert f"**Shot 13**\n-# `{TASK}`" in words_of(card)
        await stage.ann.slash(stage.channel, "veo stop", id=TASK)
        listed = (await stage.marco.slash(stage.channel, "veo list")).response
        assert listed is not None
        assert "### Ended in the last 24 hours: 1\n⏹️ Stopped · **Shot 13**" in words_of(listed)
