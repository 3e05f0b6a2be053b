"""What of the benchmarks needs no process: polling in virtual time, late cards, the plan, the report."""

import json
import random
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from bench import people, plan
from bench.crowd import play
from bench.kinds import KINDS, Kind, Trace
from bench.limited import THIRTY, bound, limiter
from bench.measure import over_runs, percentile, ratio
from bench.plan import LONG, SHORT, quick
from bench.policies import Eta, Fixed, Range, at_equal_polls, follow, found, renders
from bench.report import BEGIN, END, FOLDER, PAGE, headline
from bench.scene import Load
from bench.seen import SAMPLED_EVERY, Watched, behind
from bench.simulators import PERSON_WATCHES, SERVER_WATCHES, DiscordSim, Render, TaskApi, settle
from bench.tables import growth, loads, ratios_of, scenes
from bench.tuner import Tuner
from bot.config import Settings

ROOT = Path(__file__).parents[1]
SECONDS = Range(0.2, 400.0)


def traces(name: str, count: int = 80) -> list[Trace]:
    return list(renders(KINDS[name], count, 3))


@pytest.mark.parametrize(
    "name", ["true progress, 1-10 min", "20 s or 8 min, progress", "steps of ten, plateaus"]
)
def test_taught_the_bot_sees_ends_in_half_the_time_that_as_many_polls_at_fixed_pauses_take(name: str) -> None:
    tuner = Tuner()
    follow(renders(KINDS[name], 150, 1), tuner, 1)
    ours = found(traces(name), tuner)
    assert ours.late < 0.55 * at_equal_polls(traces(name), Fixed, ours.polls, SECONDS).late


def test_a_bot_that_has_learned_nothing_is_no_worse_than_a_poll_every_five_seconds() -> None:
    kind = traces("true progress, 1-10 min")
    ours, five = found(kind, Tuner()), found(kind, Fixed(5.0))
    assert ours.late <= five.late
    assert ours.polls < five.polls


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_tells_of_renders_that_end_and_whose_progress_never_falls(kind: Kind) -> None:
    for trace in renders(kind, 40, 7):
        assert 0 <= trace.begins < trace.ends <= 3000
        reported = [trace.progress(trace.ends * share / 50) for share in range(50)]
        known = [progress for progress in reported if progress is not None]
        assert known == sorted(known)
        assert all(0 <= progress <= 99 for progress in known)
        assert len(known) in {0, 50}


def test_fixed_pauses_see_an_end_half_a_pause_late_and_as_often_as_the_pause_fits() -> None:
    steady = [Trace(100 + number / 7, lambda _age: None) for number in range(300)]
    ours = found(steady, Fixed(10.0))
    assert ours.late == pytest.approx(5.0, abs=0.5)
    assert ours.polls == pytest.approx(1 + 121 / 10, abs=0.7)
    equal = at_equal_polls(steady, Fixed, ours.polls, SECONDS)
    assert (equal.polls, equal.late) == pytest.approx((ours.polls, ours.late), rel=0.05)


def test_an_eta_policy_sleeps_longer_the_more_is_left_and_polls_by_the_clock_without_progress() -> None:
    truthful = found(traces("true progress, 1-10 min"), Eta(4.0))
    assert truthful.polls < found(traces("true progress, 1-10 min"), Fixed(4.0)).polls
    silent = traces("11 s to 6 min, silent")
    assert found(silent, Eta(4.0)) == found(silent, Fixed(4.0))


def test_a_bound_is_what_fixed_pauses_reach_at_the_polls_that_the_budget_leaves() -> None:
    """Thirty renders of 100 seconds at three requests a second: ten polls for each."""
    found = bound(
        lambda _chance, _day: Trace(100.0, lambda _age: None), Fixed, 30, 3.0, Range(4.0, 40.0, rounds=5)
    )
    assert found.polls == pytest.approx(3.0 * (100 + found.late) / 30, rel=0.1)
    assert found.late == pytest.approx(100 / found.polls / 2, rel=0.3)


@pytest.mark.parametrize("limit", ["set", "429", "headers"])
def test_a_crowd_behind_any_limit_is_polled_as_often_as_that_allows(limit: str) -> None:
    limits = {"429": limiter(1), "headers": limiter(60, 60.0, "fixed", "github")}
    crowd = replace(THIRTY, limiter=limits.get(limit), per_minute=60 if limit == "set" else None)
    figures = play(crowd)
    assert 0.93 <= figures["asked_a_second"] <= 1.02
    assert figures["refused"] < 0.03
    assert figures["late_p50"] <= 3.0
    assert figures["late_p95"] <= 20.0


def test_the_same_seed_gives_the_same_renders_and_polls() -> None:
    name = "45 % fail early"
    assert found(traces(name), Tuner()) == found(traces(name), Tuner())


def test_the_one_ratio_is_ours_by_the_other_and_silent_where_something_is_missing() -> None:
    assert ratio(1.0, 4.0) == 0.25
    assert ratio(None, 4.0) is ratio(1.0, None) is ratio(1.0, 0.0) is None
    assert over_runs([{"a": 3.0}, {"a": 1.0}, {"a": None}, {}, {"a": 2.0}], "a") == 2.0
    assert percentile(list(range(100)), 0.95) == 95


def _card(*edits: tuple[float, str]) -> Any:
    forms = [SimpleNamespace(at=at, text=text) for at, text in edits]
    return SimpleNamespace(loading=False, edits=forms)


def _behind(*edits: tuple[float, str], until: float = 30.0) -> list[float]:
    render = Render("r", 0.0, Trace(100.0, int))
    use: Any = SimpleNamespace(response=_card(*edits), acked_at=10.0, ack_type=4, created_at=10.0)
    nowhere: Any = None
    return behind(Watched(render, use, nowhere, 0), 10.0, until)


def test_a_card_is_behind_since_the_truth_is_another() -> None:
    untouched = _behind()
    assert untouched[0] == 0.0  # it shows what was true at 10 s: 10 %
    assert untouched[-1] == pytest.approx(30.0 - 11.0)  # which has been wrong since 11 s
    assert len(untouched) == 20 / SAMPLED_EVERY + 1
    edited = _behind((20.0, "`r`\n20 %"))
    assert max(edited[: int(10 / SAMPLED_EVERY)]) == pytest.approx(20 - SAMPLED_EVERY - 11)
    assert edited[-1] == pytest.approx(30.0 - 21.0)


def test_a_card_that_shows_the_end_is_behind_no_more() -> None:
    late = _behind((98.0, "98 %"), (103.0, "**Done**"), until=200.0)
    assert max(late) > 80
    assert late[-1] == pytest.approx(103 - SAMPLED_EVERY - 99)


def test_a_result_is_a_message_after_the_end_that_is_not_the_card() -> None:
    now = [1_767_225_600.0]
    sim = DiscordSim(clock=lambda: now[0])
    channel = sim.add_guild("Studio").add_channel("renders")
    card = channel.post(sim.bot, "`r` 10 %")
    use: Any = SimpleNamespace(response=card)
    watched = Watched(Render("r", now[0], Trace(60.0, lambda _age: 0)), use, channel, 0)
    early = channel.post(sim.bot, "`r` is already watched here")
    now[0] += 61
    result = channel.post(sim.bot, "`r` is done")
    now[0] += 5
    again = channel.post(sim.bot, "`r` is done")
    for message in (card, early, result, again):
        watched.told_by(message)
    assert watched.result_at == pytest.approx(result.created_at, abs=0.001)


async def test_the_task_api_refuses_what_is_more_than_it_allows_in_a_second() -> None:
    api = TaskApi(allowed=3, clock=lambda: 1_000.0)
    render = Render("r", 0.0, Trace(1.0, lambda _age: 0))
    async with api, aiohttp.ClientSession() as session:
        api.add(render)
        answers = [(await session.get(f"{api.base_url}/v1/videos/tasks/r")).status for _ in range(5)]
    assert answers == [200, 200, 200, 429, 429]
    assert (len(render.polls), render.refused) == (3, 2)


async def test_all_watches_fit_the_shipped_limits() -> None:
    assert Settings.watches_per_server >= SERVER_WATCHES
    assert Settings.watches_per_person > PERSON_WATCHES
    place = settle(DiscordSim(), 2000, 200)
    assert len({channel.guild for channel in place.channels}) == 8
    assert len(place.channels) == 200
    assert len(place.people) >= 80


def test_every_scene_survives_the_way_to_another_process() -> None:
    found_loads = [part.load for batch in (*LONG, *quick(SHORT)) for part in batch.parts]
    assert [Load.from_dict(load.as_dict()) for load in found_loads] == found_loads
    assert {part.row for batch in SHORT for part in batch.parts} == set(plan.ROWS) - {"freshness"}


def test_every_row_of_the_short_form_is_measured_at_least_three_times() -> None:
    assert min(batch.runs for batch in SHORT) >= 3
    assert plan.HEADLINE in {part.load.name for batch in SHORT for part in batch.parts}


def _kept(ours: float, plain: float) -> dict[str, Any]:
    chance, kept = random.Random(1), {}
    for bot, value in (("ours", ours), ("plain", plain)):
        names = ("result", "behind", "card")
        runs = [
            {f"{name}_{end}": value + chance.random() / 100 for name in names for end in ("p50", "p95")}
            for _ in range(3)
        ]
        kept[bot] = {"row": "noticed", "load": plan.MANY.as_dict(), "bot": bot, "runs": runs}
    late = {"polls": 20.0, "late": 1.0, "late_95": 2.0}
    keys = (
        "taught",
        "fixed",
        "eta",
        "untaught",
        "untaught_fixed",
        "changed",
        "changed_fixed",
        "worst",
        "worst_fixed",
    )
    kind = dict.fromkeys(keys, late) | {"fixed": {**late, "late": 4.0}}
    return {"scenes": kept, "kinds": {"a kind": kind}, "failed": {}}


def test_the_report_says_what_is_better_and_what_is_worse_by_one_formula() -> None:
    kept = _kept(1.0, 4.0)
    text = "\n".join(scenes(kept, "noticed"))
    assert (
        "better: end to result (95 %), card behind the truth (95 %), command to card (95 %); worse: nothing"
        in text
    )
    assert "worse: end to result (95 %)" in "\n".join(scenes(_kept(4.0, 1.0), "noticed"))
    assert list(loads(kept, "noticed")) == [plan.HEADLINE]
    assert headline(kept).count("| 0.25 |") == 4
    assert ratios_of(kept["kinds"]["a kind"])["untaught ÷ fixed"] == 1.0


def _grown(cpu: float, late: float) -> str:
    runs = [{"cpu": cpu, "discord_bot_a_second": 10.0, "lateness": late, "simulators": 0.3, "rows": 9}]
    scene = {"row": "growth", "load": plan.BURST.as_dict() | {"watches": 1000}, "bot": "ours", "runs": runs}
    busy = {
        **scene,
        "load": plan.BURST.as_dict() | {"watches": 5000},
        "runs": [{**runs[0], "simulators": 1.0}],
    }
    return growth({"scenes": {"one": scene, "busy": busy}, "kinds": {}, "failed": {}})[-1]


def test_the_report_says_what_ends_the_growth_by_the_largest_load_that_was_carried() -> None:
    assert "1,000 live watches took 50% of its core and 20% of Discord's" in _grown(0.5, 0.1)
    assert "its core is what would end the growth first, enough for 2,000" in _grown(0.5, 0.1)
    assert "its core is what ends the growth, and polls began 4.0 s late" in _grown(1.0, 4.0)
    assert "more than it can follow" in _grown(0.5, 4.0)


def test_the_report_has_a_place_in_the_readme_and_its_pictures_are_there() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert BEGIN in readme.partition(END)[0]
    page = (FOLDER / "README.md").read_text("utf-8")
    assert all((FOLDER / name).exists() for name in re.findall(r"\]\((\w+\.svg)\)", page))


def test_the_page_for_people_holds_the_figures_of_the_report() -> None:
    kept = json.loads((FOLDER / "results.json").read_text("utf-8"))
    page, readme = PAGE.read_text("utf-8"), (ROOT / "README.md").read_text("utf-8")
    assert people.fill(page, kept) == page, "run `python -m bench --report`"
    assert headline(kept) in readme
    assert set(re.findall(r"<!-- measured: (\w+) -->", page)) == set(people.figures(kept))


def test_the_page_names_what_the_plain_bot_does_better_and_nothing_else() -> None:
    def scene(bot: str, result: float, behind: float) -> dict[str, Any]:
        load = plan.BURST.as_dict() | {"name": "8 in one channel"}
        runs = [{"result_p50": result, "behind_p50": behind}]
        return {"row": "noticed", "load": load, "bot": bot, "runs": runs}

    kept = {"scenes": {"one": scene("ours", 1.0, 4.0), "two": scene("plain", 2.0, 2.0)}, "kinds": {}}
    assert people.figures(kept)["worse"] == [
        "- **How far a card is behind**: 2.0 times as much, with 8 in one channel."
    ]
