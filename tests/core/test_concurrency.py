"""How many polls may be in flight, against an API that answers at once, slowly, or worse the more it gets."""

from collections.abc import Callable

import pytest

from bot.core.concurrency import BOUNDS, LEAST_REFUSED, MORE, START, Concurrency

LOW, HIGH = BOUNDS


def play(limit: Concurrency, rounds: int, seconds: Callable[[int], float], wanted: int = 10_000) -> int:
    """Answer as many polls as are in flight, so many times; return the limit."""
    for _ in range(rounds):
        in_flight = min(wanted, limit.limit)
        for _ in range(in_flight):
            limit.ended(seconds(in_flight), in_flight)
    return limit.limit


def test_at_first_it_grows_within_a_few_round_trips() -> None:
    assert play(Concurrency(), 4, lambda _: 1.0) == HIGH


@pytest.mark.parametrize("round_trip", [0.001, 0.3, 1.0, 5.0])
def test_it_grows_to_the_most_while_round_trips_stay_the_same(round_trip: float) -> None:
    assert play(Concurrency(), 40, lambda _: round_trip) == HIGH


def test_what_is_not_used_does_not_grow() -> None:
    assert play(Concurrency(), 400, lambda _: 0.3, wanted=20) == START


def test_an_api_that_queues_is_asked_no_more_than_it_works_at() -> None:
    """It works at 100 at once, 0.3 s each; the others wait."""
    limit = Concurrency()
    play(limit, 100, lambda in_flight: 0.3 * max(1.0, in_flight / 100))
    limits = [play(limit, 1, lambda in_flight: 0.3 * max(1.0, in_flight / 100)) for _ in range(50)]
    assert min(limits) >= 100
    assert max(limits) <= 320


@pytest.mark.parametrize("takes", [4, 8, 20, 100])
def test_an_api_that_takes_so_many_at_once_is_asked_hardly_more(takes: int) -> None:
    """It answers 503 to the others, or cuts their connections (nginx's limit_conn, HAProxy's maxconn)."""
    limit, limits, cut = Concurrency(), list[int](), list[float]()
    for _ in range(300):
        in_flight = limit.limit
        limits.append(in_flight)
        cut.append(max(0, in_flight - takes) / in_flight)
        for number in range(in_flight):
            limit.ended(0.1, in_flight, refused=number >= takes)
    assert LEAST_REFUSED <= min(limits[50:]) <= max(limits[50:]) <= max(1.9 * takes, takes + MORE)
    assert sum(cut[50:]) <= len(cut[50:]) / 3
    assert sum(min(takes, in_flight) for in_flight in limits[50:]) >= 0.8 * takes * len(limits[50:])


def test_after_an_outage_it_is_back_within_a_few_round_trips() -> None:
    limit = Concurrency()
    for _ in range(1_000):
        limit.ended(0.1, limit.limit, refused=True)
    assert limit.limit == LEAST_REFUSED
    assert play(limit, 6, lambda _: 1.0) >= LOW


def test_a_few_refusals_are_about_their_tasks_or_the_rate() -> None:
    limit = Concurrency()
    for number in range(20_000):
        limit.ended(0.1, limit.limit, refused=number % 8 == 0)
    assert limit.limit == HIGH


def test_a_few_slow_polls_change_nothing_and_a_lasting_change_is_got_used_to() -> None:
    limit = Concurrency()
    play(limit, 40, lambda _: 0.1)
    for number in range(10_000):
        limit.ended(15.0 if number % 4 == 0 else 0.1, limit.limit)
    assert limit.limit == HIGH
    play(limit, 20, lambda _: 1.0)
    assert limit.limit < HIGH
    assert play(limit, 200, lambda _: 1.0) == HIGH
