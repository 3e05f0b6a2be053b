"""One file, one bot, one transaction at a time: the lock, the pragmas, what a failure leaves behind."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text
from store.places import let_others_in, opened, sql

from bot.store import postgres_session
from bot.store.errors import AnotherBot, StoreFailed
from bot.store.location import Location, database_at, location_of, passwords_in, shown
from bot.store.schema import ORIGIN, meta
from bot.store.sqlite import SqliteDatabase


def note(key: str) -> Any:
    """Return work that writes one row."""
    return lambda connection: connection.execute(insert(meta).values(key=key, value="x"))


def noted(connection: Connection) -> list[str]:
    own = ["intents", "oldest_code", ORIGIN]
    query = select(meta.c.key).where(meta.c.key.not_in(own)).order_by(meta.c.key)
    return list(connection.scalars(query))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


async def test_a_second_bot_on_the_same_data_is_refused_until_the_first_has_closed(
    place: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_session, "LOCK_SECONDS", 0.05)
    async with opened(place):
        with pytest.raises(AnotherBot, match="another bot is running on"):
            await database_at(place, None).open()
    async with opened(place):
        pass


async def test_another_file_is_other_data(path: Path) -> None:
    async with opened(path), opened(path.with_name("other.db")):
        pass


async def test_a_start_that_failed_holds_no_lock(path: Path) -> None:
    path.write_bytes(b"x" * 100)
    with pytest.raises(Exception, match="not a database"):
        await SqliteDatabase(path, None).open()
    path.unlink()
    async with opened(path):
        pass


async def test_a_lock_is_let_go_even_if_closing_fails(path: Path) -> None:
    executor = ThreadPoolExecutor(1)
    database = SqliteDatabase(path, executor)
    await database.open()
    await database.run(lambda connection: None)
    executor.submit(database._engine.dispose).result()  # type: ignore[union-attr]
    executor.shutdown()
    with pytest.raises(RuntimeError):
        await database.close()
    async with opened(path):
        pass


async def test_a_commit_survives_a_power_cut(path: Path) -> None:
    async with opened(path) as database:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")

        def read(connection: Connection) -> list[Any]:
            return [connection.scalar(text(f"PRAGMA {name}")) for name in pragmas]

        assert await database.run(read) == ["wal", 2, 1, 5000]


async def test_a_transaction_begins_with_the_write_lock(path: Path) -> None:
    async with opened(path) as one:
        await let_others_in(one)
        async with opened(path) as other:
            await other.run(lambda connection: connection.execute(text("PRAGMA busy_timeout = 0")))
            with pytest.raises(StoreFailed, match="database is locked"):
                await one.run(lambda _connection: asyncio_free(other.run(noted)))
            await other.run(note("after"))
            assert await one.run(noted) == ["after"]


def asyncio_free(work: Any) -> Any:
    """Run a coroutine of an inline database, which never waits, to its end."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waited")


async def test_work_that_fails_leaves_nothing_behind(place: Location) -> None:
    def halfway(connection: Connection) -> None:
        note("lost")(connection)
        raise ZeroDivisionError

    async with opened(place) as database:
        with pytest.raises(ZeroDivisionError):
            await database.run(halfway)
        await database.run(note("kept"))
        with pytest.raises(StoreFailed, match=r"(?i)unique"):
            await database.run(note("kept"))
        assert await database.run(noted) == ["kept"]


async def test_what_is_not_open_cannot_be_used(place: Location) -> None:
    database = database_at(place, None)
    with pytest.raises(StoreFailed, match="closed"):
        await database.run(noted)
    await database.open()
    await database.close()
    await database.close()
    # A request to the health port that waits for a slow task API may outlive the rest of the bot.
    with pytest.raises(StoreFailed, match="closed"):
        await database.run(noted)


async def test_closing_leaves_one_whole_file(path: Path) -> None:
    async with opened(path) as database:
        await database.run(note("a"))
        assert path.with_name("bot.db-wal").stat().st_size > 0
    assert sorted(file.name for file in path.parent.iterdir()) == ["bot.db", "bot.db.last-run", "bot.db.lock"]
    assert sql(path, "SELECT key FROM meta WHERE key != 'intents'") == [("a",)]


async def test_a_start_after_a_crash_finds_every_commit(path: Path, tmp_path: Path) -> None:
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    async with opened(path) as database:
        await database.run(note("a"))
        for file in path.parent.glob("bot.db*"):
            (crashed / file.name).write_bytes(file.read_bytes())
    async with opened(crashed / "bot.db") as database:
        assert await database.run(noted) == ["a"]


async def test_work_runs_on_the_executors_thread_or_inline(place: Location) -> None:
    def thread(_connection: Connection) -> str:
        return threading.current_thread().name

    async with opened(place) as database:
        assert await database.run(thread) == threading.current_thread().name
    with ThreadPoolExecutor(1, thread_name_prefix="store") as executor:
        async with opened(place, executor) as database:
            assert await database.run(thread) == "store_0"
            await asyncio.gather(*(database.run(note(f"{number:02}")) for number in range(50)))
            assert await database.run(noted) == [f"{number:02}" for number in range(50)]


# The URL


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///data/bot.db", "data/bot.db"),
        ("sqlite:////var/lib/bot.db", "/var/lib/bot.db"),
        ("sqlite:///./b ü.db", "./b ü.db"),
    ],
)
def test_a_url_names_a_file(url: str, path: str) -> None:
    assert location_of(url) == Path(path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bot.db",
        "sqlite",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///bot.db?mode=ro",
        "sqlite://host/bot.db",
        "sqlite://host:s3cret/bot.db",
        "sqlite://u:s3cret@h/bot.db",
        "sqlite+aiosqlite:///bot.db",
        "mysql://u:s3cret@h/d",
        "postgresql+asyncpg://u:s3cret@h/d",
        "postgresql://h:s3cret/d",
        "postgresql://u:s3cret@h",
        "postgresql://u:s3cret@h/",
        "postgres://u:s3@cret@h:x/d",
        "http://[s3cret",
    ],
)
def test_another_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="must look like") as error:
        location_of(url)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "name", "passwords"),
    [
        ("postgresql://bot@h/d", "postgresql://bot@h/d", ()),
        ("postgres://bot:s3cret@h:5433/d", "postgresql://bot@h:5433/d", ("s3cret",)),
        ("postgresql+psycopg://bot:s3%2Fcret%40@[::1]/d", "postgresql://bot@[::1]/d", ("s3/cret@",)),
        ("postgresql://bot@h/d?sslmode=require&password=s3", "postgresql://bot@h/d?sslmode=require", ("s3",)),
        ("postgresql:///d?host=/run/postgresql", "postgresql:///d?host=%2Frun%2Fpostgresql", ()),
    ],
)
def test_a_url_names_a_server_whose_password_is_not_shown(
    url: str, name: str, passwords: tuple[str, ...]
) -> None:
    assert shown(location_of(url)) == name
    assert passwords_in(location_of(url)) == passwords


async def test_another_name_of_the_same_file_is_no_way_around_the_lock(path: Path) -> None:
    twin = path.with_name("twin")
    async with opened(path):
        twin.symlink_to(path)
        with pytest.raises(AnotherBot):
            async with opened(twin):
                pass
