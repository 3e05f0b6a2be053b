"""The short form of the soak: what the bot keeps does not grow while watches come and go."""

from pathlib import Path

import pytest
from wire.soak import soak

pytestmark = [pytest.mark.looptime, pytest.mark.slow]


async def test_nothing_grows_while_watches_come_and_go(tmp_path: Path) -> None:
    soaked = await soak(tmp_path, watches=80, hours=5, every=1, say=lambda _: None)
    assert (soaked.lost, soaked.doubled) == (0, 0)
    assert soaked.ended > 30
    early, *_, late = soaked.samples[2:]
    assert late.files <= early.files + 2
    assert late.tasks <= early.tasks + 5
    assert late.objects <= early.objects * 1.2
