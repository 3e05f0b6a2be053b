"""A client of the simulated task API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Literal

from made import NOW

from bot.veo.client import VeoClient
from sim.task_api.answers import Answer
from sim.task_api.server import RenderApi

KEY: Final = "sk-veryS3cret.key"
MEBIBYTE: Final = 2**20
OK: Final = Answer.json({"state": "running", "progress": 5})


@asynccontextmanager
async def asked(
    api: RenderApi, auth: Literal["auto", "raw", "bearer"] = "auto", seconds: float = 5.0
) -> AsyncIterator[VeoClient]:
    async with VeoClient(api.base_url + "/", KEY, auth, clock=lambda: NOW, timeout_seconds=seconds) as client:
        yield client
