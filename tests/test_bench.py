"""What of the benchmarks needs no clock: the freshness that is promised, and a report that can be written."""

import importlib
from pathlib import Path

import pytest

from bench.__main__ import ALL
from bench.freshness import fixed, fixed_at, follow, mixed, ours, taught
from bench.report import BEGIN, END, PAGE
from bench.traces import UNSEEN, Kind
from bot.core.pace import Pace

ROOT = Path(__file__).parents[1]
RENDERS = 150


@pytest.mark.parametrize("kind", [UNSEEN["two models"], mixed], ids=lambda kind: kind.__name__)
def test_ends_are_seen_in_half_the_time_that_as_many_looks_at_fixed_pauses_take(kind: Kind) -> None:
    found = follow(kind, ours(taught(kind)), RENDERS, 3)
    assert found.late < 0.55 * fixed_at(kind, found.looks, 3).late


def test_a_bot_that_has_learned_nothing_is_no_worse_than_a_look_every_five_seconds() -> None:
    found, peer = follow(mixed, ours(Pace()), RENDERS, 3), follow(mixed, fixed(5.0), RENDERS, 3)
    assert found.late <= peer.late
    assert found.looks < peer.looks


@pytest.mark.parametrize("name", ALL)
def test_every_benchmark_can_be_run(name: str) -> None:
    assert callable(importlib.import_module(f"bench.{name}").run)


def test_the_report_has_a_place_in_the_readme_and_its_pictures_are_there() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert BEGIN in readme.partition(END)[0]
    page = PAGE.read_text("utf-8")
    assert all((PAGE.parent / name).exists() for name in ("freshness.svg", "growth.svg") if name in page)
