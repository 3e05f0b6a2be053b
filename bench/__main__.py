"""`python -m bench [--long] [--quick] [ROW ...]`: measure what people notice, all of it or the named rows; write the report.

What fails is reported and stops nothing else. What was found is kept in results.json after every step, and a
later run of some rows takes the place of those rows alone.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from bench import plan, report
from bench.kinds import KINDS
from bench.measure import cores
from bench.plan import Batch, Part

ROOT: Final = Path(__file__).parents[1]
FRESHNESS_SECONDS: Final = 900.0
MORE_SECONDS: Final = 60.0


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Results:
    """What was found so far, on the disk after every step."""

    def __init__(self, folder: Path) -> None:
        self._path: Final = folder / "results.json"
        try:
            self.kept: dict[str, Any] = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            self.kept = {"scenes": {}, "kinds": {}, "failed": {}}
        self._begun: set[str] = set()

    def begin(self, rows: list[str]) -> None:
        """Forget what is measured again."""
        scenes = self.kept["scenes"].items()
        self.kept["scenes"] = {key: scene for key, scene in scenes if scene["row"] not in rows}
        self.kept["failed"] = {
            k: why for k, why in self.kept["failed"].items() if k.split(": ")[0] not in rows
        }
        if "freshness" in rows:
            self.kept["kinds"] = {}

    def add(self, part: Part, bot: str, found: dict[str, Any]) -> None:
        if why := found.get("failed"):
            self.fail(part.row, f"{part.load.name}, {bot}", why)
            return
        key = f"{part.row}: {part.load.name}, {bot}"
        if key not in self._begun:  # what an earlier day has found is no run of today's
            self._begun.add(key)
            self.kept["scenes"][key] = {"row": part.row, "load": part.load.as_dict(), "bot": bot, "runs": []}
            self.kept["failed"].pop(key, None)
        figures = found["figures"].items()
        self.kept["scenes"][key]["runs"].append(
            {name: round(value, 4) if isinstance(value, float) else value for name, value in figures}
        )

    def fail(self, row: str, what: str, why: str) -> None:
        self.kept["failed"][f"{row}: {what}"] = why
        say(f"  failed: {what}: {why}")

    def save(self) -> None:
        self._path.write_text(json.dumps(self.kept, indent=1) + "\n", "utf-8")


def play(batch: Batch, results: Results, run: int) -> None:
    """Play a batch once, in a process of its own."""
    scenes = [(part, bot) for part in batch.parts for bot in part.bots]
    orders = {"seed": run, "scenes": [{"load": part.load.as_dict(), "bot": bot} for part, bot in scenes]}
    limit = max(part.load.timeout for part in batch.parts) + MORE_SECONDS
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.player"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, error = child.communicate(json.dumps(orders), timeout=limit)
        found = json.loads(out) if child.returncode == 0 else [{"failed": error[-800:]}] * len(scenes)
    except subprocess.TimeoutExpired:
        found = [{"failed": f"not done within {limit:.0f} s"}] * len(scenes)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # no bot of an unfinished batch disturbs the next
        child.wait()
    for (part, bot), figures in zip(scenes, found, strict=True):
        results.add(part, bot, figures)


def judge_kinds(results: Results, names: list[str]) -> None:
    """Judge the kinds of renders, on all cores."""
    shares = [names[number :: len(cores())] for number in range(len(cores()))]
    running = []
    for share in filter(None, shares):
        child = subprocess.Popen(
            [sys.executable, "-m", "bench.freshness"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdin is not None
        child.stdin.write(json.dumps(share))
        child.stdin.close()
        child.stdin = None
        running.append((child, share))
    for child, share in running:
        try:
            out, error = child.communicate(timeout=FRESHNESS_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            out, error = child.communicate()
        for line in out.splitlines():
            found = json.loads(line)
            results.kept["kinds"][found["kind"]] = found["figures"]
        for name in share:
            if name not in results.kept["kinds"]:
                results.fail("freshness", name, error[-800:] or "not done in time")


def steps(batches: tuple[Batch, ...], rows: list[str], *, quick: bool) -> Iterator[tuple[str, Any]]:
    """Yield what is to be done: its name, and a function that does it."""
    if "freshness" in rows:
        names = list(KINDS)[:2] if quick else list(KINDS)
        yield f"freshness on {len(names)} kinds", lambda results: judge_kinds(results, names)
    for batch in batches:
        parts = tuple(part for part in batch.parts if part.row in rows)
        if parts:
            mine = Batch(batch.name, parts, batch.runs)
            for run in range(batch.runs):
                name = f"{mine.name}, run {run + 1} of {batch.runs}"
                yield name, lambda results, mine=mine, run=run: play(mine, results, run)


def main() -> int:
    """Measure, show progress, write."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[*plan.ROWS, []], metavar="ROW", help=", ".join(plan.ROWS))
    parser.add_argument("--long", action="store_true", help="all sizes and troubles, about 75 minutes")
    parser.add_argument(
        "--quick", action="store_true", help="only try whether it works; report to a new folder"
    )
    parser.add_argument("--only", metavar="TEXT", default="", help="steps whose name has this text")
    parser.add_argument("--report", action="store_true", help="write the report of what was found before")
    chosen = parser.parse_args()
    rows = chosen.rows or list(plan.ROWS)
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM)
    )  # so that what it started is ended
    folder = Path(tempfile.mkdtemp(prefix="bench-")) if chosen.quick else report.FOLDER
    results = Results(folder)
    if not chosen.report:
        measure(results, rows, chosen)
    report.write(results.kept, folder, into_readme=not chosen.quick)
    print(f"{folder / 'README.md'} is written")
    for what, why in results.kept["failed"].items():
        print(f"failed: {what}: {why}")
    return bool(results.kept["failed"])


def measure(results: Results, rows: list[str], chosen: argparse.Namespace) -> None:
    batches = plan.LONG if chosen.long else plan.SHORT
    todo = list(steps(plan.quick(batches) if chosen.quick else batches, rows, quick=chosen.quick))
    todo = [(name, do) for name, do in todo if chosen.only in name]
    if not chosen.only:
        results.begin(rows)
    results.kept["about"] = report.about(long=chosen.long)
    begun = time.monotonic()
    for number, (name, do) in enumerate(todo, 1):
        say(f"[{number}/{len(todo)}] {name}; {time.monotonic() - begun:.0f} s so far")
        try:
            do(results)
        except Exception as error:  # the rest is still worth measuring
            results.fail(rows[0], name, f"{type(error).__name__}: {error}")
        results.save()
    say(f"measured in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
