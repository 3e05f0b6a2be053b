"""One timer for many: each is ended in its own time, and a cancellation from outside stays one."""

import asyncio
from typing import Any

import pytest

from bot.veo.deadline import TICK_SECONDS, Deadline

pytestmark = pytest.mark.looptime


async def inside(deadline: Deadline, cleanup: float = 0.0, error: Exception | None = None) -> None:
    """Hang inside; clean up, or fail in another way, when that is ended."""
    with deadline.watch():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(cleanup)
            if error is not None:
                raise error from None
            raise


async def hang(deadline: Deadline, before: float = 0.0, cleanup: float = 0.0) -> float:
    """Hang inside after a while; return when that was ended."""
    await asyncio.sleep(before)
    with pytest.raises(TimeoutError):
        await inside(deadline, cleanup)
    return asyncio.get_running_loop().time()


async def test_each_is_ended_in_its_own_time() -> None:
    deadline = Deadline(15.0)
    ends = await asyncio.gather(*(hang(deadline, before) for before in (0.0, 5.0, 5.01, 40.0)))
    assert all(
        0 <= end - due <= TICK_SECONDS for end, due in zip(ends, (15.0, 20.0, 20.01, 55.0), strict=True)
    )
    assert deadline.inside == {}


async def test_the_same_task_can_be_late_again_and_again() -> None:
    deadline = Deadline(15.0)
    ends = [await hang(deadline) for _ in range(3)]
    assert ends == [15.0, 30.0, 45.0]
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_who_leaves_in_time_is_left_alone() -> None:
    deadline = Deadline(15.0)
    for _ in range(4):
        with deadline.watch():
            await asyncio.sleep(10.0)
    await asyncio.sleep(100.0)
    assert deadline.inside == {}


@pytest.mark.parametrize("at", [1.0, 15.0, 16.0], ids=["before", "at the same time", "while it is late"])
async def test_a_cancellation_from_outside_stays_one(at: float) -> None:
    deadline = Deadline(15.0)
    hanging = asyncio.create_task(hang(deadline, cleanup=2.0))
    asyncio.get_running_loop().call_later(at, hanging.cancel)
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert deadline.inside == {}


async def test_another_error_stays_one_even_late() -> None:
    deadline = Deadline(15.0)
    with pytest.raises(ValueError, match="broken"):
        await inside(deadline, error=ValueError("broken"))
    await asyncio.sleep(0)
    assert deadline.inside == {}


async def test_a_coroutine_that_is_closed_from_outside_leaves_nothing_behind() -> None:
    deadline = Deadline(15.0)

    task = asyncio.create_task(inside(deadline))
    await asyncio.sleep(1.0)
    coroutine: Any = task.get_coro()
    await asyncio.to_thread(coroutine.close)
    assert deadline.inside == {}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
