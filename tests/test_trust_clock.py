"""The clock that limits trust: never behind the time that passed, never back."""

import pytest

from bot.clock import furthest, trust_clock


class Hands:
    def __init__(self, *times: float) -> None:
        self.times = list(times)

    def clock(self, number: int) -> float:
        return self.times[number]


@pytest.mark.parametrize(
    ("boot", "wall", "passed"),
    [
        (1.0, 1.0, 1.0),
        (0.0, 60.0, 60.0),  # the machine slept
        (1.0, -3_600.0, 1.0),  # the system's clock was set back
        (1.0, 3_600.0, 3_600.0),  # or forward: then too much has passed rather than too little
        (0.0, -5.0, 0.0),
    ],
)
def test_the_larger_progress_counts(boot: float, wall: float, passed: float) -> None:
    hands = Hands(100.0, 1_700_000_000.0)
    clock = furthest(lambda: hands.clock(0), lambda: hands.clock(1))
    begun = clock()
    hands.times = [hands.times[0] + boot, hands.times[1] + wall]
    assert clock() - begun == pytest.approx(passed)
    begun = clock()
    hands.times = [time + 2.0 for time in hands.times]
    assert clock() - begun == pytest.approx(2.0), "whatever was set before"


def test_this_machines_clock_goes_forward() -> None:
    clock = trust_clock()
    readings = [clock() for _ in range(100)]
    assert readings == sorted(readings)
