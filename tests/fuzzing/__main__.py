"""`make fuzz MINUTES=60`: invents texts for every surface until the time is over or something is found.

Each text is tried as it is; now and then it is also repeated to 10,000 and 20,000 characters, whose times
tell whether the work grows faster than the text.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from fuzzing.surfaces import SURFACES, TEXTS, growth
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

ROUND = 500
"""Texts for a surface before it is the next one's turn."""
GROWTH_EACH = 25
"""Every so many texts, how the time grows is measured as well."""
MOST_GROWTH = 2.5
SIZES = (10_000, 20_000, 40_000)
"""Characters that are compared with twice as many; the next size only where the one before grew too fast."""
FROM_SECONDS = 0.002
"""Times below this say nothing: the clock and the machine's other work are in them."""


@dataclass
class Tally:
    """What was tried."""

    texts: int = 0
    measured: int = 0
    slowest: float = 0.0
    """Seconds for 10,000 characters."""
    steepest: float = 0.0


def round_of(
    surface: Callable[[str], None], tally: Tally, seed: int, texts: int = ROUND, *, timing: bool = True
) -> None:
    """Try one round; raise what the surface raises, or AssertionError for time that grows too fast."""

    @seeded(seed)
    @settings(
        max_examples=texts,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(TEXTS)
    def attempt(text: str) -> None:
        tally.texts += 1
        surface(text)
        if timing and text and tally.texts % GROWTH_EACH == 0:
            measure(surface, text, tally)

    attempt()


def measure(surface: Callable[[str], None], text: str, tally: Tally) -> None:
    # Believed only if longer texts show it as well: a machine with other work takes its time now and then.
    for size in SIZES:
        seconds, grew = growth(surface, text, size=size)
        if seconds < FROM_SECONDS or grew <= MOST_GROWTH:
            tally.slowest = max(tally.slowest, seconds)
            tally.steepest = max(tally.steepest, grew if seconds >= FROM_SECONDS else 0.0)
            break
        if size == SIZES[-1]:
            raise AssertionError(f"twice the text takes {grew:.3g} times as long: {text!r}")
    tally.measured += 1


def fuzz(minutes: float, seed: int, names: list[str]) -> int:
    """Print what was found and return the exit code."""
    tallies = {name: Tally() for name in names}
    end, number = time.monotonic() + 60 * minutes, seed
    while time.monotonic() < end:
        for name in names:
            try:
                round_of(SURFACES[name], tallies[name], number)
            except Exception as error:
                print(f"{name}, seed {number}: {type(error).__name__}: {error}")
                print("\n".join(getattr(error, "__notes__", [])))
                return 1
        number += 1
    print(f"{'surface':12}{'texts':>12}{'measured':>10}{'10,000 characters':>20}{'twice as many':>15}")
    for name, tally in tallies.items():
        print(
            f"{name:12}{tally.texts:12,}{tally.measured:10,}{tally.slowest * 1000:17.1f} ms"
            f"{tally.steepest:13.2f} x"
        )
    print(f"{minutes:g} minutes, seeds {seed} to {number - 1}: nothing was found")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("names", nargs="*", help=", ".join(SURFACES))
    chosen = parser.parse_args()
    return fuzz(chosen.minutes, chosen.seed, chosen.names or list(SURFACES))


if __name__ == "__main__":
    sys.exit(main())
