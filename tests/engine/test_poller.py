"""The poll loop behind the circuit breaker, with polls that take their time or fail."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
from made import NOW
from trackers import filled_tracker, render, task_id

from bot.core.budget import RequestBudget
from bot.core.health import IMPOSSIBLE_ID, Mode
from bot.core.policy import PollPolicy
from bot.core.task import Task
from bot.engine.breaker import CircuitBreaker
from bot.engine.poller import Poller
from bot.engine.tracker import Tracker
from bot.metrics import Metrics
from bot.monitoring.health_checks import STUCK_SECONDS
from bot.veo.errors import (
    BrokenAnswer,
    KeyRefused,
    RateLimited,
    TaskNotFound,
    TaskRefused,
    Unavailable,
    VeoError,
)

pytestmark = pytest.mark.looptime(noop_cycles=0)  # there are no sockets here
A, B, C = (task_id(number) for number in (1, 2, 3))
HANGS = 15.0
MANY = 300
Fails = Callable[[], VeoError]
"""What a poll ends in instead of a task."""


@dataclass
class Api:
    """A task API that answers at once, but for what it is told to do otherwise."""

    slow: dict[str, float] = field(default_factory=dict)
    fails: dict[str, Fails] = field(default_factory=dict)
    down: Fails | None = None
    began: dict[str, list[float]] = field(default_factory=dict)
    """When each poll of a task began."""

    async def poll(self, name: str, _known: Task | None = None) -> Task:
        now = asyncio.get_running_loop().time()
        self.began.setdefault(name, []).append(now)
        await asyncio.sleep(self.slow.get(name, 0.0))
        fails = self.down or self.fails.get(name)
        if fails is not None:
            raise fails()
        if name == IMPOSSIBLE_ID:
            raise TaskNotFound("status 404")
        return render(name, 40, NOW - 60)

    @property
    def requests(self) -> list[float]:
        return sorted(at for times in self.began.values() for at in times)


@dataclass
class Running:
    api: Api
    tracker: Tracker
    breaker: CircuitBreaker
    poller: Poller

    def mode(self) -> Mode:
        return self.breaker.health.mode


@asynccontextmanager
async def polling(
    count: int = 3, api: Api | None = None, budget: RequestBudget | None = None
) -> AsyncIterator[Running]:
    """Run poller and breaker over so many watched tasks, none of them planned yet."""
    loop, api = asyncio.get_running_loop(), api or Api()

    def clock() -> float:
        return NOW + loop.time()

    tracker, _, _ = filled_tracker(count, clock)

    breaker = CircuitBreaker(
        api.poll,
        tracker.registry.tasks,
        clock,
        on_change=lambda: poller.wake(),  # noqa: PLW0108 made below
        budget=budget or RequestBudget(),
    )
    poller = Poller(breaker, tracker, clock, metrics=Metrics())
    tasks = [asyncio.create_task(poller.run()), asyncio.create_task(breaker.run())]
    yield Running(api, tracker, breaker, poller)
    await poller.close(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def longest_gap(times: list[float], since: float, until: float) -> float:
    """Return the longest time between two polls."""
    inside = [since, *(at for at in times if since <= at <= until), until]
    return max(later - earlier for earlier, later in pairwise(inside))


@pytest.mark.parametrize("first", [True, False], ids=["planned before", "planned while it is under way"])
async def test_a_slow_poll_keeps_nothing_else_waiting(first: bool) -> None:
    async with polling(api=Api(slow={A: 14.0})) as here:
        here.poller.schedule(A, 0.0)
        if first:
            here.poller.schedule(B, 3.0)
        await asyncio.sleep(1.0)
        if not first:
            here.poller.schedule(B, 2.0)
        await asyncio.sleep(1.0)
        here.poller.schedule(C, 4.0)
        await asyncio.sleep(10.0)
        assert here.api.began[A][0] == pytest.approx(0.0, abs=0.1)
        assert here.api.began[B][0] == pytest.approx(3.0, abs=0.1)
        assert here.api.began[C][0] == pytest.approx(6.0, abs=0.1)


BAD: dict[str, tuple[Fails, float]] = {
    "400": (lambda: TaskRefused("status 400"), 0.0),
    "403": (lambda: KeyRefused("status 403"), 0.0),
    "404": (lambda: TaskNotFound("status 404"), 0.0),
    "429": (lambda: RateLimited("status 429"), 0.0),
    "429 for a second": (lambda: RateLimited("status 429", 1.0), 0.0),
    "429 for long": (lambda: RateLimited("status 429", 300.0), 0.0),
    "500": (lambda: Unavailable("status 500"), 0.0),
    "slow 500": (lambda: Unavailable("status 500"), 14.0),
    "no answer": (lambda: Unavailable("no answer in time"), HANGS),
    "damaged": (lambda: BrokenAnswer("no JSON"), 0.0),
}


async def watched_among(bad: int, good: int, kind: str, seconds: float) -> tuple[Running, set[str]]:
    """Return what happened, and the good tasks' names."""
    fails, takes = BAD[kind]
    names = [task_id(number) for number in range(1, bad + good + 1)]
    goods = set(names[:: (bad + good) // good][:good])
    bads = [name for name in names if name not in goods]
    async with polling(bad + good, Api(dict.fromkeys(bads, takes), dict.fromkeys(bads, fails))) as here:
        if bad == MANY:  # they have just been begun: people's own polls of them have failed
            for name in bads:
                here.poller.schedule(name, 3.0, failing=True)
        here.poller.resume()
        await asyncio.sleep(seconds)
        assert here.breaker.health.since is None, "it was never open"
        latest = max(longest_gap(here.api.began[name], 0, seconds) for name in goods)
        assert latest <= PollPolicy().max_seconds + 30
    return here, goods


@pytest.mark.parametrize("kind", BAD)
async def test_bad_ids_leave_the_good_ones_their_times(kind: str) -> None:
    """No good task is polled more than 30 s late, from a restart on."""
    here, goods = await watched_among(25, 3, kind, 900.0)
    for name in set(here.tracker.registry.tasks) - goods:
        assert longest_gap(here.api.began[name], 0, 900) < 330, "bad ones are not forgotten"


@pytest.mark.parametrize("kind", ["429", "500", "no answer"])
async def test_hundreds_of_bad_ids_leave_the_good_ones_their_times(kind: str) -> None:
    await watched_among(MANY, 30, kind, 200.0)


@pytest.mark.slow
async def test_every_429_halves_the_rate_and_answers_bring_it_back(caplog: pytest.LogCaptureFixture) -> None:
    async with polling(80) as here:
        for number in range(1, 81):
            here.poller.schedule(task_id(number), number / 8)
        await asyncio.sleep(120.0)  # all stand still behind the end that their progress promised
        before = len([at for at in here.api.requests if 100 <= at < 120]) / 20
        here.api.fails[A] = lambda: RateLimited("status 429", 300.0)
        await asyncio.sleep(20.0)
        limited = here.api.began[A][-1]
        after = len([at for at in here.api.requests if limited < at <= limited + 3]) / 3
        assert after <= before * 0.75
        await asyncio.sleep(120.0)
        again = len([at for at in here.api.requests if 240 <= at < 260]) / 20
        assert again == pytest.approx(before, rel=0.2)
        assert here.api.began[A][-1] == limited, "held for as long as it was asked"
    reported = [record for record in caplog.records if "fewer requests" in record.message]
    assert [record.__dict__["seconds"] for record in reported] == [300]


async def test_a_quota_that_is_used_up_slows_down_to_a_crawl_and_never_opens() -> None:
    async with polling(50, Api(down=lambda: RateLimited("status 429"))) as here:
        here.poller.resume()
        await asyncio.sleep(600.0)
        assert here.mode() is Mode.CLOSED
        assert len([at for at in here.api.requests if at >= 300]) <= 300 * 1.1
        here.api.down = None
        await asyncio.sleep(90.0)
        assert all(times[-1] > 600 for name, times in here.api.began.items() if name != IMPOSSIBLE_ID)


@pytest.mark.parametrize("count", [1, 2, 3, 40])
@pytest.mark.parametrize("seconds", [0.0, HANGS])
async def test_an_outage_pauses_everybody_within_a_minute_and_ends_at_the_first_answer(
    count: int, seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot.engine.breaker")
    async with polling(count) as here:
        here.poller.resume()
        await asyncio.sleep(60.0)
        names = [*here.api.began, IMPOSSIBLE_ID]
        here.api.down, here.api.slow = (lambda: Unavailable("down")), dict.fromkeys(names, seconds)
        await asyncio.sleep(19.0)
        assert not here.breaker.health.paused
        await asyncio.sleep(41.0)
        assert here.mode() is Mode.OPEN
        await asyncio.sleep(120.0)
        asked = len(here.api.requests)
        await asyncio.sleep(1200.0)
        assert 20 <= len(here.api.requests) - asked <= 3 * 1200 / 60
        here.api.down, here.api.slow = None, {}
        await asyncio.sleep(80.0)
        assert here.mode() is Mode.CLOSED
        assert all(times[-1] > 1440 for name, times in here.api.began.items() if name != IMPOSSIBLE_ID)
    said = [record.message.split(";")[0] for record in caplog.records if record.name == "bot.engine.breaker"]
    assert said == ["the task API does not answer", "the task API answers again"]


async def test_after_an_outage_one_that_never_answers_again_holds_nobody_back() -> None:
    """The task that answered last is gone for good, and the impossible id fails as it always has."""
    always: Fails = lambda: Unavailable("status 500")  # noqa: E731
    async with polling(5, Api(fails={IMPOSSIBLE_ID: always})) as here:
        here.poller.resume()
        await asyncio.sleep(60.0)
        here.api.down = always
        await asyncio.sleep(300.0)
        assert here.mode() is Mode.OPEN
        last = max(here.api.began, key=lambda name: name != IMPOSSIBLE_ID and len(here.api.began[name]))
        here.api.fails[last] = always
        here.api.down = None
        await asyncio.sleep(130.0)
        assert here.mode() is Mode.CLOSED


@pytest.mark.parametrize("impossible", ["200", "404", "500", "403", "no answer"])
async def test_a_few_bad_tasks_open_nothing_whatever_the_impossible_id_is_answered(impossible: str) -> None:
    """The one that answered last among them, and the good one is polled rarely."""
    api = Api()
    async with polling(4, api) as here:
        here.poller.resume()
        await asyncio.sleep(60.0)
        match impossible:
            case "500" | "no answer":
                api.fails[IMPOSSIBLE_ID] = lambda: Unavailable("status 500")
                api.slow[IMPOSSIBLE_ID] = HANGS if impossible == "no answer" else 0.0
            case "403":
                api.fails[IMPOSSIBLE_ID] = lambda: KeyRefused("status 403")
            case "200":
                api.fails[IMPOSSIBLE_ID] = lambda: BrokenAnswer("no state")
        for name in (A, B, C):
            api.fails[name] = lambda: Unavailable("status 500")
        await asyncio.sleep(1200.0)
        assert here.breaker.health.since is None
        assert longest_gap(api.began[task_id(4)], 60, 1260) <= 20


async def test_a_persons_own_poll_ends_an_outage_and_counts_as_one() -> None:
    async with polling(1, Api(down=lambda: Unavailable("down"))) as here:
        here.poller.resume()
        await asyncio.sleep(60.0)
        assert here.mode() is Mode.OPEN
        here.api.down = None
        await here.breaker.poll(B)
        assert here.mode() is Mode.CLOSED
        await asyncio.sleep(5.0)
        assert here.api.began[A][-1] > 60


async def test_a_bot_that_starts_while_the_api_is_down_finds_out_when_it_is_back() -> None:
    always: Fails = lambda: Unavailable("status 500")  # noqa: E731
    async with polling(2, Api(down=always, fails={IMPOSSIBLE_ID: always})) as here:
        here.poller.resume()
        await asyncio.sleep(35.0)
        assert here.mode() is Mode.OPEN
        here.api.down = None
        await asyncio.sleep(130.0)
        assert here.mode() is Mode.CLOSED


async def test_a_refused_key_pauses_everybody_and_one_refused_task_nobody() -> None:
    async with polling(3) as here:
        here.poller.resume()
        await asyncio.sleep(60.0)
        here.api.fails[A] = lambda: KeyRefused("status 403")
        await asyncio.sleep(300.0)
        assert here.breaker.health.since is None
        here.api.down = lambda: KeyRefused("status 401")
        await asyncio.sleep(60.0)
        assert here.mode() is Mode.REFUSED
        here.api.down = None
        await asyncio.sleep(65.0)
        assert here.mode() is Mode.CLOSED


async def test_an_answer_about_another_watched_task_is_damage() -> None:
    async with polling(2) as here:

        async def mixed_up(name: str, _known: Task | None = None) -> Task:
            return replace(
                render(name, 100, NOW), other_ids=("an-id-of-the-relay", *((B,) if name == A else ()))
            )

        breaker: Any = here.breaker
        breaker._poll = mixed_up
        with pytest.raises(BrokenAnswer):
            await here.breaker.poll(A)
        assert (await here.breaker.poll(B)).id == B
        (card,) = (state.card.id for state in here.tracker.registry.cards.values() if B in state.names)
        await here.tracker.stop(card, by=1, task_id=B)
        with pytest.raises(BrokenAnswer):
            await here.breaker.poll(A)  # still the answer about the task that has just ended
        await asyncio.sleep(700.0)
        assert (await here.breaker.poll(A)).id == A


async def test_a_card_that_cannot_be_drawn_keeps_no_pause_from_taking_effect() -> None:
    async with polling() as here:
        tracker: Any = here.tracker
        shown: list[object] = []

        def show(state: Any) -> None:
            shown.append(state)
            raise ValueError("undrawable")

        tracker._audience.show = show
        here.api.down = lambda: Unavailable("down")
        here.poller.resume()
        await asyncio.sleep(40.0)
        assert len(shown) >= 3
        assert here.breaker.health.paused


async def test_a_watch_grows_too_old_also_while_nothing_is_polled() -> None:
    async with polling(2, Api(down=lambda: Unavailable("down"))) as here:
        here.poller.resume()
        await asyncio.sleep(47.9 * 3600)
        assert len(here.tracker.registry.tasks) == 2, "the other clocks stand still"
        await asyncio.sleep(0.2 * 3600)
        assert len(here.tracker.registry.tasks) == 0


async def test_loops_that_stand_still_show() -> None:
    async with polling() as here:
        poller: Any = here.poller
        breaker: Any = here.breaker
        poller._wake_up.sleep = breaker._wake_up.sleep = lambda _: asyncio.Event().wait()
        await asyncio.sleep(0)
        here.poller.schedule(A, 1.0)
        for number in range(3):
            here.api.fails[f"x{number}"] = lambda: Unavailable("down")
            with pytest.raises(Unavailable):
                await here.breaker.poll(f"x{number}")
        await asyncio.sleep(300.0)
        assert here.poller.overdue == pytest.approx(299.0, abs=1.0)
        assert here.breaker.overdue == pytest.approx(280.0, abs=1.0)


async def test_an_outage_leaves_no_person_waiting_for_their_turn() -> None:
    """The turn would be a watched task's, and none is polled while the API is down."""
    async with polling(3, budget=RequestBudget(20)) as here:
        here.poller.resume()
        await asyncio.sleep(300.0)
        here.api.down = lambda: Unavailable("down")
        await asyncio.sleep(12.0)
        asked = [asyncio.create_task(here.poller.poll_for_person(name)) for name in "uvwxyz"]
        await asyncio.sleep(120.0)
        assert here.mode() is Mode.OPEN
        ends = [poll.exception() if poll.done() else None for poll in asked]
        assert all(isinstance(end, Unavailable) for end in ends)


async def test_a_persons_answer_ends_a_spell_for_the_watched_tasks_at_once() -> None:
    """Not only once the pause is over that followed the request: 15 seconds in a long spell."""
    async with polling(40) as here:
        here.poller.resume()
        await asyncio.sleep(10)
        here.api.fails = dict.fromkeys(here.tracker.registry.tasks, lambda: RateLimited("status 429"))
        await asyncio.sleep(90)
        here.api.slow["asked"] = 0.2
        await here.poller.poll_for_person("asked")
        here.api.fails = {}
        answered = here.api.began["asked"][-1]
        await asyncio.sleep(5)
        assert len([at for at in here.api.requests if at > answered]) >= 3


async def test_a_probe_that_hangs_shows_although_others_are_polled() -> None:
    async with polling(3, Api(slow={IMPOSSIBLE_ID: 10_000.0})) as here:
        here.poller.resume()
        hanging = asyncio.create_task(here.breaker.probe())
        await asyncio.sleep(300.0)
        assert here.breaker.overdue == pytest.approx(300.0, abs=1.0)
        hanging.cancel()


async def test_probes_that_wait_for_the_budget_do_not_count_as_overdue() -> None:
    """The container would be restarted, again and again."""
    async with polling(0, budget=RequestBudget(1)) as here:
        await here.breaker.poll(A)
        round_of_two = asyncio.create_task(here.breaker.probe())
        worst = 0.0
        while not round_of_two.done():
            worst = max(worst, here.breaker.overdue)
            await asyncio.sleep(1.0)
        assert len(here.api.requests) == 3
        assert worst < STUCK_SECONDS / 2


async def test_probes_never_ask_one_task_twice_and_reach_every_task_within_a_few_rounds() -> None:
    """The task that answered last is gone for good: any other may be the one that is answered again."""
    async with polling(3) as here:
        await here.breaker.poll(B)
        here.api.down = lambda: Unavailable("down")
        here.poller.resume()
        await asyncio.sleep(60.0)
        assert here.mode() is Mode.OPEN
        rounds = [here.breaker._probes() for _ in range(8)]
        assert all(len(set(probes)) == len(probes) == 2 for probes in rounds)
        assert {name for probes in rounds for name in probes} == {A, B, C, IMPOSSIBLE_ID}


async def test_nothing_is_polled_while_another_process_may_have_taken_over() -> None:
    async with polling() as here:
        trusted = [True]
        here.poller.may_poll = lambda: trusted[0]
        for task_id in (A, B, C):
            here.poller.schedule(task_id, 2.0)
        await asyncio.sleep(1.0)
        trusted[0] = False
        await asyncio.sleep(90.0)
        assert not here.api.requests
        assert here.poller.overdue == 0.0, "an outage of the database is no reason to restart"
        trusted[0] = True
        await asyncio.sleep(2.0)
        assert set(here.api.began) == {A, B, C}
