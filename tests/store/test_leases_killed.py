"""Real processes with a lease, killed and stopped; the one that takes over has a time of the test's own."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL
from store.places import sql
from store.test_leases import group_on

from bot.core.liveness import BEAT, SILENT, VANISHED

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CHILD = """
import asyncio, os, signal, sys, threading
from concurrent.futures import ThreadPoolExecutor
from sqlalchemy import insert, text
from bot.core.liveness import BEAT
from bot.store.errors import LeaseLost, StoreFailed
from bot.store.fenced import FencedDatabase
from bot.store.leases import Leases
from bot.store.location import database_at, location_of
from bot.store.schema import meta

def pause_inside(connection):
    connection.execute(insert(meta).values(key="late", value="x"))
    print("paused", flush=True)
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # or this thread might go on for a moment
    connection.execute(text("SELECT 1"))

async def main(url, pauses):
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two:
        database = database_at(location_of(url), one, alone=False)
        await database.open()
        database.on_taken = lambda error: os._exit(75)
        leases = Leases(database.another(two), "child")
        await leases.join(None, 1)
        await leases.round()
        print(*leases.held, flush=True)
        writing = FencedDatabase(database, leases.fence(0))
        while True:
            await asyncio.sleep(BEAT)
            try:
                await (writing.write(pause_inside) if pauses else leases.round())
            except LeaseLost:
                os._exit(75)
            except StoreFailed:
                pass

asyncio.run(main(sys.argv[1], sys.argv[2] == "pauses"))
"""
CONNECTED = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = x'564550'::int"


@asynccontextmanager
async def holder(place: URL, mode: str = "beats") -> AsyncIterator[asyncio.subprocess.Process]:
    """Have a process that holds the only shard."""
    url = place.set(drivername="postgresql").render_as_string(hide_password=False)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHILD, url, mode),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert child.stdout is not None
        assert await child.stdout.readline() == b"0\n"
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


def wait_for_transactions_to_end(place: URL) -> None:
    open_ones = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid != pg_backend_pid() AND state LIKE '%transaction%'"
    )
    while sql(place, open_ones) != [(0,)]:
        pass


async def test_whoever_is_killed_is_taken_over_as_soon_as_its_session_is_gone(postgres_place: URL) -> None:
    async with holder(postgres_place) as child, group_on(postgres_place) as group:
        two = await group.joined()
        assert two.held == frozenset()
        child.kill()
        await child.wait()
        while sql(postgres_place, CONNECTED) != [(1,)]:
            pass
        await group.pass_time(VANISHED - BEAT, two)
        assert two.held == frozenset()
        await group.pass_time(3 * BEAT, two)
        assert two.held == {0}


async def test_whoever_is_stopped_has_longer_to_wake_and_then_ends_itself(postgres_place: URL) -> None:
    async with holder(postgres_place) as child, group_on(postgres_place) as group:
        two = await group.joined()
        child.send_signal(signal.SIGSTOP)
        await asyncio.to_thread(os.waitid, os.P_PID, child.pid, os.WSTOPPED)
        wait_for_transactions_to_end(postgres_place)  # it may be in the middle of a round
        await group.pass_time(BEAT, two)
        await group.pass_time(SILENT - 1, two)
        assert two.held == frozenset()
        await group.pass_time(1 + BEAT, two)
        assert two.held == {0}
        child.send_signal(signal.SIGCONT)
        assert await asyncio.wait_for(child.wait(), 60) == 75


async def test_whoever_stops_inside_a_transaction_keeps_its_locks_for_seconds_only(
    postgres_place: URL,
) -> None:
    """The server ends a session that is idle in a transaction; what it wrote there is gone."""
    async with holder(postgres_place, "pauses") as child, group_on(postgres_place) as group:
        assert child.stdout is not None
        assert await child.stdout.readline() == b"paused\n"
        await asyncio.to_thread(os.waitid, os.P_PID, child.pid, os.WSTOPPED)
        two = await group.joined()
        wait_for_transactions_to_end(postgres_place)
        await group.pass_time(SILENT + 2 * BEAT, two)
        assert two.held == {0}
        child.send_signal(signal.SIGCONT)
        assert await asyncio.wait_for(child.wait(), 60) == 75
        assert sql(postgres_place, "SELECT key FROM meta WHERE key = 'late'") == []
        assert await two.round() == {0}
