"""One backoff for whatever is tried again: it doubles up to its longest pause, and never overflows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.backoff import exponential_backoff


@pytest.mark.parametrize(
    ("failures", "pause"),
    [
        (-5_000, 1.0),
        (0, 1.0),
        (1, 1.0),
        (2, 2.0),
        (3, 4.0),
        (6, 32.0),
        (7, 60.0),
        (5_000, 60.0),
        (10**9, 60.0),
    ],
)
def test_the_pause_doubles_to_the_longest_and_stays_there(failures: int, pause: float) -> None:
    assert exponential_backoff(failures, 1.0, 60.0) == pause


@given(st.integers(0, 6_000), st.floats(0.001, 1e4), st.floats(0.001, 1e6))
def test_a_later_pause_is_never_shorter_and_none_is_longer_than_the_longest(
    failures: int, first: float, longest: float
) -> None:
    before, after = (exponential_backoff(number, first, longest) for number in (failures, failures + 1))
    assert 0 < before <= after <= longest
