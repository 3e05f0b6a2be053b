"""Writes what was measured: a page of tables, and pictures."""

import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent
PAGE: Final = FOLDER / "README.md"
README: Final = FOLDER.parent / "README.md"
BEGIN: Final = "<!-- measured by make bench -->"
END: Final = "<!-- end of what was measured -->"


def write(sections: Iterable[Mapping[str, Any]], *, short: bool) -> None:
    """Write the page and the pictures of all sections."""
    sections = list(sections)
    about = (
        f"By `make bench{'' if short else ' LONG=1'}` on {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()},"
        f" {_cores()} cores. Each thing is measured beside its peer in one run, in a process of its own; figures are"
        " medians, and what counts are the ratios."
    )
    lines = ["# Measured", "", about, "", "| | goal | met |", "|---|---|---|"]
    for section in sections:
        lines += [
            f"| {section['title']} | {text} | {'yes' if met else '**no**'} |"
            for text, met in section["goals"]
        ]
    for section in sections:
        lines += ["", f"## {section['title']}"]
        for head, rows in section["tables"]:
            lines += ["", _row(head), _row("---" for _ in head), *(_row(row) for row in rows)]
        if section["text"]:
            lines += ["", section["text"]]
        for picture in section["pictures"]:
            draw(picture)
            lines += ["", f"![{picture['title']}]({picture['file']})"]
    notes = FOLDER / "notes.md"
    if notes.exists():
        lines += ["", notes.read_text("utf-8").rstrip()]
    PAGE.write_text("\n".join(lines) + "\n", "utf-8")
    _into_readme(sections)


def _into_readme(sections: Iterable[Mapping[str, Any]]) -> None:
    """Put the headlines between the marks of the README."""
    before, _, rest = README.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    rows = [_row(section["headline"]) for section in sections]
    table = "\n".join([_row(("measured", "ours", "beside it")), _row(["---"] * 3), *rows])
    README.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", "utf-8")


def draw(picture: Mapping[str, Any]) -> None:
    """Draw lines through points."""
    # Imported here because only the report needs it.
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "bench"  # the same figures give the same file
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, points in picture["lines"].items():
        xs, ys = zip(*sorted(points), strict=True)
        axes.plot(xs, ys, marker="o", label=name)
    if picture.get("log"):
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.set_xlabel(picture["x"])
    axes.set_ylabel(picture["y"])
    axes.set_title(picture["title"])
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(FOLDER / picture["file"], metadata={"Date": None})
    plt.close(figure)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cores() -> int:
    import os  # noqa: PLC0415

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
