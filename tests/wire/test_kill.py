"""kill -9 at random moments on the real process: every result comes, and comes once."""

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest
from discord_sim import Fault
from wire.place import DONE, running
from wire.process import process

WATCHES = 12
KILLS = int(os.environ.get("KILLS", "3"))
SEED = int(os.environ.get("SEED", "20261123"))
POST = "/channels/*/messages"


@pytest.mark.slow
async def test_each_result_comes_once_through_kills_and_lost_answers(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    tasks = [f"cccccccc-0000-4000-8000-{number:012}" for number in range(WATCHES)]
    async with process(tmp_path) as here:
        await here.start()
        for task in tasks:
            here.api.set(task, running(10))
        guild = here.sim.add_guild("Another")
        cards = []
        for number, task in enumerate(tasks):
            if number % 4 == 0:  # a channel takes only so many messages in a time
                here.channel = guild.add_channel(f"renders {number}")
            cards.append(await here.watch(task))
        await here.sim.wait_for(lambda: all("10 %" in card.text for card in cards), 20)
        here.sim.fault(Fault("POST", POST, when="after", drop=True, times=None, probability=0.15))
        here.sim.fault(Fault("POST", POST, when="after", status=503, times=None, probability=0.15))
        here.sim.fault(Fault("POST", POST, when="before", drop=True, times=None, probability=0.15))
        waiting = list(tasks)
        for kill in range(KILLS):
            share = -(-len(waiting) // (KILLS - kill))
            for task in waiting[:share]:
                here.api.set(task, [running(50)] * chance.randrange(3) + [DONE])
            del waiting[:share]
            # The moment is what is tested: from while results are on their way until just after them.
            await asyncio.sleep(chance.uniform(0.05, 1.0))
            assert await here.stop(signal.SIGKILL) == -signal.SIGKILL
            await here.start(wait=False)
            await here.sim.wait_ready(30)
        here.sim.clear_faults()
        await here.sim.wait_for(lambda: all(here.replies(card) for card in cards), 60)
        await here.sim.wait_for(lambda: all("Finished" in card.text for card in cards), 60)
        assert await here.stop() == 0
        counts = [len(here.replies(card)) for card in cards]
        assert counts == [1] * WATCHES, (
            f"seed {SEED}: lost {counts.count(0)}, doubled {sum(c > 1 for c in counts)}"
        )
