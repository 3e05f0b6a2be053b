"""A storm on the real process: all that people and a port can send in a second, while ten renders end."""

import asyncio
import re
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from wire.place import DONE, VIDEO, running
from wire.process import Process, process

from sim.discord import Channel, Invocation, Message

INTERACTIONS = 3_000
CONNECTIONS = 1_000
LONG = ("x" * 5_999 + " ", "，" * 6_000, "https://" * 750, "`a" * 3_000)
MOST_LATER = 3.0
STORMS = 3
ANSWERED = 100
"""Interactions answered in time, at least; 38 were when all of them were begun at once."""


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def send(here: Process, channels: list[Channel]) -> list[Invocation]:
    """Send all interactions within about a second: half of them keys, the others commands of every kind."""
    people = [here.sim.add_user(f"Person {number}") for number in range(20)]
    uses = []
    for number in range(INTERACTIONS):
        person, channel = people[number % len(people)], channels[number % len(channels)]
        text = LONG[number % len(LONG)]
        match number % 8:
            case 1 | 5:
                use = await here.sim.slash(person, channel, "veo", "status", id=f"unknown-{number}")
            case 3:
                use = await here.sim.slash(person, channel, "veo", "watch", id=text)
            case 7:
                use = await here.sim.slash(person, channel, "veo", "list")
            case _:
                use = await here.sim.autocomplete(person, channel, "veo", "watch", "id", text)
        uses.append(use)
        if number % 100 == 0:
            await asyncio.sleep(0.03)
    return uses


async def half_sent(here: Process) -> None:
    half = len(here.sim.invocations) + INTERACTIONS // 2
    await here.sim.wait_for(lambda: len(here.sim.invocations) >= half, 60)


async def open_halfway(port: int) -> None:
    async def one() -> asyncio.StreamWriter | None:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /healthz HTTP/1.1\r\n")
            return writer
        return None

    for writer in await asyncio.gather(*(one() for _ in range(CONNECTIONS))):
        if writer is not None:
            writer.close()


async def begin(here: Process, channels: list[Channel], name: str) -> dict[str, Message]:
    """Watch ten renders, each in a channel of its own; return their cards by task."""
    cards = {}
    for number, here.channel in enumerate(channels):
        task = f"{name}-{number}"
        here.api.set(task, running(10, id=task))
        cards[task] = await here.watch(task)
    await here.sim.wait_for(lambda: all("10 %" in card.text for card in cards.values()), 20)
    return cards


async def end(here: Process, cards: dict[str, Message]) -> float:
    """Let the renders end; return after how many seconds the last one is announced."""
    began = here.sim.world.clock()
    for task in cards:
        here.api.set(task, DONE | {"id": task})
    results = [await here.result(card, 60) for card in cards.values()]
    assert all(VIDEO in result.content for result in results)
    return max(result.created_at for result in results) - began


@pytest.mark.slow
async def test_a_storm_delays_no_result_and_loses_none(many_files: None, tmp_path: Path) -> None:
    """Bot, simulators and the storm share a machine, which may be busy: the best of three storms counts."""
    async with process(tmp_path, HTTP_PORT="0", ATTACH_VIDEOS="false", WATCHES_PER_PERSON="100") as here:
        guild = here.channel.guild
        assert guild is not None
        channels = [guild.add_channel(f"renders-{number}") for number in range(10)]
        await here.start()
        port = re.search(r"port=(\d+)", here.log)
        assert port is not None
        later: list[float] = []
        calm = await end(here, await begin(here, channels, "calm"))
        while len(later) < STORMS and min(later, default=MOST_LATER) >= MOST_LATER:
            cards = await begin(here, channels, f"storm-{len(later)}")
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(send(here, channels))
                group.create_task(open_halfway(int(port[1])))
                await half_sent(here)
                later.append(await end(here, cards) - calm)
            answered = [use for use in sending.result() if use.acked_after is not None]
            assert len(answered) > ANSWERED
            assert VIDEO in (await here.type("status", "storm-0-0")).text
        assert min(later) < MOST_LATER
        for channel in channels:
            replies = [message for message in here.sim.messages(channel) if message.reference is not None]
            assert len(replies) == 1 + len(later)
        assert await here.stop() == 0
        assert "Traceback" not in here.log
