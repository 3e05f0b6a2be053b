"""What finished renders teach, and how long to pause between polls because of that."""

import json
import random
from math import inf, isfinite, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.hazard import (
    NOTHING_LEARNED,
    PRICE,
    REMEMBERED,
    USUAL_RATE,
    HazardModel,
    Rates,
    model_from,
    pause,
)
from bot.core.position import AGES, BUCKETS, Position

LONGEST = 60.0
positions = st.builds(
    Position, st.integers(0, 3), st.floats(0, 1e6), st.floats(1e-9, 10), st.just(0.0) | st.floats(0, 250)
)


def buckets(values: st.SearchStrategy[float], usual: float) -> st.SearchStrategy[Rates]:
    """Return numbers by bucket, most of them usual."""
    others = st.dictionaries(st.integers(0, BUCKETS - 1), values)
    return others.map(lambda some: tuple(some.get(bucket, usual) for bucket in range(BUCKETS)))


def at(age: float) -> Position:
    return Position(0, age, 1.0)


def wait(rates: Rates, age: float) -> float:
    return pause(rates, at(age), LONGEST)


def taught(*ages: float, model: HazardModel | None = None) -> HazardModel:
    """Return what silent renders teach that end at these ages."""
    model = model or HazardModel()
    for age in ages:
        model.update(at(0.0), age, ended=True)
    return model


def test_untaught_every_pause_is_that_of_the_usual_rate() -> None:
    expected = (2 * PRICE / USUAL_RATE) ** 0.5
    for age in (0.0, 7.0, 1e5):
        assert wait(NOTHING_LEARNED.rates, age) == pytest.approx(expected, rel=0.02)
    assert expected < 5.0


@pytest.mark.parametrize("rate", [1e-4, 0.01, 0.04])
def test_under_a_constant_rate_pauses_follow_the_square_root_law(rate: float) -> None:
    assert wait((rate,) * BUCKETS, 30.0) == pytest.approx((2 * PRICE / rate) ** 0.5, rel=0.05)


def test_taught_it_pauses_where_no_render_ended_and_polls_where_they_did() -> None:
    chance = random.Random(1)
    rates = taught(*(chance.gauss(600, 10) for _ in range(200))).learned.rates
    assert wait(rates, 300.0) == LONGEST, "silence is certain"
    assert 570.0 < 560.0 + wait(rates, 560.0) < 600.0, "the next poll is where renders begin to end"
    assert wait(rates, 600.0) < 2.5


def test_a_short_peak_is_polled_behind_it_and_not_before() -> None:
    rates = [1e-6] * BUCKETS
    peak = next(bucket for bucket, edge in enumerate(AGES) if edge > 100.0)
    rates[peak] = 2.0
    assert AGES[peak - 1] < 80.0 + wait(tuple(rates), 80.0) < AGES[peak] + 1.0


def test_expected_moves_of_progress_are_a_reason_to_poll_and_ends_a_better_one() -> None:
    never, often = (1e-9,) * BUCKETS, (1.0,) * BUCKETS
    slow, fast = Position(1, 0.2, 0.002, 0.05), Position(1, 0.2, 0.02, 0.5)
    assert pause(never, Position(1, 0.2, 0.002), LONGEST) == LONGEST
    assert pause(never, fast, LONGEST) < pause(never, slow, LONGEST) < 20.0
    assert pause(often, slow, LONGEST) < pause(never, fast, LONGEST)


def test_a_single_end_makes_no_narrow_peak() -> None:
    rates = taught(100.0).learned.rates
    assert all(USUAL_RATE / 10 < rate < USUAL_RATE * 10 for rate in rates)


def test_ages_that_were_never_reached_keep_the_usual_rate() -> None:
    rates = taught(*[20.0] * 40).learned.rates
    assert rates[len(AGES)] == pytest.approx(USUAL_RATE)
    assert wait(rates, 300.0) == pytest.approx(wait(NOTHING_LEARNED.rates, 300.0))


@pytest.mark.parametrize("later", [20.0, 600.0], ids=["shorter", "longer"])
def test_what_was_learned_is_forgotten_once_renders_end_elsewhere(later: float) -> None:
    chance = random.Random(2)
    model = taught(*(chance.gauss(200, 5) for _ in range(150)))
    taught(*[later] * 3, model=model)
    assert sum(model.ends) <= 3, "the old ends are gone"
    assert wait(model.learned.rates, 120.0) < 7.0, "it was 20 seconds"


def test_what_predicts_well_is_kept() -> None:
    chance = random.Random(3)
    model = taught(*(chance.uniform(60, 90) for _ in range(300)))
    assert sum(model.ends) > 120


def test_old_ends_fade() -> None:
    model = taught(*[50.0] * 600)
    assert sum(model.ends) == pytest.approx(REMEMBERED, rel=0.05)


def test_the_usual_times_are_known_from_the_third_end_on() -> None:
    assert taught(100.0, 100.0).learned.usual_render == 0.0
    assert taught(*[100.0] * 3).learned.usual_render == pytest.approx(100.0, rel=0.02)
    model = HazardModel()
    for passed in range(3):
        assert model.learned.usual_queue == 0.0, passed
        model.update_queue(50.0, left=False)
        model.update_queue(10.0, left=True)
    assert model.learned.usual_queue == pytest.approx(60.0, rel=0.02)
    taught(100.0, model=model)
    assert model.learned.usual_queue == pytest.approx(60.0, rel=0.02)


def test_what_was_recorded_comes_back() -> None:
    model = taught(30.0, 40.0, 50.0)
    model.update_queue(10.0, left=True)
    back = model_from(json.loads(json.dumps(model.record())))
    assert back is not None
    assert back.ends == pytest.approx(model.ends, abs=1e-3)
    assert back.learned.rates == pytest.approx(model.learned.rates, rel=1e-2)
    assert len(json.dumps(model.record())) < 6_000


@pytest.mark.parametrize(
    "change",
    [
        {"ends": [1.0]},
        {"ends": ["1"] * BUCKETS},
        {"ends": "1" * BUCKETS},
        {"ends": [-1.0] * BUCKETS},
        {"ends": {str(number): 1.0 for number in range(BUCKETS)}},
        {"seconds": [nan] * BUCKETS},
        {"seconds": [inf] * BUCKETS},
        {"seconds": [10**400] * BUCKETS},
        {"seconds": None},
        {"queue": [1.0]},
        {"queue": None},
    ],
    ids=lambda change: str(change)[:30],
)
def test_a_damaged_record_is_not_used(change: dict[str, object]) -> None:
    assert model_from(HazardModel().record()) == HazardModel()
    assert model_from(HazardModel().record() | change) is None


@pytest.mark.parametrize("record", [None, [1, 2], "text", 7, {}])
def test_what_is_no_record_is_not_used(record: object) -> None:
    assert model_from(record) is None


@given(
    st.lists(st.tuples(positions, st.floats(0, 1e4), st.booleans()), max_size=20),
    positions,
    st.floats(1.0, LONGEST),
)
def test_whatever_was_learned_pauses_are_finite_and_bounded(
    lives: list[tuple[Position, float, bool]], position: Position, longest: float
) -> None:
    model = HazardModel()
    for lived, seconds, ended in lives:
        model.update(lived, seconds, ended=ended)
    assert all(isfinite(rate) and rate > 0 for rate in model.learned.rates)
    assert isfinite(model.surprise)
    assert 0 < pause(model.learned.rates, position, longest) <= longest


@given(buckets(st.floats(0, 1e9), 0.0), buckets(st.floats(0, 1e9), 0.0), positions)
def test_any_record_of_numbers_gives_pauses_within_the_bounds(
    ends: Rates, seconds: Rates, position: Position
) -> None:
    model = model_from({"ends": ends, "seconds": seconds, "queue": [0.0, 0.0]})
    assert model is not None
    assert 0 < pause(model.learned.rates, position, LONGEST) <= LONGEST


@pytest.mark.slow
@given(
    st.lists(st.floats(1e-6, 10), min_size=BUCKETS, max_size=BUCKETS),
    positions,
    st.floats(1.0, 3.0),
)
def test_greater_rates_never_make_a_pause_longer(rates: list[float], position: Position, more: float) -> None:
    longer = pause(tuple(rates), position, LONGEST)
    assert pause(tuple(rate * more for rate in rates), position, LONGEST) <= longer * (1 + 1e-9)
