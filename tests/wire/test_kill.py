"""kill -9 at random moments on the real process; `make torture KILLS=200` is the long form."""

from pathlib import Path

import pytest
from wire.torture import torture


@pytest.mark.slow
async def test_each_result_comes_once_through_kills_and_lost_answers(tmp_path: Path) -> None:
    tally = await torture(tmp_path, kills=4, seed=20_261_124, say=lambda _: None)
    assert tally.watches >= 4
    assert not tally.lost, tally.lost
    assert not tally.doubled, tally.doubled
    assert not tally.left, tally.left
