"""The real process before a gateway that it cannot use, or cannot read."""

from pathlib import Path

import pytest
from wire.place import DONE, TASK, VIDEO
from wire.process import process
from wire.test_gateway import EVENTS, frame

pytestmark = pytest.mark.slow  # real processes


@pytest.mark.parametrize(("code", "advice"), [(4004, "DISCORD_TOKEN"), (4013, "intents"), (4014, "intents")])
async def test_a_close_that_only_people_can_help_ends_the_process_with_one_line(
    code: int, advice: str, tmp_path: Path
) -> None:
    async with process(tmp_path) as here:
        here.sim.gateway.closes_with = code
        await here.start(wait=False)
        assert await here.ended() == 3
        assert advice in here.log.splitlines()[-1]
        assert "Traceback" not in here.log


async def test_the_process_outlives_events_that_it_cannot_read(tmp_path: Path) -> None:
    async with process(tmp_path) as here:
        await here.start()
        for event in EVENTS:
            here.sim.send_frame(frame(event, here.channel))
        here.api.set(TASK, DONE)
        assert VIDEO in (await here.watch(TASK)).content
        assert all(f"event={event}" in here.log for event in EVENTS)
        assert "Traceback" not in here.log
        assert await here.stop() == 0
