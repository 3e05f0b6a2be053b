"""An estimate follows the recent slope, and says nothing where there is none."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.observed import SAMPLES_KEPT, expected_end, with_sample
from bot.core.position import ProgressSample

STEADY: tuple[ProgressSample, ...] = ((0.0, 0), (10.0, 10), (20.0, 20))
LATER: tuple[ProgressSample, ...] = ((100.0, 0), (110.0, 10), (120.0, 20))


@pytest.mark.parametrize(
    ("samples", "now", "next_poll", "end"),
    [
        (STEADY, 20.0, 22.0, 100.0),
        (STEADY, 25.0, 27.0, 100.0),
        (STEADY, 50.0, 52.0, 100.0),
        (STEADY, 50.1, 52.0, None),
        (STEADY, 20.0, 100.0, None),
        (STEADY[:2], 10.0, 12.0, None),
        ((), 10.0, 12.0, None),
        (((0.0, 40), (1.0, 60), (2.0, 80)), 2.0, 2.5, 3.0),
        (((0.0, 40), (0.0, 60), (0.0, 80)), 0.0, 2.0, None),
        (((5.0, 40), (3.0, 60), (1.0, 80)), 1.0, 2.0, None),
        (((5.0, 40), (5.0, 60), (5.0, 80)), 1.0, 2.0, None),
        (LATER, 120.0, 122.0, 200.0),
        (LATER, 150.1, 152.0, None),
    ],
    ids=[
        "steady", "between moves", "at the edge of a stall", "stalled", "past by the next poll",
        "moved once", "never moved", "fast", "all at once", "a clock that went back",
        "all at once, by a clock that went back", "steady, later", "stalled, later",
    ],
)  # fmt: skip
def test_what_is_expected(
    samples: tuple[ProgressSample, ...], now: float, next_poll: float, end: float | None
) -> None:
    assert expected_end(samples, now, next_poll) == end


def test_only_moves_are_marked_and_the_newest_kept() -> None:
    seen = [(0.0, 0), (1.0, 0), (2.0, None), (3.0, 5), (4.0, 4), (5.0, 5), *((n, n) for n in range(6, 20))]
    samples: tuple[ProgressSample, ...] = reduce(lambda samples, poll: with_sample(samples, *poll), seen, ())
    assert samples == tuple((n, n) for n in range(15, 20))
    assert len(samples) == SAMPLES_KEPT


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 100)), max_size=12),
    st.floats(0, 1e6),
    st.floats(0.1, 100),
)
def test_an_estimate_is_never_in_the_past(polls: list[ProgressSample], now: float, pause: float) -> None:
    samples: tuple[ProgressSample, ...] = reduce(lambda samples, poll: with_sample(samples, *poll), polls, ())
    end = expected_end(samples, now, now + pause)
    assert end is None or end > now + pause
