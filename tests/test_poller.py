"""The poll loop with looks that take their time: what is planned meanwhile begins when it is due."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from boards import filled_board, render, task_id
from made import NOW

from bot.core.health import IMPOSSIBLE_ID, Health, Mode
from bot.core.pace import Pace
from bot.core.task import Task
from bot.metrics import Metrics
from bot.poller import Poller
from bot.upstream import Upstream
from bot.veo.errors import KeyRefused, TaskNotFound, Unavailable

pytestmark = pytest.mark.looptime
A, B, C = (task_id(number) for number in (1, 2, 3))


@asynccontextmanager
async def polling(slow: dict[str, float]) -> AsyncIterator[tuple[Poller, dict[str, float]]]:
    """Run a poller whose looks take so many seconds; note when the first look at each task began."""
    loop = asyncio.get_running_loop()

    def clock() -> float:
        return NOW + loop.time()

    board, _, _ = filled_board(3, clock)
    began: dict[str, float] = {}

    async def look(name: str, _known: Task | None = None) -> Task:
        began.setdefault(name, loop.time())
        await asyncio.sleep(slow.get(name, 0.0))
        return render(name, 40, NOW - 60)

    metrics = Metrics()
    poller = Poller(Upstream(look, board, clock, metrics), board, Pace(), clock, metrics=metrics)
    running = asyncio.create_task(poller.run())
    yield poller, began
    await poller.close(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("first", [True, False], ids=["planned before", "planned while it is under way"])
async def test_a_slow_look_keeps_nothing_else_waiting(first: bool) -> None:
    async with polling({A: 14.0}) as (poller, began):
        poller.plan(A, 0.0)
        if first:
            poller.plan(B, 3.0)
        await asyncio.sleep(1.0)
        if not first:
            poller.plan(B, 2.0)
        await asyncio.sleep(1.0)
        poller.plan(C, 4.0)
        await asyncio.sleep(10.0)
        assert began[A] == pytest.approx(0.0, abs=0.1)
        assert began[B] == pytest.approx(3.0, abs=0.1)
        assert began[C] == pytest.approx(6.0, abs=0.1)


async def test_a_card_that_cannot_be_drawn_keeps_no_pause_from_taking_effect() -> None:
    async with polling({}) as (poller, _):
        board: Any = poller._board
        shown: list[object] = []

        def show(state: Any, _health: object) -> None:
            shown.append(state)
            raise ValueError("undrawable")

        board._audience.show = show

        async def fail(_name: str, _known: Task | None = None) -> Task:
            raise Unavailable("down")

        upstream: Any = poller.upstream
        upstream._look = fail
        for name in (A, B, C):
            await upstream.see(name)
        assert len(shown) == 3
        assert upstream.probing
        assert upstream.not_before > NOW


async def test_a_key_cleared_by_another_looks_probe_takes_the_pause_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Three refusals at once, and the id that cannot exist is answered: everybody is told that it goes on."""
    caplog.set_level(logging.INFO)
    async with polling({}) as (poller, _):
        upstream: Any = poller.upstream

        async def refuse(name: str, _known: Task | None = None) -> Task:
            await asyncio.sleep(1.0)
            raise TaskNotFound("none") if name == IMPOSSIBLE_ID else KeyRefused("status 401")

        upstream._look = refuse
        await asyncio.gather(*(upstream.see(name) for name in (A, B, C)))
        assert not upstream.probing
        assert upstream.held_back
    said = [record.message for record in caplog.records if record.name == "bot.upstream"]
    assert [line.split(";")[0] for line in said] == [
        "the task API refuses the key",
        "the task API answers again",
    ]


async def test_a_loop_that_stands_still_shows_also_while_one_look_probes_for_all() -> None:
    async with polling({}) as (poller, _):
        upstream: Any = poller.upstream
        upstream._mind(Health(Mode.SILENT, since=NOW, probe_at=NOW + 5))
        stuck: Any = poller
        stuck._alarm.sleep = lambda _: asyncio.Event().wait()
        await asyncio.sleep(0)
        poller.plan(A, 1.0)
        await asyncio.sleep(300.0)
        assert poller.overdue == pytest.approx(295.0, abs=1.0)
