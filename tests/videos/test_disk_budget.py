"""How much of the disk videos may take."""

from pathlib import Path

import pytest

from bot.videos.downloader import DiskBudget
from bot.videos.source import Refused

MIB = 2**20
GIB = 2**30
A, B = Path("a"), Path("b")


def budget(total: int, free: int) -> DiskBudget:
    return DiskBudget(Path(), lambda _: (total, 0, free))


def test_all_videos_together_have_512_mib() -> None:
    videos = budget(100 * GIB, 50 * GIB)
    videos.claim(A, 500 * MIB, 500 * MIB)
    videos.claim(B, 12 * MIB, 0)
    with pytest.raises(Refused):
        videos.claim(B, 12 * MIB + 1, 0)
    del videos.claims[A]
    videos.claim(B, 512 * MIB, 0)


@pytest.mark.parametrize(
    ("total", "free", "size"),
    [
        pytest.param(100 * GIB, 300 * MIB, 44 * MIB, id="256 MiB of a large disk"),
        pytest.param(100 * MIB, 25 * MIB, 20 * MIB, id="a twentieth of a small one"),
    ],
)
def test_some_of_the_disk_stays_free(total: int, free: int, size: int) -> None:
    budget(total, free).claim(A, size, 0)
    with pytest.raises(Refused):
        budget(total, free).claim(A, size + 1, 0)


def test_what_is_promised_but_not_written_yet_counts() -> None:
    videos = budget(100 * MIB, 25 * MIB)
    videos.claim(A, 15 * MIB, 0)
    with pytest.raises(Refused):
        videos.claim(B, 6 * MIB, 0)
    videos.claim(A, 15 * MIB, 10 * MIB)  # these 10 MiB are no longer in what is free
    videos.claim(B, 15 * MIB, 0)


def test_a_file_may_go_on_within_its_claim_but_not_into_what_is_to_stay_free() -> None:
    free = 25 * MIB
    videos = DiskBudget(Path(), lambda _: (100 * MIB, 0, free))
    videos.claim(A, 15 * MIB, 0)
    free = 10 * MIB  # another program has taken the rest
    with pytest.raises(Refused):
        videos.claim(A, 15 * MIB, 5 * MIB)
