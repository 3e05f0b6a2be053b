"""`python -m bench.limited`: few requests, slow round trips and true cards, all in virtual time.

Silent renders are compared with the optimum under the same budget. There is none for a crowd, but a bound: whoever may
choose freely when each render is polled, as long as that is as many requests a second in the mean as are allowed, does no
worse than who must keep to it at every moment. Then the renders do not depend on each other, and `bench.optimum` says how
late ends are seen at so many polls. These are R × (the time a render is watched) ÷ N for N renders at R requests a second.
"""

import logging
import random
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from bench.crowd import AGAIN, Crowd, play
from bench.freshness import DRAWN, JUDGED_ON, PRICES
from bench.kinds import KINDS, Kind, Trace, steady, true_progress
from bench.measure import over_runs
from bench.policies import FIRST_POLL, Found, Policy, Range, at_equal_polls, renders
from bench.tables import number, table
from sim.task_api.limiter import Kind as Counting
from sim.task_api.limiter import Limiter, Style

RUNS: Final = 4
ROUNDS: Final = 4
SILENT: Final = [name for name in KINDS if "silent" in name or name.startswith(("0 to 100", "mean drifts"))]


def one_to_three_minutes(chance: random.Random, _day: float) -> Trace:
    ends = chance.uniform(60, 180)
    return Trace(ends, steady(ends))


def limiter(
    requests: int, seconds: float = 1.0, kind: Counting = "sliding", style: Style = "silent"
) -> Callable[[], Limiter]:
    return lambda: Limiter(kind, requests, seconds, style)


THIRTY: Final = Crowd("", one_to_three_minutes, 30)
CROWDS: Final = (
    replace(THIRTY, name="30 at 1/s, 429 alone", limiter=limiter(1)),
    replace(THIRTY, name="30 at 1/s, 429 with Retry-After", limiter=limiter(1, style="retry-after")),
    replace(THIRTY, name="30 at 60 a minute, GitHub's headers", limiter=limiter(60, 60.0, "fixed", "github")),
    replace(THIRTY, name="30, POLL_PER_MINUTE=60", per_minute=60),
    replace(THIRTY, name="60 at 5/s, 429 alone", limiter=limiter(5), watches=60),
    replace(THIRTY, name="600 without a limit", watches=600, began_within=20.0, window=60.0),
    replace(
        THIRTY,
        name="3,000, round trips of 0.3 s",
        kind=true_progress,
        watches=3000,
        round_trip=0.3,
        window=30.0,
    ),
    replace(
        THIRTY,
        name="1,500, round trips of 1 s",
        kind=true_progress,
        watches=1500,
        round_trip=1.0,
        window=30.0,
    ),
)


def bound(
    kind: Kind, policy: Callable[[float], Policy], watches: int, allowed: float, among: Range = PRICES
) -> Found:
    """Return how late ends are seen at best if so many renders share so many requests a second."""
    traces = list(renders(kind, JUDGED_ON, 3))
    watched = statistics.mean(trace.ends for trace in traces) - FIRST_POLL / 2 + AGAIN
    found = Found(0.0, 0.0, 0.0)
    for _ in range(ROUNDS):  # the later an end is seen, the longer its render is watched
        found = at_equal_polls(traces, policy, allowed * (watched + found.late) / watches, among)
    return found


def rows(crowds: Sequence[Crowd]) -> Iterator[list[str]]:
    for crowd in crowds:
        runs = [play(crowd, seed) for seed in range(1, RUNS + 1)]
        times = [
            f"{number(over_runs(runs, f'{key}_p50'), 2)} ({number(over_runs(runs, f'{key}_p95'), 2)})"
            for key in ("late", "behind", "ack")
        ]
        costs = [number(over_runs(runs, key), 2) for key in ("polls_a_minute", "refused")]
        in_time = over_runs(runs, "in_time") or 0.0
        yield [crowd.name, *times, *costs, f"{in_time:.1%}"]


def silent() -> Iterator[list[str]]:
    from bench.optimum import Optimum  # noqa: PLC0415 it needs numpy, which only the bench has

    for name in SILENT:
        kind = KINDS[name]
        crowd = replace(THIRTY, name=name, kind=kind, limiter=limiter(1), settling=1500.0, window=1500.0)
        late = over_runs([play(crowd, seed) for seed in range(1, RUNS + 1)], "late_mean") or 0.0
        best = bound(kind, Optimum(list(renders(kind, DRAWN, 2))).policy, 30, 1.0).late
        yield [name, number(late, 1), number(best, 1), number(late / best, 2)]


def main() -> int:
    logging.disable(logging.CRITICAL)
    head = ["crowd", "end to poll, s (95 %)", "card behind, s (95 %)", "acknowledged, s (95 %)"]
    head += ["polls a minute of a render", "refused, share", "polls less than 0.25 s late"]
    print("\n".join(table(head, rows(CROWDS))), flush=True)
    head = ["30 silent renders at 1/s", "end to poll, s in the mean", "at best", "ratio"]
    print("\n" + "\n".join(table(head, silent())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
