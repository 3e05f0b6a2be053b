"""`check` on PostgreSQL: the server, a real pooler in front of it, clocks, standbys."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from postgres_server import NOBODY, Server
from sqlalchemy import URL
from store.places import opened, sql

from bot.check.postgres_checks import check_postgres, judge
from bot.store import postgres_session
from bot.store.errors import StoreUnusable
from bot.store.leases import Leases
from bot.store.location import database_at
from bot.store.postgres import PostgresDatabase
from bot.store.postgres_facts import Facts, RunningProcess, read_facts
from bot.store.schema import HEAD

GOOD = Facts(
    server_version="17.2 (Debian)",
    version_number=170_002,
    encoding="UTF8",
    knows_letters=True,
    is_standby=False,
    fsync="on",
    time=1_000_000.0,
    synchronous_names="",
    standbys=0,
    may_create=True,
    schema_version=HEAD,
    exchanges_sessions=False,
    is_locked=False,
)
PLACE = URL.create("postgresql+psycopg", "bot", "s3cret", "db", database="veo")


def judged(ahead: float = 0.0, **changes: object) -> dict[str, tuple[bool, str]]:
    found = judge(replace(GOOD, **changes), PLACE, GOOD.time - ahead)  # type: ignore[arg-type]
    assert not any("s3cret" in result.text for result in found)
    return {result.subject: (result.ok, result.text) for result in found}


def test_a_good_server_is_good() -> None:
    assert judged() == {
        "database": (True, f"version {HEAD}"),
        "database server": (True, "PostgreSQL 17.2 (Debian)"),
        "pooling": (True, "sessions are kept"),
        "database clock": (True, "+0 s from this machine's"),
        "standby": (True, "none"),
        "already running": (True, "no"),
    }


@pytest.mark.parametrize(
    ("changes", "subject", "ok", "text"),
    [
        ({"version_number": 130_012}, "database server", False, "too old: upgrade it to 14 or newer"),
        (
            {"encoding": "LATIN1"},
            "database server",
            False,
            "create one with CREATE DATABASE veo OWNER bot",
        ),
        ({"is_standby": True}, "database server", False, "name the primary in DATABASE_URL"),
        ({"fsync": "off"}, "database server", False, "Set fsync = on"),
        ({"knows_letters": False}, "database server", True, "in exact case beyond a to z: create one with"),
        ({"exchanges_sessions": True}, "pooling", False, "set the pooler's pool_mode to session"),
        ({"ahead": 7.2}, "database clock", False, "+7 s from this machine's: set the clocks of both (NTP)"),
        ({"ahead": -7.2}, "database clock", False, "-7 s"),
        ({"standbys": 1}, "standby", True, "may lose the newest watches. Set synchronous_standby_names"),
        ({"standbys": 1, "synchronous_names": "*"}, "standby", True, "a failover loses nothing"),
        ({"is_locked": True}, "already running", True, "a command such as move"),
        (
            {"is_locked": True, "processes": (RunningProcess("a:1", 3, 4), RunningProcess("b:1", 0, 4))},
            "already running",
            True,
            "2: a:1 (3 of 4 shards), b:1 (standby)",
        ),
        ({"schema_version": None}, "database", False, "another program's: set DATABASE_URL"),
        ({"schema_version": "9999"}, "database", False, "of a newer version of this bot (9999)"),
        ({"schema_version": "0003"}, "database", True, f"will be migrated to {HEAD} at startup"),
        ({"schema_version": ""}, "database", True, "is empty, will be set up at startup"),
        ({"schema_version": "", "may_create": False}, "database", False, "Make it the owner: ALTER DATABASE"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    changes: dict[str, float], subject: str, ok: bool, text: str
) -> None:
    found = judged(**changes)
    assert found[subject][0] is ok
    assert text in found[subject][1]


async def test_the_tests_server_is_found_as_it_is(postgres_place: URL) -> None:
    facts = read_facts(postgres_place)
    assert (facts.encoding, facts.knows_letters, facts.fsync) == ("UTF8", True, "off")
    assert (facts.schema_version, facts.is_locked, facts.exchanges_sessions) == (HEAD, False, False)
    async with opened(postgres_place):
        assert check_postgres(postgres_place, lambda: facts.time)[1], "a bot runs on it"


async def test_the_processes_that_share_a_database_are_listed_while_they_are_connected(
    postgres_place: URL,
) -> None:
    shared = PostgresDatabase(postgres_place, None, alone=False)
    await shared.open()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(shared.close)
        for name in ("a:1", "b:1"):
            connection = shared.another(None)
            stack.push_async_callback(connection.close)
            leases = Leases(connection, name)
            await leases.join(None, 4)
            await leases.round()
        assert read_facts(postgres_place).processes == (
            RunningProcess("a:1", 4, 4),
            RunningProcess("b:1", 0, 4),
        )
        found, running = check_postgres(postgres_place, lambda: 0.0)
        assert running
        assert "2: a:1 (4 of 4 shards), b:1 (standby)" in [result.text for result in found]
    assert read_facts(postgres_place).processes == (), "their rows are still there"
    assert sql(postgres_place, "SELECT count(*) FROM members") == [(2,)]


# A pooler


@pytest.fixture(params=["session", "transaction"])
def pooled(
    request: pytest.FixtureRequest, postgres: Server, postgres_place: URL
) -> Iterator[tuple[str, URL]]:
    """Have PgBouncer in front of the server; it refuses to run as root, too."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={postgres.port} user=bot\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\nunix_socket_dir =\n"
            f"pool_mode = {request.param}\n"
        )
        identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        pooler = subprocess.Popen([program, folder / "pgbouncer.ini"], stderr=subprocess.PIPE, **identity)  # type: ignore[call-overload]
        try:
            for line in pooler.stderr:
                if b"process up" in line:
                    break
            yield request.param, postgres_place.set(port=port)
        finally:
            pooler.terminate()
            pooler.communicate()


async def test_a_pooler_in_session_mode_is_taken_and_one_in_transaction_mode_refused(
    pooled: tuple[str, URL], monkeypatch: pytest.MonkeyPatch
) -> None:
    mode, place = pooled
    monkeypatch.setattr(postgres_session, "LOCK_SECONDS", 0.05)
    pooling = {result.subject: result for result in check_postgres(place, lambda: 0.0)[0]}["pooling"]
    assert pooling.ok is (mode == "session")
    if mode == "transaction":
        with pytest.raises(StoreUnusable, match="set the pooler's pool_mode to session"):
            await database_at(place, None).open()
        return
    async with opened(place) as database:
        await database.try_to_write()
    assert sql(place, "SELECT version_num FROM alembic_version") == [(HEAD,)]
