"""Several real processes on one PostgreSQL: any of them may die or be paused, each result comes once."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from postgres_server import Server
from store.places import sql
from wire.place import DONE, TASK, running
from wire.process import Process, process

from bot.command_line import Exit
from bot.store.location import location_of
from sim.discord import Message

pytestmark = pytest.mark.slow


@asynccontextmanager
async def two(server: Server, data: Path, **env: str) -> AsyncIterator[tuple[Process, Process]]:
    """Start a process that serves, and another one beside it."""
    with server.lent("several") as url:
        async with process(data, fresh=True, DATABASE_URL=url) as one:
            one.env |= env
            other = replace(one, said=[], child=None, _spoke=asyncio.Event(), _reader=None)
            try:
                await one.start()
                await other.start(wait=False)
                await other.says("joined the bot's processes")
                yield one, other
            finally:
                if other.child is not None and other.child.returncode is None:
                    other.child.kill()
                    await other.ended()


async def watch(here: Process) -> Message:
    here.api.set(TASK, running(10))
    card = await here.watch(TASK)
    await here.sim.wait_for(lambda: "10 %" in card.text, 120)
    return card


async def test_after_a_kill_the_other_process_posts_the_result(postgres: Server, tmp_path: Path) -> None:
    async with two(postgres, tmp_path) as (one, other):
        card = await watch(one)
        assert one.child is not None
        one.child.kill()
        one.api.set(TASK, DONE)
        await other.result(card)
        assert "took over shard 0 of 1" in other.log
        assert re.search(r"a process was taken for dead.* member=\S+:\d+", other.log)
        await other.says("ready")
        assert (await other.type("status", TASK)).messages
        assert await other.stop() == 0
        assert len(other.replies(card)) == 1


async def test_a_process_that_stops_hands_its_shard_over(postgres: Server, tmp_path: Path) -> None:
    async with two(postgres, tmp_path) as (one, other):
        card = await watch(one)
        assert await one.stop() == 0
        assert "gave shard 0 away" in one.log
        one.api.set(TASK, DONE)
        await other.result(card)
        assert await other.stop() == 0
        assert len(other.replies(card)) == 1
        assert not re.search("WARNING +bot.lease_keeper", one.log + other.log)


async def test_a_process_that_was_paused_for_too_long_ends_and_doubles_nothing(
    postgres: Server, tmp_path: Path
) -> None:
    async with two(postgres, tmp_path) as (one, other):
        card = await watch(one)
        assert one.child is not None
        one.child.send_signal(signal.SIGSTOP)
        one.api.set(TASK, DONE)
        await other.result(card)
        one.child.send_signal(signal.SIGCONT)
        assert await one.ended() == Exit.TAKEN_OVER
        assert "this process ends, to be started again" in one.log
        await one.start(wait=False)
        await one.says("joined the bot's processes")
        assert await other.stop() == 0
        await one.says("took over shard 0 of 1")
        assert await one.stop() == 0
        assert len(other.replies(card)) == 1


async def test_two_shards_are_shared_and_each_server_is_answered_once(
    postgres: Server, tmp_path: Path
) -> None:
    async with two(postgres, tmp_path, SHARD_COUNT="2") as (one, other):
        one.sim.gateway.identify_seconds = 5.0
        servers = [one.sim.add_guild(f"In shard {number}", shard=(number, 2)) for number in range(2)]
        await one.says("gave shard 1 away")
        await other.says("took over shard 1 of 2")
        await other.says("ready")
        cards = [await watch(replace(one, channel=server.add_channel("renders"))) for server in servers]
        one.api.set(TASK, DONE)
        for card in cards:
            await one.result(card)
        await one.sim.wait_for(lambda: all("in the reply below" in card.text for card in cards), 120)
        # Each card, and one reply to it.
        assert [len(one.sim.messages(card.channel)) for card in cards] == [2, 2]
        assert one.sim.gateway.identifies >= 3
        assert one.sim.gateway.identifies_refused == 0
        assert [await one.stop(), await other.stop()] == [0, 0]


async def test_a_render_watched_in_two_shards_is_followed_on_when_the_process_that_polls_it_dies(
    postgres: Server, tmp_path: Path
) -> None:
    async with two(postgres, tmp_path, SHARD_COUNT="2") as (one, other):
        place = location_of(one.env["DATABASE_URL"])
        servers = [one.sim.add_guild(f"In shard {number}", shard=(number, 2)) for number in range(2)]
        await other.says("took over shard 1 of 2")
        await other.says("ready")
        cards = [await watch(replace(one, channel=server.add_channel("renders"))) for server in servers]
        for progress in (20, 30):
            one.api.set(TASK, running(progress))
            await one.sim.wait_for(lambda: all(f"{progress} %" in card.text for card in cards), 120)  # noqa: B023
        assert sql(place, "SELECT observation->'task'->>'progress' FROM answers") == [("30",)]
        assert one.child is not None
        one.child.kill()
        one.api.set(TASK, DONE)
        for card in cards:
            await other.result(card)
        assert await other.stop() == 0
        assert [len(other.replies(card)) for card in cards] == [1, 1]
        assert sql(place, "SELECT * FROM answers") == []


async def test_another_number_of_shards_beside_processes_that_run_is_an_error(
    postgres: Server, tmp_path: Path
) -> None:
    async with two(postgres, tmp_path) as (_, other):
        assert await other.stop() == 0
        await other.start(wait=False, SHARD_COUNT="2")
        assert await other.ended() == Exit.SETTINGS
        assert "SHARD_COUNT is 2, but processes that use another number are running" in other.log


async def test_a_process_that_discord_refuses_ends_and_leaves_its_shard_to_another(
    postgres: Server, tmp_path: Path
) -> None:
    with postgres.lent("refused") as url:
        async with process(tmp_path, fresh=True, DATABASE_URL=url) as here:
            here.sim.gateway.closes_with = 4014
            await here.start(wait=False)
            assert await here.ended() == Exit.TOKEN
            assert "does not allow the requested intents" in here.log
            here.sim.gateway.closes_with = None
            await here.start()
            assert await here.stop() == 0


async def test_a_bot_on_a_file_loads_nothing_that_only_several_processes_need(tmp_path: Path) -> None:
    async with process(tmp_path) as here:
        await here.start(PYTHONPROFILEIMPORTTIME="1")
        await here.result(await watch_ended(here))
        assert await here.stop() == 0
        loaded = set(re.findall(r"(?m)^import time:.*\| +(\S+)$", here.log))
    assert "bot.store.sqlite" in loaded
    of_several = {"lease_keeper", "core.liveness", "engine.shared_tasks"}
    of_several |= {f"store.{name}" for name in ("leases", "membership", "notifications", "turns", "answers")}
    assert loaded & ({"psycopg", "bot.store.postgres"} | {f"bot.{name}" for name in of_several}) == set()


async def watch_ended(here: Process) -> Message:
    here.api.set(TASK, [running(10), DONE])
    return await here.watch(TASK)
