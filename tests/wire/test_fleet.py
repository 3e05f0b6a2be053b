"""Blows at two processes of one bot; `make torture BOTS=2` and `make takeover` are the long forms."""

from pathlib import Path

import pytest
from postgres_server import running
from wire.paused import PLACES
from wire.takeover import outage, pause
from wire.torture_fleet import torture

pytestmark = pytest.mark.slow

LONGER_THAN_A_LEASE = 9.0


async def test_each_result_comes_once_whichever_process_is_struck(tmp_path: Path) -> None:
    with running(durable=True) as server:
        tally = await torture(tmp_path, server, kills=5, seed=20_261_125, say=lambda _: None)
    assert tally.watches >= 4
    assert not tally.lost, tally.lost
    assert not tally.doubled, tally.doubled
    assert not tally.left, tally.left


@pytest.mark.parametrize("place", PLACES)
async def test_a_result_comes_once_wherever_its_process_stands_still(place: str, tmp_path: Path) -> None:
    with running(durable=True) as server:
        assert await pause(server, place, LONGER_THAN_A_LEASE, tmp_path / "note") == 1


async def test_an_outage_of_the_server_costs_nothing_but_its_time() -> None:
    with running(durable=True) as server:
        counts = await outage(server, LONGER_THAN_A_LEASE)
    assert counts == {"take-overs": 0, "identifies": 0, "exits": 0, "results": 2}
