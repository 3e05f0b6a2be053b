"""Who is taken for dead, and when: never before its own trust has ended, whatever the clocks do."""

from collections.abc import Sequence
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.liveness import (
    BEAT,
    LONGEST_GAP,
    SILENT,
    TRUSTED,
    VANISHED,
    Observations,
    Sign,
    fair_share,
)

Shown = Sequence[tuple[int, bool | None]]


def watch(observations: Observations, shown: Shown, every: float = BEAT, start: float = 0.0) -> list[bool]:
    """Observe one member at equal intervals; return whether it counted as dead at each."""
    return [
        7 in observations.observe({7: Sign(beat, connected)}, start + number * every)
        for number, (beat, connected) in enumerate(shown)
    ]


def first_dead(dead: list[bool]) -> float | None:
    return dead.index(True) * BEAT if True in dead else None


def test_trust_ends_before_anybody_takes_over_however_far_the_clocks_are_apart() -> None:
    slow, fast = 0.9, 1.1
    assert TRUSTED / slow < VANISHED / fast < SILENT / fast
    assert 2 * BEAT < TRUSTED, "one late beat must not hold everything back"
    assert BEAT < VANISHED < LONGEST_GAP < SILENT


def test_a_member_that_beats_is_never_dead() -> None:
    assert not any(watch(Observations(), [(beat, True) for beat in range(100)]))
    assert not any(watch(Observations(), [(beat, False) for beat in range(100)]))
    assert not any(watch(Observations(), [(beat // 3, None) for beat in range(100)]))


@pytest.mark.parametrize("connected", [True, None])
def test_one_whose_beat_stands_still_is_dead_after_the_silence(connected: bool | None) -> None:
    dead = first_dead(watch(Observations(), [(5, connected)] * 20))
    assert dead is not None
    assert SILENT <= dead < SILENT + BEAT


def test_one_whose_session_is_gone_is_dead_sooner() -> None:
    dead = first_dead(watch(Observations(), [(4, True), (5, True), *[(5, False)] * 20]))
    assert dead is not None
    assert VANISHED <= dead - BEAT < VANISHED + BEAT


def test_a_newcomer_finds_one_that_died_before_it_came_as_soon() -> None:
    dead = first_dead(watch(Observations(), [(5, False)] * 20))
    assert dead is not None
    assert VANISHED <= dead < VANISHED + BEAT


def test_a_session_that_is_missing_once_means_nothing() -> None:
    shown = [*[(5, True)] * 4, (5, False), (5, True), (6, True)]
    assert not any(watch(Observations(), shown))


def test_after_an_outage_nobody_is_dead_before_it_had_time_to_come_back() -> None:
    observations = Observations()
    watch(observations, [(beat, True) for beat in range(5)])
    observations.restart()
    dead = watch(observations, [(4, False)] * 12, start=25.0)
    assert first_dead(dead) == pytest.approx(10 * BEAT), "it was not seen connected since"
    observations.restart()
    dead = watch(observations, [(4, True), *[(4, False)] * 12], start=60.0)
    assert first_dead(dead) == pytest.approx(3 * BEAT), "it was"


def test_whoever_paused_observes_from_the_beginning() -> None:
    observations = Observations()
    watch(observations, [(5, True)] * 2)
    assert not observations.observe({7: Sign(5, connected=False)}, 60.0)
    assert first_dead(watch(observations, [(5, False)] * 20, start=60.0)) == pytest.approx(10 * BEAT)


def test_who_has_beaten_is_alive_and_who_is_gone_is_not() -> None:
    observations = Observations()
    observations.observe({1: Sign(3, None), 2: Sign(8, None)}, 0.0)
    assert not observations.alive
    observations.observe({1: Sign(4, None), 2: Sign(8, None)}, 1.0)
    assert observations.alive == {1}
    observations.observe({2: Sign(8, None)}, 2.0)
    assert not observations.alive


@given(
    beats=st.lists(st.floats(0.05, 12.0), min_size=1, max_size=30),
    rounds=st.lists(st.floats(0.05, 3.5), min_size=30, max_size=60),
    rates=st.tuples(st.floats(0.9, 1.1), st.floats(0.9, 1.1)),
    connected=st.lists(st.booleans(), min_size=60, max_size=60),
)
def test_whoever_counts_as_dead_no_longer_trusts_itself(
    beats: list[float], rounds: list[float], rates: tuple[float, float], connected: list[bool]
) -> None:
    """One beats at any moments, another observes at any moments, each by a clock of its own rate."""
    theirs, mine = rates
    moments = list(accumulate(beats, initial=0.0))
    observations, now = Observations(), 0.0
    for gap, is_connected in zip(rounds, connected, strict=False):
        now += gap
        count = sum(moment <= now for moment in moments)
        if 7 in observations.observe({7: Sign(count, is_connected)}, now * mine):
            assert (now - moments[count - 1]) * theirs >= TRUSTED


@pytest.mark.parametrize(
    ("shards", "members", "share"), [(1, 1, 1), (1, 2, 1), (4, 3, 2), (16, 4, 4), (5, 0, 5)]
)
def test_shards_are_shared_fairly(shards: int, members: int, share: int) -> None:
    assert fair_share(shards, members) == share
