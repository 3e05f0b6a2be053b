"""`python -m bench [--long] [NAME ...]`: measure everything, or what is named, and write the report.

Each benchmark runs in a process of its own. A report is written only when everything was measured.
"""

import argparse
import importlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from bench.report import PAGE, write

ROOT: Final = Path(__file__).parents[1]
ALL: Final = ("freshness", "channels", "poll_path", "scheduler", "restart", "startup", "growth")


def say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


def measure(name: str, *, short: bool) -> dict[str, Any]:
    """Run one benchmark in a process of its own and return its section."""
    command = [sys.executable, "-m", "bench", "--one", name, *([] if short else ["--long"])]
    return dict(json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout))


def main() -> int:
    """Measure, show progress, write."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*ALL, []], metavar="NAME", help=", ".join(ALL))
    parser.add_argument("--long", action="store_true", help="more repetitions and greater sizes")
    parser.add_argument("--one", choices=ALL, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        section = importlib.import_module(f"bench.{chosen.one}").run(short=not chosen.long, say=say)
        sys.stdout.write(json.dumps(section.as_dict()))
        return 0
    names, sections, begun = chosen.names or list(ALL), [], time.monotonic()
    for number, name in enumerate(names, 1):
        print(f"[{number}/{len(names)}] {name}, {time.monotonic() - begun:.0f} s so far", flush=True)
        section = measure(name, short=not chosen.long)
        sections.append(section)
        for head, rows in section["tables"]:
            for row in (head, *rows):
                print("    " + "  ".join(f"{cell:<28}" for cell in row).rstrip())
        for text, met in section["goals"]:
            print(f"  {'✓' if met else '✗'} {text}")
    if set(names) == set(ALL):
        write(sections, short=not chosen.long)
        print(f"{PAGE.relative_to(ROOT)} is written, {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
