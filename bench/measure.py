"""What the benchmarks share: medians, the one ratio, and what the system says of a process."""

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Figures = dict[str, Any]
"""What one run found, by name; None where nothing was to be found."""
TICKS: Final = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def spread(name: str, values: Sequence[float]) -> Figures:
    """Return the median and the 95 % of one run's values, and how many they are."""
    return {
        f"{name}_p50": median(values),
        f"{name}_p95": percentile(values, 0.95),
        f"{name}_n": len(values),
    }


def over_runs(runs: Sequence[Figures], name: str) -> float | None:
    """Return the median over all runs that found the figure."""
    return median([run[name] for run in runs if run.get(name) is not None])


def ratio(ours: float | None, other: float | None) -> float | None:
    """Return ours ÷ the other: the one formula of every table. Below 1, ours is better."""
    return None if ours is None or not other else ours / other


@dataclass(frozen=True)
class Used:
    """What a process has used so far: seconds of CPU; MiB of memory it holds now, None where that is not told."""

    cpu: float
    memory: float | None


def used(pid: int) -> Used | None:
    """Ask the system about a process; None where it does not tell (only Linux does)."""
    folder = Path(f"/proc/{pid}")
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        lines = (folder / "status").read_text().splitlines()
    except OSError:
        return None
    memory = next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), None)
    return Used((int(fields[11]) + int(fields[12])) / TICKS, memory)


def cores() -> list[int]:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def pin(pid: int, core: int) -> None:
    """Keep a process on one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, {core})
