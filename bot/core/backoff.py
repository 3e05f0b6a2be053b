"""Backoff: the delay between retries."""


def exponential_backoff(failures: int, first: float, longest: float) -> float:
    """Return the seconds to wait after so many failures in a row: `first`, then doubling to `longest`."""
    # Python raises OverflowError for a float power that is too large, so the exponent is bounded, too.
    return min(longest, first * 2.0 ** min(max(failures - 1, 0), 64))
