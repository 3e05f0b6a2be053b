"""What is measured: the scenes of each row, by which bots, in which company, and how often.

Scenes of one batch are played side by side, which is only done with those that leave the two cores idle.
"""

from dataclasses import dataclass, replace
from typing import Final

from bench.process import Which
from bench.scene import Load

RUNS: Final = 3
BOTH: Final[tuple[Which, ...]] = ("ours", "plain")
OURS: Final[tuple[Which, ...]] = ("ours",)
ROWS: Final = ("noticed", "strained", "freshness", "growth")


@dataclass(frozen=True)
class Part:
    """A scene of a row, and the bots that play it."""

    row: str
    load: Load
    bots: tuple[Which, ...] = BOTH


@dataclass(frozen=True)
class Batch:
    """Scenes that are played at the same time, so many times over."""

    name: str
    parts: tuple[Part, ...]
    runs: int = RUNS


def _late(load: Load) -> Load:
    """The same load when the tokens of its cards have ended."""
    return replace(load, name=f"{load.name}, after 15 min", expired=True)


def _in_both_ages(load: Load) -> tuple[Part, ...]:
    return Part("noticed", load), Part("noticed", _late(load))


def _limited(allowed: int, watches: int) -> Part:
    name = f"{watches} renders, the API allows {allowed}/s"
    load = Load(name, watches, 10, allowed=allowed, window=32.0, gently=True)
    return Part("strained", load)


def _growth(watches: int, **more: float) -> Part:
    """Ten tasks a card, renders of 1-10 minutes."""
    cards = max(1, watches // 10)
    load = Load(f"{watches:,} live watches", watches, min(cards, 200), tasks_a_card=10, longest=600.0)
    return Part("growth", replace(load, **{"window": 15.0, "settling": 15.0, **more}), OURS)  # type: ignore[arg-type]


LIGHT: Final = (
    Load("1 in a channel, in 8 channels", 8, 8, window=32.0, gently=True),
    Load("8 in one channel", 8, 1, window=32.0, gently=True),
    Load("50 in one channel", 50, 1, window=32.0, gently=True),
)
MANY: Final = Load("500 over 20 channels", 500, 20, window=22.0)
MOST: Final = Load("2,000 over 200 channels", 2000, 200, window=30.0)
MANY_LATE: Final = _late(MANY)
MOST_LATE: Final = _late(MOST)
HEADLINE: Final = MANY.name
FAR: Final = tuple(
    Load(
        f"1,500 renders, round trips of {seconds:g} s",
        1500,
        150,
        round_trip=seconds,
        window=25.0,
        longest=600.0,
    )
    for seconds in (0.0, 0.1, 0.3, 1.0)
)
SLOW_DISCORD: Final = tuple(
    replace(MANY, name=f"{MANY.name}, Discord takes {seconds:g} s", discord=seconds) for seconds in (0.3, 1.0)
)
RESTARTS: Final = tuple(
    Load(
        f"a restart with {watches:,} watches",
        watches,
        150,
        tasks_a_card=10,
        longest=600.0,
        settling=10.0,
        window=1.0,
        allowed=watches / 5,
        act="restart",
    )
    for watches in (1500, 10_000)
)
BURST: Final = Load(
    "1,000 ends in one second, 200 channels",
    1200,
    200,
    shortest=300.0,
    longest=600.0,
    window=60.0,
    act="burst",
)

SHORT: Final = (
    Batch(
        "up to 50 watches in a channel, few requests allowed, 10 watches",
        (
            *(part for load in LIGHT for part in _in_both_ages(load)),
            _limited(1, 30),
            _limited(10, 30),
            _growth(10, window=30.0),
        ),
    ),
    Batch("500 watches; 1,000 watches", (Part("noticed", MANY), _growth(1000))),
    Batch("7,500 watches", (_growth(7500, window=12.0),)),
)
LONG: Final = (
    *SHORT,
    Batch("few requests allowed", tuple(_limited(*at) for at in ((5, 30), (1, 60), (5, 60), (10, 60)))),
    Batch("500 watches, after 15 min", (Part("noticed", MANY_LATE),)),
    *(
        Batch(f"{load.name}, {bot}", (Part(row, load, (bot,)),))
        for row, load in (
            *(("noticed", load) for load in (MOST, MOST_LATE)),
            *(("strained", load) for load in (*SLOW_DISCORD, *FAR, BURST)),
        )
        for bot in BOTH
    ),
    *(Batch(load.name, (Part("strained", load, OURS),)) for load in RESTARTS),
    Batch(
        "100,000 watches", (_growth(100_000, stored=True, settling=60.0, window=30.0, timeout=900.0),), runs=1
    ),
)


def quick(batches: tuple[Batch, ...]) -> tuple[Batch, ...]:
    """Return a form of the short one that only shows that everything works: its figures say nothing."""
    small = []
    for batch in batches:
        parts = [replace(part, load=replace(part.load, window=4.0, settling=1.0)) for part in batch.parts]
        small.append(replace(batch, parts=tuple(parts), runs=1))
    return tuple(small)
