"""One stage for all tests of a process: building it takes longer than what most of them do on it."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from demo.stage import Stage

SPEED = 0.1
"""The bot then polls every 20 to 40 seconds, so that hours are soon over."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage() -> AsyncIterator[Stage]:
    opened: asyncio.Future[Stage] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def play() -> None:
        async with Stage(SPEED) as stage:
            opened.set_result(stage)
            await over.wait()
            assert stage.env.errors == []

    # In a task of its own, because SimCord leaves its clock in the context in which it was entered.
    playing = asyncio.create_task(play())
    either: list[asyncio.Future[Any]] = [opened, playing]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if opened.done():
        yield opened.result()
        over.set()
    await playing


@pytest.fixture
def task() -> str:
    """The id of a render that no other test asks for."""
    return str(uuid.uuid4())
