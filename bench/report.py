"""Writes what was measured: a page of tables that says what is better and what is worse, and four rows for the README."""

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench import people, plan
from bench.measure import cores, over_runs, ratio
from bench.pictures import draw_all
from bench.tables import (
    growth,
    kinds_table,
    loads,
    mean_of,
    number,
    restarts,
    scenes,
    table,
)
from bench.texts import FRESH, GROWING, INTRO, SPLIT, STRAIN

FOLDER: Final = Path(__file__).parent
README: Final = FOLDER.parent / "README.md"
PAGE: Final = FOLDER.parent / "docs/performance.md"
BEGIN: Final = "<!-- measured by make bench -->"
END: Final = "<!-- end of what was measured -->"


def about(*, long: bool) -> str:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=FOLDER, capture_output=True, text=True, check=False
    ).stdout.strip()
    return (
        f"By `make bench{' LONG=1' if long else ''}` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit or 'unknown'},"
        f" Python {platform.python_version()}, {len(cores())} cores, load average at the beginning {load:.1f}."
    )


def write(kept: Mapping[str, Any], folder: Path, *, into_readme: bool) -> None:
    """Write the report and its pictures into a folder, and the figures of the README and of the page in docs."""
    lines = ["# What people notice, measured", "", kept.get("about", ""), "", INTRO]
    if kept["failed"]:
        lines += [
            "",
            "**Not measured:**",
            *(f"- {what}: `{_flat(why)}`" for what, why in kept["failed"].items()),
        ]
    for title, body in (
        (f"What people notice\n\n{SPLIT}", scenes(kept, "noticed")),
        (f"Under strain\n\n{STRAIN}", [*scenes(kept, "strained"), *restarts(kept)]),
        (f"How soon ends are seen\n\n{FRESH}", kinds_table(kept["kinds"])),
        (f"Growth\n\n{GROWING}", growth(kept)),
    ):
        if body:
            lines += ["", f"## {title}", *body]
    for title, file in draw_all(kept, folder):
        lines += ["", f"![{title}]({file})"]
    (folder / "README.md").write_text("\n".join(lines) + "\n", "utf-8")
    if into_readme:
        before, _, rest = README.read_text("utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        README.write_text(f"{before}{BEGIN}\n{headline(kept)}\n{END}{after}", "utf-8")
        PAGE.write_text(people.fill(PAGE.read_text("utf-8"), kept), "utf-8")


def headline(kept: Mapping[str, Any]) -> str:
    """Return the four rows that matter to people, for the README."""
    bots = loads(kept, "noticed").get(plan.HEADLINE, {})
    rows = []
    for key, title in (
        ("result", "From a render's end to its result in the channel"),
        ("behind", "A card is behind the truth by"),
        ("card", "From a command to its card"),
    ):
        cells = []
        for bot in plan.BOTH:
            p50, p95 = (over_runs(bots.get(bot, []), f"{key}_{end}") for end in ("p50", "p95"))
            cells.append("–" if p50 is None else f"{number(p50, 1)} s (95 %: {number(p95, 1)} s)")
        of = [over_runs(bots.get(bot, []), f"{key}_p50") for bot in plan.BOTH]
        rows.append([title, *cells, number(ratio(of[0], of[1]), 2)])
    kinds = kept["kinds"].values()
    ours, fixed = (mean_of([of[key]["late"] for of in kinds]) for key in ("taught", "fixed"))
    late = ["–" if seconds is None else f"{number(seconds, 1)} s" for seconds in (ours, fixed)]
    title = "How late an end is seen: 14 kinds of renders, against fixed pauses with as many polls"
    rows.append([title, *late, number(ratio(ours, fixed), 2)])
    head = [f"Live watches: {plan.HEADLINE}", "ours", "a plain discord.py bot", "ratio"]
    return "\n".join(table(head, rows))


def _flat(text: str) -> str:
    return " ".join(text.replace("`", "'").split())[-300:]
