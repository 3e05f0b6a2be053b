"""When IDENTIFY may be sent: soon after the first, never too often in a day."""

import asyncio
import itertools
import random
from collections import defaultdict

import discord
import pytest

from bot.clock import DiscordTime
from bot.gateway.connection import READY_WAITS, ready_wait
from bot.gateway.identify import DAY, HOUR, MOST_A_DAY, IdentifyBudget, identify_delay
from bot.gateway.traffic import Traffic
from bot.metrics import Metrics


def test_the_first_session_is_begun_at_once() -> None:
    assert identify_delay([], 0.0) == 0.0


def test_ready_is_waited_for_longer_each_time() -> None:
    assert [ready_wait(times) / 60 for times in range(7)] == [2, 4, 8, 16, 30, 30, 30]


def test_a_session_that_ends_is_followed_by_another_within_seconds() -> None:
    assert 0 < identify_delay([0.0], 1.0) <= 5.0
    assert identify_delay([0.0], 3 * HOUR) == 0.0


def test_sessions_that_never_last_begin_less_and_less_often() -> None:
    now, at = 0.0, list[float]()
    while now < 2 * HOUR:
        at.append(now)
        now += identify_delay(at, now)
    gaps = [after - before for before, after in itertools.pairwise(at)]
    assert gaps == sorted(gaps)
    assert gaps[0] == 5.0
    assert gaps[-1] == 1_800.0


@pytest.mark.parametrize("seed", range(20))
def test_no_order_of_failures_begins_more_than_a_days_number(seed: int) -> None:
    chance = random.Random(seed)
    now, at = 0.0, list[float]()
    while now < 5 * DAY:
        at.append(now)
        # It holds for no time, for minutes, or for hours, in whatever order is worst.
        now += max(
            identify_delay(at[-MOST_A_DAY:], now),
            chance.choice((0.0, 0.0, 600.0, 1_801.0, HOUR, 4 * HOUR + 1)),
        )
    busiest = max(sum(1 for other in at if 0 <= other - begun < DAY) for begun in at)
    assert busiest <= MOST_A_DAY < 60


def test_waiting_for_ready_alone_stays_below_a_days_number() -> None:
    now, unanswered, at = 0.0, 0, list[float]()
    while now < DAY:
        at.append(now)
        now += ready_wait(unanswered)
        now += identify_delay(at, now)
        unanswered += 1
    assert len(at) < 60
    assert [after - before for before, after in itertools.pairwise(at)][:5] == list(READY_WAITS)


@pytest.mark.looptime
async def test_shards_with_one_rate_start_one_after_another_and_others_at_once() -> None:
    async def limits() -> discord.SessionStartLimits:
        return discord.SessionStartLimits(total=1000, remaining=900, reset_after=0, max_concurrency=2)

    async def take(name: str, gap: float, at_once: int) -> float:
        assert at_once == 1
        now = asyncio.get_running_loop().time()
        free[name] = max(free[name], now) + gap
        return free[name] - gap - now

    free, starts = defaultdict[str, float](float), dict[int, float]()

    async def shard(number: int) -> None:
        """Start a shard in a process of its own."""
        traffic = Traffic(Metrics(), DiscordTime(lambda: 0.0))
        traffic.limiter.take_turn = take
        await IdentifyBudget(limits, traffic).wait(number)
        starts[number] = asyncio.get_running_loop().time()

    await asyncio.gather(*map(shard, range(6)))
    assert set(free) == {"identify 0", "identify 1"}
    for rate in (0, 1):
        at = [starts[number] for number in range(6) if number % 2 == rate]
        assert at[0] < 1
        assert all(after - before > 5 for before, after in itertools.pairwise(at))
