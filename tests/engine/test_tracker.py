"""The tracker without a store and without Discord's side: what a poll changes, writes and shows."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from trackers import card_state, filled_tracker, render, task_id

from bot.core.events import ErrorKind, Missing, Observation, PollError
from bot.core.observed import UNOBSERVED, observe
from bot.core.outcome import Ending
from bot.core.policy import PollPolicy
from bot.core.task import Task, TaskState
from bot.engine.tracker import Tracker
from bot.engine.tuner import PollTuner
from bot.store.errors import StoreFailed

NAME = task_id(1)


class Clock:
    def __init__(self) -> None:
        self.now = 1_767_225_600.0

    def __call__(self) -> float:
        return self.now


async def test_the_same_answer_again_writes_nothing_and_shows_nothing() -> None:
    clock = Clock()
    tracker, audience, store = filled_tracker(1, clock)
    answer = render(NAME, 40, clock.now - 60)
    await tracker.apply(NAME, answer)
    state, shown = tracker.registry.cards[1], audience.shown
    for _ in range(10):
        clock.now += 10
        assert await tracker.apply(NAME, answer) is not None
    assert tracker.registry.cards[1] is state
    assert (audience.shown, store.saved) == (shown, 0)
    clock.now += 10
    await tracker.apply(NAME, render(NAME, 40, clock.now - 60))
    observed = tracker.registry.observed[NAME]
    assert (observed.idle_seconds, observed.polled_at) == (110.0, clock.now)
    assert sum(tracker._tuner._models["generate"].seconds) == pytest.approx(110.0)


async def test_a_time_in_which_nobody_polled_is_neither_idle_nor_learned_from() -> None:
    clock = Clock()
    tracker, _, _ = filled_tracker(1, clock)
    answer = render(NAME, 40, clock.now - 60)
    await tracker.apply(NAME, answer)
    for pause in (10, 3_600, 10):
        clock.now += pause
        await tracker.apply(NAME, answer)
    await tracker.apply(NAME, PollError(ErrorKind.UNAVAILABLE))
    assert tracker.registry.observed[NAME].idle_seconds == 10 + PollPolicy().max_seconds + 10
    assert sum(tracker._tuner._models["generate"].seconds) == pytest.approx(20.0)


async def test_what_never_changes_stalls_when_it_should() -> None:
    clock = Clock()
    tracker, audience, _ = filled_tracker(1, clock)
    answer = render(NAME, 40, clock.now - 60)
    began = clock.now
    after: Any = await tracker.apply(NAME, answer)
    while after is not None:
        clock.now += after
        after = await tracker.apply(NAME, answer)
    assert audience.ended == [Ending.STALLED]
    assert 7_200 <= clock.now - began < 7_200 + PollPolicy().max_seconds
    assert not tracker.registry.tasks


async def begin_another(tracker: Tracker, seen: Observation, now: float) -> dict[str, float]:
    """Begin card 2 with the task of card 1."""
    begun = card_state(2, now)
    seen_at = now if isinstance(seen, Task) else None
    begun = replace(begun, watches=(replace(begun.watches[0], task_id=NAME, seen_at=seen_at),))
    return await tracker.begin(begun, {NAME: seen})


async def test_what_a_card_begins_with_is_a_poll_of_its_task_like_any_other() -> None:
    clock = Clock()
    tracker, audience, store = filled_tracker(1, clock)
    await tracker.apply(NAME, render(NAME, 40, clock.now - 60))
    clock.now += 10
    shown = audience.shown
    assert list(await begin_another(tracker, render(NAME, 41, clock.now - 60), clock.now)) == [NAME]
    assert audience.shown == shown + 2, "the older card shows the new progress as well"
    assert store.saved == 0
    task = tracker.registry.observed[NAME].task
    assert task is not None
    assert task.progress == 41


async def test_a_card_that_begins_by_a_failed_poll_is_shown_what_is_known_already() -> None:
    clock = Clock()
    tracker, _, store = filled_tracker(1, clock)
    await tracker.apply(NAME, render(NAME, 40, clock.now - 60))
    await begin_another(tracker, PollError(ErrorKind.UNAVAILABLE), clock.now)
    assert tracker.registry.observed[NAME].task is not None
    assert tracker.registry.cards[2].watches[0].seen_at is None
    clock.now += 10
    await tracker.apply(NAME, render(NAME, 40, clock.now - 60))
    assert tracker.registry.cards[2].watches[0].seen_at == clock.now
    assert store.saved == 1


async def test_a_name_that_could_not_be_saved_is_not_shown() -> None:
    tracker, audience, store = filled_tracker(2, Clock())
    store.full = True
    with pytest.raises(StoreFailed):
        await tracker.rename(1, NAME, "Shot 12")
    assert (tracker.registry.cards[1].watches[0].name, audience.shown) == ("", 0)
    store.full = False
    await tracker.rename(1, NAME, "Shot 12")
    assert tracker.registry.cards[1].watches[0].name == "Shot 12"
    assert tracker.registry.watches(NAME)[0].name == "Shot 12"
    assert tracker.registry.cards[2].watches[0].name == ""
    assert (audience.shown, store.saved) == (1, 1)
    await tracker.rename(1, NAME, "Shot 12")
    assert store.saved == 1


async def test_each_watch_of_a_task_ends_for_its_own_age() -> None:
    clock = Clock()
    tracker, audience, _ = filled_tracker(1, clock, PollPolicy(too_old_after=100.0))
    clock.now += 50
    await begin_another(tracker, render(NAME, 40, clock.now - 60), clock.now)
    clock.now += 50
    assert await tracker.apply(NAME, render(NAME, 41, clock.now - 60)) is not None
    assert (audience.ended, len(tracker.registry.watches(NAME))) == ([Ending.TOO_OLD], 1)
    clock.now += 50
    await tracker.expire()
    assert audience.ended == [Ending.TOO_OLD] * 2
    assert not tracker.registry.tasks


async def test_an_end_that_cannot_be_saved_has_not_happened_and_keeps_no_card_from_beginning() -> None:
    clock = Clock()
    tracker, audience, store = filled_tracker(1, clock, PollPolicy(too_old_after=100.0))
    clock.now += 100
    store.full = True
    with pytest.raises(StoreFailed):
        await tracker.apply(NAME, render(NAME, 40, clock.now - 60))
    assert tracker.registry.observed[NAME].task is None
    assert list(await begin_another(tracker, render(NAME, 40, clock.now - 60), clock.now)) == [NAME]
    assert audience.ended == []
    store.full = False
    await tracker.apply(NAME, render(NAME, 40, clock.now - 60))
    assert audience.ended == [Ending.TOO_OLD]


@pytest.mark.parametrize(
    "seen",
    [render(NAME, 40, 0), Missing(), PollError(ErrorKind.UNAVAILABLE)],
    ids=["task", "missing", "failure"],
)
async def test_a_card_is_shown_once_when_it_begins_and_nothing_is_written(seen: Observation) -> None:
    clock = Clock()
    tracker, audience, store = filled_tracker(0, clock)
    begun = card_state(1, clock.now)
    shown = audience.shown
    pauses = await tracker.begin(begun, {NAME: seen})
    assert pauses[NAME] > 0
    assert (audience.shown - shown, store.saved) == (1, 0)


async def test_what_is_learned_while_a_save_is_under_way_or_fails_is_saved_later() -> None:
    records: list[str] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Store:
        async def remember(self, _key: str, value: str) -> None:
            records.append(value)
            begun.set()
            await go_on.wait()
            if len(records) == 2:
                raise StoreFailed("full")

    anything: Any = Store()
    tuner = PollTuner(PollPolicy())
    before, _ = observe(UNOBSERVED, render(NAME, 50, 1.0), 100.0, PollPolicy(), chance=0.5)
    ended = replace(render(NAME, 100, 1.0), state=TaskState.SUCCEEDED)
    tuner.observe(before, ended, 110.0)
    saving = asyncio.create_task(tuner.save(anything))
    await begun.wait()
    tuner.observe(before, ended, 110.0)
    go_on.set()
    await saving
    for _ in range(3):
        await tuner.save(anything)
    assert len(records) == 3, "the second failed, the third was the same again, and then all was saved"
    assert records[0] != records[1] == records[2]
