"""Who keeps the data in a file notices nothing of PostgreSQL: no import, no statement, no setting."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from made import NOW, STARTER
from sqlalchemy import URL, Engine, event
from store.places import CHANNEL, add, migrated, opened

from bot.core.outcome import Ending, Message, Outcome
from bot.store.recent import Recent
from bot.store.store import Store

ROOT = Path(__file__).parents[2]
IMPORTED = """
import asyncio, re, sys
import bot.app, bot.process, bot.check.run, bot.backups.commands
from bot.config import DataSettings
from bot.store.location import database_at

async def live():
    database = database_at(DataSettings.load(None).database, None)
    await database.open()
    await database.try_to_write()
    await database.close()

asyncio.run(live())
shared = "store.(answers|fenced|leases|membership|notifications|turns)"
print(*sorted(name for name in sys.modules if re.search(f"postgres|psycopg|alembic|mako|{shared}", name)))
"""


@pytest.mark.slow
def test_a_first_start_on_a_file_imports_nothing_of_postgresql_and_no_migrations(tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(ROOT), "DATABASE_URL": f"sqlite:///{tmp_path}/bot.db"}
    command = [sys.executable, "-c", IMPORTED]
    done = subprocess.run(command, env=env, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["bot.backups.postgres"], "which only words what to do"


@contextmanager
def recorded(engine: Engine | type[Engine]) -> Iterator[list[str]]:
    """Have a list that gets the statements of an engine, or of all."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_a_start_and_a_transaction_on_a_file_are_what_they_were(tmp_path: Path) -> None:
    (tmp_path / "bot.db").write_bytes(migrated())
    with recorded(Engine) as statements:
        async with opened(tmp_path / "bot.db") as database:
            kinds = [" ".join(statement.split()[:3]) for statement in statements]
            statements.clear()
            await database.run(lambda _connection: None)
            assert statements == ["BEGIN IMMEDIATE"]
    assert kinds == [
        "BEGIN IMMEDIATE",
        "PRAGMA quick_check(1)",
        "SELECT name FROM",  # the tables
        "SELECT version_num FROM",
        "UPDATE alembic_version SET",
        "SELECT value FROM",  # the intents, and whether the file was copied into its place
        "SELECT max(id) FROM",
        "SELECT value FROM",
        "INSERT INTO meta",
    ]


async def test_both_kinds_of_database_get_the_same_statements(tmp_path: Path, postgres_place: URL) -> None:
    kinds = []
    for place in (tmp_path / "bot.db", postgres_place):
        async with opened(place) as database:
            assert database._engine is not None
            with recorded(database._engine) as statements:
                await live(Store(database), Recent(database))
            kinds.append([statement.split()[:3] for statement in statements if "BEGIN" not in statement])
    assert kinds[0] == kinds[1]
    assert len(kinds[0]) > 20


async def live(store: Store, recent: Recent) -> None:
    state = await add(store, "a", "b")
    await store.people.follow(state.card.id, STARTER + 1, NOW)
    await store.save_seen([state.watches[0].id], NOW)
    await store.rename(state.watches[0].id, "Shot 12")
    await store.save_outcomes([(watch.id, Outcome(Ending.FAILED, NOW)) for watch in state.watches])
    for watch in state.watches:
        await store.results.plan(watch.id, [Message("done")])
        await store.results.mark_sending(watch.id, 1, NOW)
        await store.results.sent(watch.id, 1, watch.id)
    await store.remember("key", "value")
    await store.unfinished()
    await recent.ended_page([CHANNEL], NOW, 0, 9)
    await recent.ended([CHANNEL], "a", NOW, 9)
    await store.finish([watch.id for watch in state.watches])


@pytest.mark.slow
@pytest.mark.parametrize("command", ["run", "check", "watches"])
def test_without_the_driver_one_line_says_what_to_install(command: str, tmp_path: Path) -> None:
    script = (
        f"import sys; sys.modules['psycopg'] = None; from bot.command_line import main; main(['{command}'])"
    )
    env = {
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": "postgresql://bot:s3cret@127.0.0.1/bot",
        "DISCORD_TOKEN": "token-0123456789",
        "VEO_API_KEY": "key-0123456789",
        "DISCORD_API_URL": "http://127.0.0.1:1",
        "VEO_API_BASE_URL": "http://127.0.0.1:1",
        "HTTP_PORT": "off",
    }
    child = [sys.executable, "-c", script]
    done = subprocess.run(child, env=env, cwd=tmp_path, check=False, capture_output=True, text=True)
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if "driver" in line]
    assert "Run: pip install 'psycopg[binary]" in line
    assert "s3cret" not in done.stdout + done.stderr
