"""Draws what was measured; needs matplotlib, which only the bench has."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.measure import over_runs, ratio

Bars = Mapping[str, Sequence[float]]


def draw_all(kept: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, str]]:
    """Draw everything there are figures for; yield the titles and the names of the files."""
    beside: dict[str, dict[str, Any]] = {}
    growth: list[tuple[int, Any]] = []
    for scene in kept["scenes"].values():
        if scene["row"] == "noticed":
            beside.setdefault(scene["load"]["name"], {})[scene["bot"]] = scene["runs"]
        elif scene["row"] == "growth":
            growth.append((scene["load"]["watches"], scene["runs"]))
    beside = {name: bots for name, bots in beside.items() if {"ours", "plain"} <= bots.keys()}
    for key, title in (
        ("result", "From a render's end to its result, s"),
        ("behind", "Cards behind the truth, s"),
    ):
        bars = {
            f"{bot}, {label}": [over_runs(bots[bot], f"{key}_{end}") or 0.0 for bots in beside.values()]
            for bot in ("ours", "plain")
            for end, label in (("p50", "median"), ("p95", "95 %"))
        }
        if beside:
            _draw_bars(folder / f"{key}.svg", title, list(beside), bars)
            yield title, f"{key}.svg"
    if kinds := kept["kinds"]:
        title = "Lateness at equal polls, ours ÷ the other's"
        of = {
            "fixed pauses": ("taught", "fixed"),
            "an ETA policy": ("taught", "eta"),
            "fixed pauses, after a change": ("changed", "changed_fixed"),
        }
        bars = {
            label: [ratio(kind[a]["late"], kind[b]["late"]) or 0.0 for kind in kinds.values()]
            for label, (a, b) in of.items()
        }
        _draw_bars(folder / "freshness.svg", title, list(kinds), bars, mark=1.0)
        yield title, "freshness.svg"
    if growth:
        _draw_growth(folder / "growth.svg", sorted(growth, key=lambda one: one[0]))
        yield "Cost by live watches", "growth.svg"


def _pyplot() -> Any:
    # Only here, for no test draws.
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "bench"  # the same figures give the same file
    from matplotlib import pyplot as plt  # noqa: PLC0415

    return plt


def _draw_bars(path: Path, title: str, names: Sequence[str], bars: Bars, mark: float | None = None) -> None:
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.17 * len(bars) * len(names)), layout="constrained")
    thick = 0.8 / len(bars)
    for number, (label, values) in enumerate(bars.items()):
        axes.barh([at + number * thick for at in range(len(names))], values, thick, label=label)
    axes.set_yticks([at + 0.4 - thick / 2 for at in range(len(names))], names)
    axes.invert_yaxis()
    if mark is not None:
        axes.axvline(mark, color="black", linewidth=0.8)
    axes.set_title(title)
    axes.grid(visible=True, axis="x", alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _draw_growth(path: Path, growth: Sequence[tuple[int, Any]]) -> None:
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    names = {
        "cpu": "CPU, cores",
        "memory_load": "memory, MiB",
        "lateness": "polls late, s",
        "result_p95": "end to result, s, 95 %",
        "discord_bot_a_second": "requests to Discord a second",
    }
    for key, label in names.items():
        points = [(watches, value) for watches, runs in growth if (value := over_runs(runs, key))]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("live watches")
    axes.set_title("Cost by live watches")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
