"""A simulated Discord with a channel and a person; the tests of one kind may give it a clock or limits."""

from collections.abc import AsyncIterator

import pytest

from sim.discord import Channel, DiscordSim, User


@pytest.fixture
async def sim() -> AsyncIterator[DiscordSim]:
    async with DiscordSim() as sim:
        yield sim


@pytest.fixture
def channel(sim: DiscordSim) -> Channel:
    return sim.add_guild("Studio").add_channel("renders")


@pytest.fixture
def ada(sim: DiscordSim) -> User:
    return sim.add_user("Ada")
