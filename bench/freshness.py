"""How late ends are seen for how many polls: the bot's own tuner beside fixed pauses, an ETA policy and the optimum."""

import json
import sys
from typing import Any, Final

from bench.kinds import KINDS, Kind
from bench.policies import Eta, Fixed, Found, Range, at_equal_polls, follow, found, renders
from bench.tuner import Tuner

TAUGHT_BY: Final = 400
JUDGED_ON: Final = 400
FIRST: Final = 20
"""Renders after a beginning or a change of kind."""
BEGINNINGS: Final = 15
DRAWN: Final = 1800
SECONDS: Final = Range(0.2, 400.0)
PRICES: Final = Range(0.002, 60.0, rounds=9)


def taught(kind: Kind, count: int = TAUGHT_BY) -> Tuner:
    """Return what is left of so many renders of a kind."""
    tuner = Tuner()
    follow(renders(kind, count, 1), tuner, 1)
    return tuner


def early(kind: Kind, tuners: list[Tuner]) -> Found:
    """Return how each of some tuners fares in its first renders of a kind, all taken together."""
    polls, late = 0, list[float]()
    for number, tuner in enumerate(tuners):
        more, later = follow(renders(kind, FIRST, 100 + number), tuner.copy(), number)
        polls, late = polls + more, late + later
    return Found(polls / len(late), sum(late) / len(late), sorted(late)[int(0.95 * len(late))])


def beside(kind: Kind, ours: Found) -> Found:
    """Return fixed pauses at as many polls."""
    traces = list(renders(kind, JUDGED_ON, 4))
    return at_equal_polls(traces, Fixed, ours.polls, SECONDS)


def judge(name: str, kind: Kind, tuners: dict[str, Tuner], *, optimum: bool = True) -> dict[str, Any]:
    """Return all figures of one kind; `tuners` are taught by each kind."""
    traces = list(renders(kind, JUDGED_ON, 3))
    ours = found(traces, tuners[name].copy())
    untaught = early(kind, [Tuner() for _ in range(BEGINNINGS)])
    others = [tuner for other, tuner in tuners.items() if other != name]
    changed = early(kind, others)
    worst = max((early(kind, [tuner]) for tuner in others), key=lambda one: one.late * one.polls)
    result = {
        "taught": ours,
        "fixed": at_equal_polls(traces, Fixed, ours.polls, SECONDS),
        "eta": at_equal_polls(traces, Eta, ours.polls, SECONDS),
        "untaught": untaught,
        "untaught_fixed": beside(kind, untaught),
        "changed": changed,
        "changed_fixed": beside(kind, changed),
        "worst": worst,
        "worst_fixed": beside(kind, worst),
    }
    if optimum:
        from bench.optimum import Optimum  # noqa: PLC0415 it needs numpy, which only the bench has

        tables = Optimum(list(renders(kind, DRAWN, 2)))
        result["optimum"] = at_equal_polls(traces, tables.policy, ours.polls, PRICES)
    return {key: value._asdict() for key, value in result.items()}


def main() -> int:
    """Judge the kinds whose names come on stdin, as JSON on stdout, a line each."""
    names = json.load(sys.stdin)
    tuners = {name: taught(kind) for name, kind in KINDS.items()}
    for name in names:
        print(json.dumps({"kind": name, "figures": judge(name, KINDS[name], tuners)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
