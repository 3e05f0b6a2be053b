"""What ended long ago is pruned while the bot runs."""

from pathlib import Path

import pytest
from wire.place import DONE, TASK, Place, place, running

pytestmark = pytest.mark.looptime

OTHER = "11112222-3333-4444-5555-666677778888"


@pytest.mark.slow
async def test_an_ended_watch_is_pruned_after_its_days_and_a_live_one_is_kept(tmp_path: Path) -> None:
    async with place(tmp_path, keep_days=1, watch_max_hours=720) as here:
        here.api.set(TASK, [running(10), DONE])
        card = await here.watch()
        await here.result(card)
        here.api.set(OTHER, running(10))
        await here.shows(await here.watch(OTHER), "10 %")
        await here.sleep(3_600)
        assert await kept(here) == 2
        await here.stop_bot()
        here.clock_error = 86_400.0
        await here.start_bot()
        assert await kept(here) == 1


async def kept(here: Place) -> int:
    """Count the watches in the file."""
    assert here.database is not None
    query = "SELECT count(*) FROM watches"
    return int(await here.database.run(lambda c: c.exec_driver_sql(query).scalar_one()))
