"""The whole bot on PostgreSQL: its server is killed, away, restored from a dump; data moves both ways."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from postgres_server import GUARDED, PASSWORD, Server
from postgres_server import running as running_server
from sqlalchemy import JSON, URL, event
from store.places import migrate, migrated, sql
from wire.place import DONE, TASK, Place, failed, running
from wire.place import place as set_up
from wire.process import ROOT, process

from bot.backups.backup import BackupFailed
from bot.backups.commands import backup, restore_backup, unfinished
from bot.backups.moving import MoveFailed, move
from bot.backups.restore import RestoreFailed
from bot.backups.restored import mark_restored
from bot.command_line import Exit
from bot.store.errors import StoreError
from bot.store.location import Location, location_of
from bot.store.postgres_session import BOT
from bot.store.schema import metadata
from sim.discord import Fault, Invocation, Message

OTHERS = [f"aaaaaaaa-0000-4000-8000-00000000000{n}" for n in range(4)]
POST = "/channels/*/messages"
BATCH_AND_OTHER = [3, 1]
"""Messages for a card with two tasks, one of which is the summary, and for one with a single task."""


@pytest.fixture(scope="module")
def _own_server() -> Iterator[Server]:
    with running_server(durable=True) as server:
        yield server


@pytest.fixture
def own_server(_own_server: Server) -> Iterator[Server]:
    """Have a server that may be stopped: its commits survive that."""
    yield _own_server
    if _own_server.is_down:
        _own_server.start()


@pytest.mark.looptime
async def test_polls_that_find_nothing_new_run_no_statement(place: Location, tmp_path: Path) -> None:
    async with set_up(tmp_path, server=place) as here:
        here.api.set(TASK, running(10))
        await here.shows(await here.watch(), "10 %")
        await here.sleep(60)
        statements: list[str] = []
        assert here.database is not None
        assert here.database._engine is not None
        event.listen(
            here.database._engine,
            "before_cursor_execute",
            lambda _connection, _cursor, statement, *_: statements.append(statement),
        )
        before = here.api.polls(TASK)
        await here.sleep(240)
        assert here.api.polls(TASK) - before > 10
        assert statements == []


@pytest.mark.slow
@pytest.mark.looptime
async def test_a_server_that_is_away_for_a_while_loses_and_doubles_nothing(
    own_server: Server, tmp_path: Path
) -> None:
    tasks = OTHERS[:3]
    with own_server.lent("away") as url:
        async with set_up(tmp_path, server=migrate(url)) as here:
            for task in tasks:
                here.api.set(task, running(10))
            cards = [await here.watch(task) for task in tasks]
            for card in cards:
                await here.shows(card, "10 %")
            for away in (20.0, 300.0):
                own_server.stop("immediate")
                here.api.set(tasks.pop(), DONE)
                use = await here.type("watch", TASK)
                await told(here, use, "could not save")
                await here.sleep(away)
                assert sum(len(here.replies(card)) for card in cards) == 2 - len(tasks)
                own_server.start()
                await here.result(cards[len(tasks)])
            here.api.set(tasks.pop(), failed("no"))
            await here.result(cards[0])
            await here.sleep(900)
            assert [len(here.replies(card)) for card in cards] == [1, 1, 1]
            assert not unfinished(here.location)


async def told(here: Place, use: Invocation, text: str) -> None:
    await here.sim.wait_for(lambda: any(text in message.text for message in use.messages), 60)


@pytest.mark.slow
@pytest.mark.looptime
async def test_after_a_standby_took_over_results_are_searched_for(own_server: Server, tmp_path: Path) -> None:
    """It lacks what was stored last: here that a result was sent."""
    with own_server.lent("failover") as url:
        async with set_up(tmp_path, server=migrate(url)) as here:
            (card, other) = await half_sent(here)
            await here.start_bot()
            assert here.database is not None
            taken: list[StoreError] = []
            here.database.on_taken = taken.append
            own_server.stop("fast")
            own_server.start_on_a_new_timeline()
            sql(here.location, "UPDATE deliveries SET message_id = NULL, intended_at = NULL")
            here.api.set(TASK, running(10))
            use = await here.type("watch", TASK)
            await told(here, use, "could not save")
            assert "a standby has taken over" in str(taken[0])
            await here.stop_bot()
            await here.sleep(4 * 3600)  # nonces have long expired
            here.api.set(OTHERS[0], DONE)
            await here.start_bot()
            await here.sleep(600)
            assert [len(here.replies(card)), len(here.replies(other))] == BATCH_AND_OTHER


# Moving, and backups


async def half_sent(here: Place) -> list[Message]:
    """Leave a card with a live and a failed watch, and a result that came without the bot knowing it."""
    here.api.set(OTHERS[0], running(10))
    here.api.set(OTHERS[1], [running(20), failed("It did not work")])
    here.api.set(OTHERS[2], running(30))
    cards = [await here.watch(" ".join(OTHERS[:2])), await here.watch(OTHERS[2])]
    await here.result(cards[0])
    here.sim.fault(Fault("POST", POST, when="after", drop=True, times=None))
    here.api.set(OTHERS[2], DONE)
    await here.sim.wait_for(lambda: bool(here.replies(cards[1])), 60)
    await here.kill_bot()
    here.sim.clear_faults()
    return cards


@pytest.mark.looptime
@pytest.mark.parametrize("back", [False, True])
async def test_data_moves_with_live_cards_and_half_sent_results(
    back: bool, postgres: Server, postgres_place: URL, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    source, target = (tmp_path / "data" / "bot.db", postgres_place)
    if back:
        source, target = target, tmp_path / "data" / "other.db"  # type: ignore[assignment]
    async with set_up(tmp_path / "data", server=source) as here:
        cards = await half_sent(here)
        before = {table: rows(source, table) for table in metadata.tables}
        said = await move(source, target, here.clock())
        assert re.search(r"moved 2 cards, .*3 watches.*\. Set DATABASE_URL to ", said)
        for table in set(before) - {"meta"}:
            assert rows(target, table) == before[table], table
        with pytest.raises(MoveFailed, match="has data already: name an empty database"):
            await move(source, target, here.clock())
        await here.sleep(4 * 3600)  # nonces have long expired
        here.server = target
        here.api.set(OTHERS[0], DONE)
        await here.start_bot()
        await here.sim.wait_for(lambda: len(here.replies(cards[0])) > 1, 60)
        await here.sleep(600)
        assert [len(here.replies(card)) for card in cards] == BATCH_AND_OTHER
        here.api.set(TASK, running(10))
        new = await here.watch(TASK)
        await here.shows(new, "10 %")
        assert unfinished(target)[0].message_id == new.id
        assert max(rows(target, "watches"))[0] == 4, "ids go on"
        await here.stop_bot()
        # Started on the old data by mistake, the bot finds what it has posted since.
        here.server = source
        await here.start_bot()
        await here.sleep(600)
        assert [len(here.replies(card)) for card in cards] == BATCH_AND_OTHER


def rows(place: Location, table: str) -> list[Any]:
    """Return a table's rows, JSON as text, which is the same in both kinds of database."""
    columns = metadata.tables[table].columns
    named = ", ".join(f"CAST({c.name} AS text)" if isinstance(c.type, JSON) else c.name for c in columns)
    return sql(place, f"SELECT {named} FROM {table} ORDER BY 1, 2")


async def test_nothing_is_moved_from_nowhere_or_to_the_same_place(
    postgres: Server, postgres_place: URL, tmp_path: Path
) -> None:
    (empty := tmp_path / "empty.db").touch()
    fresh = location_of(postgres.create("nothing"))
    for source, target, why in (
        (tmp_path / "none.db", postgres_place, "there is no database at"),
        (empty, postgres_place, "there is nothing to move"),
        (fresh, tmp_path / "new.db", "there is nothing to move"),
        (postgres_place, postgres_place, "is both where to move from and where to"),
    ):
        with pytest.raises(MoveFailed, match=why):
            await move(source, target, 1.0)
    assert not (tmp_path / "new.db").exists()
    assert sql(fresh, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []


@pytest.mark.looptime
@pytest.mark.parametrize("told", [True, False], ids=["restored TIME", "noticed"])
async def test_what_was_sent_after_a_dump_is_found_and_not_posted_again(
    told: bool, postgres: Server, postgres_place: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(postgres.programs), prepend=":")
    async with set_up(tmp_path, server=postgres_place) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        await here.shows(card, "10 %")
        at = datetime.fromtimestamp(here.clock(), UTC)
        with pytest.raises(BackupFailed) as dump:
            backup(postgres_place, tmp_path / "bot.dump")
        run_what_it_says(str(dump.value))
        here.api.set(TASK, DONE)
        await here.result(card)
        await here.sleep(4 * 3600)
        await here.stop_bot()
        with pytest.raises(RestoreFailed) as restore:
            restore_backup(postgres_place, tmp_path / "bot.dump")
        run_what_it_says(str(restore.value).partition(" && ")[0])
        if told:
            sql(postgres_place, "DELETE FROM meta WHERE key = 'origin'")
            await mark_restored(postgres_place, at.isoformat(), here.clock())
        assert len(unfinished(postgres_place)) == 1
        await here.start_bot()
        await here.sleep(600)
        assert len(here.replies(card)) == 1
        assert unfinished(postgres_place) == []


def run_what_it_says(line: str) -> None:
    """Run a line's command, as its reader would."""
    subprocess.run(line.partition("un: ")[2], shell=True, check=True)


# The real process


@pytest.mark.slow
async def test_the_process_goes_on_when_its_server_was_killed(own_server: Server, tmp_path: Path) -> None:
    async with process(tmp_path, DATABASE_URL=own_server.create("process")) as here:
        await here.start()
        for task in (TASK, *OTHERS):
            here.api.set(task, running(10))
        cards = [await here.watch(task) for task in (TASK, *OTHERS)]
        await asyncio.to_thread(own_server.stop, "immediate")
        for task in (TASK, *OTHERS):
            here.api.set(task, DONE)
        await here.says("could not be saved")
        await asyncio.to_thread(own_server.start)
        for card in cards:
            await here.result(card)
        assert await here.stop() == 0
        assert [len(here.replies(card)) for card in cards] == [1] * 5


@pytest.mark.slow
async def test_a_process_whose_data_another_bot_has_taken_over_ends(
    own_server: Server, tmp_path: Path
) -> None:
    own_server.create("taken")
    async with process(tmp_path, DATABASE_URL=own_server.url("taken")) as here:
        await here.start()
        with own_server.connected("taken") as other, own_server.connected("taken") as admin:
            taking = asyncio.create_task(asyncio.to_thread(other.execute, f"SELECT pg_advisory_lock{BOT}"))
            # Once the other one waits for the lock, the bot's session ends.
            end = (
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_locks"
                " WHERE locktype = 'advisory' AND granted"
                " AND EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
            )
            await asyncio.to_thread(until_some, admin, end)
            await taking
            here.api.set(TASK, running(10))
            await here.sim.slash(here.ada, here.channel, "veo", "watch", id=TASK)
            assert await here.ended() == Exit.ANOTHER_BOT
    assert "DATABASE_URL: another bot is running on this database" in here.log


def until_some(connection: psycopg.Connection[Any], query: str) -> None:
    """Run a query until it finds something."""
    while not connection.execute(query.encode()).fetchall():
        pass


@pytest.mark.slow
async def test_commands_on_the_data_know_a_server(own_server: Server, tmp_path: Path) -> None:
    url = own_server.create("commands")

    def run(*arguments: str, code: int = 0) -> str:
        env = {"DATABASE_URL": url, "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
        command = [sys.executable, "-m", "bot", *arguments]
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    assert "it has none of the bot's tables" in run("watches", code=Exit.DATA)
    (tmp_path / "bot.db").write_bytes(migrated())
    assert "moved an empty database. Set DATABASE_URL to postgresql://" in run(
        "move", "sqlite:///bot.db", url
    )
    assert run("watches") == "0 watched, 0 ended and not fully posted\n"
    assert f"Run: pg_dump --format=custom --file=copy.dump {url}\n" in run(
        "backup", "copy.dump", code=Exit.DATA
    )
    assert "no unfinished watch" in run("restored", "2026-01-01T00:00Z")
    assert "is no time: write it as" in run("restored", "soon", code=Exit.DATA)
    assert "each database must look like" in run("move", "bot.db", url, code=Exit.DATA)
    assert "has data already" not in run("move", url, "sqlite:///back.db")
    unknown = url.replace("commands", "unknown")
    assert "it has no such database" in run("move", "sqlite:///bot.db", unknown, code=Exit.DATA)


@pytest.mark.slow
async def test_the_password_comes_from_a_file_and_is_never_logged(own_server: Server, tmp_path: Path) -> None:
    own_server.create("guarded")
    with own_server.connected() as connection:
        connection.execute(f"ALTER DATABASE guarded OWNER TO {GUARDED}".encode())
    (file := tmp_path / "url").write_text(own_server.url("guarded", GUARDED, PASSWORD))
    async with process(tmp_path, DATABASE_URL_FILE=str(file), LOG_LEVEL="DEBUG") as here:
        await here.start()
        here.api.set(TASK, [running(10), DONE])
        await here.result(await here.watch(TASK))
        own_server.stop("immediate")
        own_server.start()
        assert await here.stop() == 0
        assert sql(location_of(file.read_text()), "SELECT count(*) FROM watches") == [(1,)]
        assert PASSWORD not in here.log
        assert quote(PASSWORD, safe="") not in here.log
