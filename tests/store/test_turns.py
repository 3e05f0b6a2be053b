"""Turns that all processes on one PostgreSQL share."""

import asyncio
import logging
import os
import sys
from bisect import bisect_left
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from postgres_server import running
from sqlalchemy import URL, text
from store.places import migrate, opened

from bot.store.errors import StoreFailed
from bot.store.postgres import PostgresDatabase
from bot.store.sqlite import SqliteDatabase
from bot.store.turns import RETRY_SECONDS, Turns

log = logging.getLogger(__name__)

LONG = 10_000.0
"""A gap in which however busy a machine makes no difference."""


async def test_a_few_turns_come_together_and_the_others_after_gaps(postgres_place: URL) -> None:
    turns, others = Turns(postgres_place), Turns(postgres_place)
    waits = [await one.take("rest", LONG, 3) for one in (turns, others, turns, turns, others)]
    assert waits[:3] == [0, 0, 0]
    assert waits[3:] == [pytest.approx(LONG, abs=600), pytest.approx(2 * LONG, abs=600)]
    assert await turns.take("another rate", LONG) == 0
    await turns.close()
    await others.close()


async def test_a_clock_that_was_set_back_holds_up_nobody(postgres_place: URL) -> None:
    turns, forward = (
        Turns(postgres_place),
        "UPDATE turns SET next_at = next_at + 300, taken_at = taken_at + 300",
    )
    await turns.take("rest", LONG)
    async with opened(postgres_place) as database:
        await database.run(lambda connection: connection.execute(text(forward)))
    assert await turns.take("rest", LONG) == 0
    assert await turns.take("rest", LONG) == pytest.approx(LONG, abs=600)
    await turns.close()


async def test_a_lost_session_and_a_cancelled_wait_are_followed_by_others(postgres_place: URL) -> None:
    turns = Turns(postgres_place)
    await turns.take("rest", 0.0)
    arguments = postgres_place.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(arguments, autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'veo-watch-bot turns' AND datname = current_database()"
        )
        assert ended.rowcount == 1
        assert await turns.take("rest", 0.0) == 0
        with connection.transaction():
            connection.execute("LOCK turns")
            waiting = asyncio.create_task(turns.take("rest", 0.0))
            for _ in range(20):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait({waiting})
        assert waiting.cancelled()
    assert await turns.take("rest", 0.0) == 0
    await turns.close()


async def test_a_database_that_is_closed_gives_no_turns(postgres_place: URL) -> None:
    turns = Turns(postgres_place)
    used = asyncio.create_task(turns.take("rest", 0.0))
    for _ in range(20):
        await asyncio.sleep(0)
    await turns.close()
    with suppress(StoreFailed):
        await used
    with pytest.raises(StoreFailed):
        await turns.take("rest", 0.0)


async def test_only_processes_that_may_share_a_server_take_turns(postgres_place: URL, tmp_path: Path) -> None:
    assert SqliteDatabase(tmp_path / "bot.db", None).take_turn is None
    assert PostgresDatabase(postgres_place, None).take_turn is None


@pytest.mark.slow
async def test_three_processes_send_at_most_50_requests_in_any_second(postgres_place: URL) -> None:
    url = postgres_place.render_as_string(hide_password=False)
    program = [sys.executable, "-m", "store.turn_taker", url]
    pipe = asyncio.subprocess.PIPE
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    takers = [
        await asyncio.create_subprocess_exec(*program, stdin=pipe, stdout=pipe, env=environment)
        for _ in range(3)
    ]
    for taker in takers:
        assert taker.stdout is not None
        assert await taker.stdout.readline() == b"ready\n"
    answers = await asyncio.gather(*(taker.communicate(b"\n") for taker in takers))
    times = [[float(at) for at in out.split()] for out, _ in answers]
    passed = sorted(at for mine in times for at in mine)
    busiest = max(bisect_left(passed, at + 1) - number for number, at in enumerate(passed))
    shares = [bisect_left(mine, min(mine[-1] for mine in times)) for mine in times]
    rate = len(passed) / (passed[-1] - passed[0])
    log.info("%.1f a second, at most %d in any, shares %s", rate, busiest, shares)
    assert len(passed) == 450
    assert busiest <= 50


@pytest.mark.slow
async def test_requests_wait_while_the_server_is_away() -> None:
    with running() as server, server.lent("turns") as url:
        location = migrate(url)
        assert isinstance(location, URL)
        turns = Turns(location)
        await turns.take("rest", 0.0)
        server.stop("immediate")
        waiting = asyncio.create_task(turns.take("rest", 0.0))
        done, _ = await asyncio.wait({waiting}, timeout=2 * RETRY_SECONDS)
        assert not done
        server.start()
        async with asyncio.timeout(60):
            assert await waiting == 0
        await turns.close()
