"""Running a discord.py client against the simulator in the same loop."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from .sim import DiscordSim


@contextmanager
def pointed_at(sim: DiscordSim) -> Iterator[None]:
    """Point discord.py at the simulator, and back at the end."""
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = sim.base_url, yarl.URL(sim.gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before


@asynccontextmanager
async def running(client: discord.Client, sim: DiscordSim, *, within: float = 10.0) -> AsyncIterator[None]:
    """Run a client until the end of the block, from the moment it has a stream (`within` seconds).

    If the client ends by itself before that, its error comes out here.
    """
    with pointed_at(sim):
        task = asyncio.create_task(client.start(sim.token))
        ready = asyncio.create_task(sim.wait_ready(within))
        try:
            await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
            await ready
            yield
        finally:
            ready.cancel()
            await client.close()
            task.cancel()  # a client that never got a connection goes on trying
            await asyncio.gather(task, ready, return_exceptions=True)
