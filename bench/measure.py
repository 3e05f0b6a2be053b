"""What the benchmarks share: medians, clocks of CPU, and the shape of a result."""

import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

PEOPLE: Final = Path("/proc/self/status")
Say = Callable[[str], None]


@dataclass
class Section:
    """One benchmark's part of the report. `goals` are sentences with whether they hold."""

    title: str
    text: str = ""
    headline: tuple[str, str, str] = ("", "", "")
    """For the README: what was measured, ours, the peer's."""
    tables: list[tuple[list[str], list[list[str]]]] = field(default_factory=list)
    goals: list[tuple[str, bool]] = field(default_factory=list)
    pictures: list[dict[str, Any]] = field(default_factory=list)
    """Each: `file`, `title`, `x`, `y`, `log`, and `lines`: name to points."""

    def table(self, head: Sequence[str], *rows: Sequence[object]) -> None:
        self.tables.append((list(head), [[str(cell) for cell in row] for row in rows]))

    def goal(self, text: str, *, met: bool) -> None:
        self.goals.append((text, met))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Span:
    """What a stretch of work took: seconds of the clock and of this process's CPU."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def span() -> Iterator[Span]:
    """Measure what is done inside."""
    taken = Span()
    wall, cpu = time.perf_counter(), time.process_time()
    yield taken
    taken.wall, taken.cpu = time.perf_counter() - wall, time.process_time() - cpu


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def resident_bytes() -> int:
    """Return how much memory this process has now; where that is not told, the most that it ever had."""
    if PEOPLE.exists():
        for line in PEOPLE.read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
