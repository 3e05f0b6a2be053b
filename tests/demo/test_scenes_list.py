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
