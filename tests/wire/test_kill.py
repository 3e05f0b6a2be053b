"""kill -9 at random moments on the real process; `make torture KILLS=200` is the long form."""

from contextlib import nullcontext
from pathlib import Path

import pytest
from postgres_server import running
from wire.torture import torture


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_each_result_comes_once_through_kills_and_lost_answers(store: str, tmp_path: Path) -> None:
    with running(durable=True) if store == "postgres" else nullcontext() as server:
        tally = await torture(tmp_path, kills=4, seed=20_261_124, say=lambda _: None, server=server)
    assert tally.watches >= 4
    assert not tally.lost, tally.lost
    assert not tally.doubled, tally.doubled
    assert not tally.left, tally.left
