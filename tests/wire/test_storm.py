"""A storm on the real process: all that people and a port can send in a second, while ten renders end."""

import asyncio
import re
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from wire.place import DONE, VIDEO, running
from wire.process import PATIENCE, Process, process

from sim.discord import Channel, Message

INTERACTIONS = 3_000
CONNECTIONS = 1_000
LONG = ("x" * 5_999 + " ", "，" * 6_000, "https://" * 750, "`a" * 3_000)


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def send(here: Process, channels: list[Channel]) -> None:
    """Send all interactions within about a second: half of them keys, the others commands of every kind."""
    people = [here.sim.add_user(f"Person {number}") for number in range(20)]
    for number in range(INTERACTIONS):
        person, channel = people[number % len(people)], channels[number % len(channels)]
        text = LONG[number % len(LONG)]
        match number % 8:
            case 1 | 5:
                await here.sim.slash(person, channel, "veo", "status", id=f"unknown-{number}")
            case 3:
                await here.sim.slash(person, channel, "veo", "watch", id=text)
            case 7:
                await here.sim.slash(person, channel, "veo", "list")
            case _:
                await here.sim.autocomplete(person, channel, "veo", "watch", "id", text)
        if number % 100 == 0:
            await asyncio.sleep(0.03)


async def half_sent(here: Process) -> None:
    half = len(here.sim.invocations) + INTERACTIONS // 2
    await here.sim.wait_for(lambda: len(here.sim.invocations) >= half, PATIENCE)


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
    await here.sim.wait_for(lambda: all("10 %" in card.text for card in cards.values()), PATIENCE)
    return cards


async def end(here: Process, cards: dict[str, Message]) -> None:
    """Let the renders end, and wait until each is announced."""
    for task in cards:
        here.api.set(task, DONE | {"id": task})
    for card in cards.values():
        assert VIDEO in (await here.result(card, PATIENCE)).content


@pytest.mark.slow
async def test_a_storm_loses_no_result_and_doubles_none(many_files: None, tmp_path: Path) -> None:
    async with process(tmp_path, HTTP_PORT="0", ATTACH_VIDEOS="false", WATCHES_PER_PERSON="100") as here:
        guild = here.channel.guild
        assert guild is not None
        channels = [guild.add_channel(f"renders-{number}") for number in range(10)]
        await here.start()
        port = re.search(r"port=(\d+)", here.log)
        assert port is not None
        cards = await begin(here, channels, "storm")
        async with asyncio.TaskGroup() as group:
            group.create_task(send(here, channels))
            group.create_task(open_halfway(int(port[1])))
            await half_sent(here)
            await end(here, cards)
        assert VIDEO in (await here.type("status", "storm-0")).text
        for channel in channels:
            assert (
                len([message for message in here.sim.messages(channel) if message.reference is not None]) == 1
            )
        assert await here.stop() == 0
        assert "Traceback" not in here.log
