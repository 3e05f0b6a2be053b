"""The file on disk: brought to the newest schema, or refused with a clear line and left as it was."""

import logging
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from store.places import add, opened, sql, stored

from bot.core.outcome import Ending, Message, Outcome
from bot.store import sqlite
from bot.store.errors import StoreUnusable
from bot.store.readonly import VERSIONS
from bot.store.schema import HEAD, MIGRATIONS
from bot.store.sqlite import SqliteDatabase
from bot.store.unconfirmed import write_last_run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


async def refusal(path: Path) -> str:
    """Return why a file is refused; it is the same afterwards."""
    before = path.read_bytes()
    with pytest.raises(StoreUnusable) as error:
        await SqliteDatabase(path, None).open()
    assert path.read_bytes() == before
    text = str(error.value)
    assert str(path) in text
    assert "\n" not in text
    async with opened(path.with_name("other.db")):  # and nothing of it hinders another file
        return text


def upgrade(path: Path, version: str) -> None:
    """Make an empty file as it was at a schema's version, by the migrations up to it."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    engine.dispose()


async def test_a_first_start_makes_what_all_migrations_make(path: Path) -> None:
    async with opened(path):
        pass
    migrated = path.with_name("migrated.db")
    upgrade(migrated, HEAD)
    # An added column stands on the line of the one before it; Alembic begins its own table with an empty one.
    query = "SELECT name, sql FROM sqlite_master ORDER BY name"
    first, all_migrations = (
        [(name, "".join((text or "").split())) for name, text in sql(file, query)]
        for file in (path, migrated)
    )
    assert first == all_migrations
    assert sql(path, "SELECT * FROM alembic_version") == sql(migrated, "SELECT * FROM alembic_version")


async def test_ids_are_never_used_again(path: Path) -> None:
    async with opened(path):
        pass
    tables = sql(path, "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%' ORDER BY name")
    assert tables == [("cards",), ("members",), ("watches",)]


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def make(path: Path, version: str) -> None:
    """Make a file as it was at a schema's version: a live watch, a half-sent result and a finished watch."""
    upgrade(path, version)
    of_card = "id, guild_id, channel_id, message_id, starter_id, language, created_at"
    sql(path, f"INSERT INTO cards ({of_card}) VALUES (7, 1, 2, 3, 4, 'en', 5.0)")
    sql(path, "INSERT INTO followers VALUES (7, 4, 5.0)")
    columns = "id, card_id, channel_id, position, task_id, state, started_at, seen_at, ended_at, outcome"
    outcome = """'{"ending": "failed", "at": 60.0, "task": null, "by": null}'"""
    for row in (
        "(8, 7, 2, 0, 'z', 'done', 5.0, NULL, 50.0, NULL)",
        f"(9, 7, 2, 1, 'b', 'final', 5.0, 6.0, 60.0, {outcome})",
        "(10, 7, 2, 2, 'a', 'live', 5.0, NULL, NULL, NULL)",
    ):
        sql(path, f"INSERT INTO watches ({columns}) VALUES {row}")
    message = """'{"content": "part", "mentions": [4], "urls_file": []}'"""
    for part, sent in enumerate(("61.0, 600", "62.0, NULL", "NULL, NULL"), 1):
        sql(path, f"INSERT INTO deliveries VALUES (9, {part}, {message}, {sent})")


RELEASED = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009")


@pytest.mark.parametrize("version", RELEASED)
async def test_a_file_of_every_released_version_goes_on_where_it_was(path: Path, version: str) -> None:
    assert RELEASED[-1] == HEAD
    make(path, version)
    async with stored(path) as store:
        (state,) = await store.unfinished()
        assert (state.card.id, state.followers) == (7, (4,))
        assert [(watch.task_id, watch.name) for watch in state.watches] == [("z", ""), ("b", ""), ("a", "")]
        assert await store.to_announce() == [9]
        parts = await store.results.plan(9, [])
        assert [part.message for part in parts] == [Message("part", (4,))] * 3
        assert [part.message_id for part in parts] == [600, None, None]
        await store.results.mark_sending(9, 3, 70.0)
        await store.results.sent(9, 3, 601)
        await store.finish([9])
        await store.save_outcomes([(10, Outcome(Ending.FAILED, 80.0))])
        assert await store.to_announce() == [10]
        await store.rename(10, "Shot 12")
        (state,) = await store.unfinished()
        assert [watch.name for watch in state.watches] == ["", "", "Shot 12"]


@pytest.mark.parametrize(
    ("version", "before", "unconfirmed"),
    [
        ("0003", ["INSERT INTO doubts VALUES (9, 30.0)"], {9: 30.0, 10: None}),
        ("0004", ["INSERT INTO doubts VALUES (8, 10.0), (9, 30.0), (10, 40.0)"], {9: 30.0, 10: 30.0}),
        ("0004", ["INSERT INTO doubts VALUES (8, 10.0)"], {9: None, 10: None}),
        ("0002", ["INSERT INTO meta VALUES ('copied_at', '45.5')"], {9: 45.5, 10: 45.5}),
        (
            "0004",
            ["INSERT INTO doubts VALUES (9, 30.0)", "INSERT INTO meta VALUES ('copied_at', '45.5')"],
            {9: 30.0, 10: 30.0},
        ),
        ("0004", ["INSERT INTO meta VALUES ('unconfirmed', '44.0 10')"], {9: 44.0, 10: 44.0}),
    ],
    ids=["one row", "rows", "a finished watch", "a copy", "a copy of a copy", "restored by this version"],
)
async def test_what_an_earlier_version_could_not_confirm_stays_unconfirmed(
    path: Path, version: str, before: list[str], unconfirmed: dict[int, float | None]
) -> None:
    make(path, version)
    sql(path, "INSERT INTO meta VALUES ('intents', '1 99.0')")
    write_last_run(path, 1)
    for statement in before:
        sql(path, statement)
    async with stored(path) as store:
        parts = await store.results.plan(9, [])
        assert [part.intended_at for part in parts] == [61.0, 62.0, unconfirmed[9]]
        (part,) = await store.results.plan(10, [Message("done")])
        assert part.intended_at == unconfirmed[10]
    assert sql(path, "SELECT key FROM meta WHERE key = 'copied_at'") == []


async def test_the_steps_of_a_migration_are_logged_and_those_of_a_new_database_are_not(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot")
    async with stored(path) as store:
        await add(store)
    assert [record.getMessage() for record in caplog.records] == ["creating the database"]
    older = path.with_name("older.db")
    make(older, "0006")
    caplog.clear()
    async with stored(older):
        pass
    newer = [name for name in sorted(VERSIONS) if name > "0006"]
    steps = [record.getMessage() for record in caplog.records if "migrat" in record.name]
    assert steps == [
        f"migrating the database to version {HEAD}",
        *(f"the database is at version {number}" for number in newer),
    ]


async def test_a_second_start_migrates_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with stored(path) as store:
        await add(store)
    caplog.set_level(logging.INFO, "bot")
    caplog.clear()
    async with stored(path) as store:
        assert len(await store.unfinished()) == 1
    assert caplog.records == []


async def test_migrating_leaves_the_logging_of_the_process_alone(path: Path) -> None:
    loggers = [logging.getLogger(), logging.getLogger("bot.store.database"), logging.getLogger("discord")]
    before = [(logger.level, logger.disabled, list(logger.handlers)) for logger in loggers]
    async with opened(path):
        assert [(logger.level, logger.disabled, list(logger.handlers)) for logger in loggers] == before


@pytest.mark.parametrize(
    "name", ["ü.db", "a b.db", "a?mode=ro.db", "a#b.db", "50%25.db", "%(here)s.db", "file:a.db"]
)
async def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    async with opened(tmp_path / "deep" / "er" / name):
        assert (tmp_path / "deep" / "er" / name).is_file()


# Refused


async def test_the_file_of_a_newer_version_is_refused(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(path):
        pass
    sql(path, "UPDATE alembic_version SET version_num = '9999'")
    caplog.set_level(logging.INFO, "bot")
    text = await refusal(path)
    assert "newer version" in text
    assert "9999" in text
    assert not [record for record in caplog.records if record.getMessage().startswith("migrating")]


@pytest.mark.parametrize("mode", ["delete", "wal"])
async def test_another_programs_database_is_refused(path: Path, mode: str) -> None:
    sql(path, f"PRAGMA journal_mode = {mode}")
    sql(path, "CREATE TABLE recipes (name TEXT)")
    assert "another program's" in await refusal(path)
    assert sql(path, "PRAGMA journal_mode") == [(mode,)]
    assert sql(path, "SELECT name FROM sqlite_master") == [("recipes",)]


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"hello world" * 1_000)
    assert "file is not a database" in await refusal(path)


@pytest.mark.parametrize("start", range(0, 4_096, 256))
async def test_a_damaged_file_is_refused_or_read_but_never_breaks_the_start(path: Path, start: int) -> None:
    async with opened(path):
        pass
    damaged = bytearray(path.read_bytes())
    damaged[start : start + 100] = b"\xff" * 100
    path.write_bytes(damaged)
    try:
        async with opened(path):
            return
    except StoreUnusable:
        assert "restore a backup" in await refusal(path)


async def test_half_a_file_is_refused(path: Path) -> None:
    async with opened(path):
        pass
    path.write_bytes(path.read_bytes()[: 3 * 4_096])
    assert "malformed" in await refusal(path)


async def test_an_empty_file_is_taken(path: Path) -> None:
    path.touch()
    async with opened(path):
        assert sql(path, "SELECT version_num FROM alembic_version") == [(HEAD,)]


async def test_a_folder_in_the_files_place_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreUnusable, match="is a folder: set DATABASE_URL to a file in it"):
        await SqliteDatabase(path, None).open()


async def test_a_file_in_the_folders_place_is_refused(path: Path) -> None:
    path.write_text("a file")
    with pytest.raises(StoreUnusable, match="is not a folder: set DATABASE_URL"):
        await SqliteDatabase(path / "bot.db", None).open()
    assert path.read_text() == "a file"


async def test_a_damaged_page_of_a_table_is_reported_at_the_start(path: Path) -> None:
    async with stored(path) as store:
        for number in range(100):
            await add(store, f"task-{number}", message_id=number + 1)
    damaged = bytearray(path.read_bytes())
    (root,) = sql(path, "SELECT rootpage FROM sqlite_master WHERE name = 'watches'")[0]
    damaged[(root - 1) * 4_096 : (root - 1) * 4_096 + 500] = b"\xff" * 500
    path.write_bytes(damaged)
    assert "restore a backup" in await refusal(path)


async def test_a_disk_that_is_full_at_the_start_is_reported_as_that(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_PRAGMAS", (*sqlite._PRAGMAS, "max_page_count=2"))
    with pytest.raises(StoreUnusable, match="free some space on its disk"):
        await SqliteDatabase(path, None).open()
