"""Discord's limit of 50 requests a second for the bot's token, whatever they are for."""

from pathlib import Path

import pytest
from wire.place import DONE, place, running

from bot.gateway.rate_limiter import AT_ONCE, PER_SECOND

pytestmark = pytest.mark.looptime
TASKS = [f"ffffffff-0000-4000-8000-{number:012}" for number in range(30)]


@pytest.mark.slow
async def test_a_restart_sends_its_login_commands_results_and_cards_within_the_limit(tmp_path: Path) -> None:
    async with place(tmp_path, watches_per_person=100) as here:
        channels = [here.guild.add_channel(f"renders-{number}") for number in range(15)]
        for number, task in enumerate(TASKS):
            here.api.set(task, running(10))
            here.channel = channels[number % len(channels)]
            await here.watch(task)
        await here.sleep(5)
        await here.kill_bot()
        for task in TASKS:
            here.api.set(task, DONE)
        await here.sleep(16 * 60)  # the interactions' tokens have ended: every edit counts
        begun = here.clock()
        await here.start_bot()
        await here.sleep(60)
        counted = [
            request
            for request in here.sim.requests
            if request.at >= begun and not request.path.startswith(("/interactions", "/webhooks"))
        ]
        busiest = max(sum(each.at <= one.at < each.at + 1 for one in counted) for each in counted)
        assert 40 < busiest <= PER_SECOND + AT_ONCE
        assert len([one for one in counted if one.method == "POST"]) >= len(TASKS)
        assert here.sim.rate_limited == 0
