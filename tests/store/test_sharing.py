"""Several bots on one server's database, and what must not run beside them."""

import asyncio
from pathlib import Path
from typing import Self

import pytest
from postgres_server import Server
from sqlalchemy import URL, text
from store.places import add, sql

from bot.backups.moving import move
from bot.backups.restored import mark_restored
from bot.core.outcome import Message
from bot.store import postgres as postgres_module
from bot.store.errors import AnotherBot, StoreError, StoreFailed, StoreUnusable
from bot.store.leases import Leases
from bot.store.location import location_of
from bot.store.notifications import TASK, Notifications, notify
from bot.store.postgres import PostgresDatabase
from bot.store.schema import HEAD
from bot.store.store import Store

END_SESSIONS = (
    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid != pg_backend_pid()"
)


class Bot(PostgresDatabase):
    """A bot's database, which it shares with others."""

    def __init__(self, url: URL) -> None:
        super().__init__(url, None, alone=False)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no session that may be ending."""
    monkeypatch.setattr("bot.store.postgres_session.LOCK_SECONDS", 0.1)


async def test_bots_share_a_database_and_each_has_a_folder_for_videos(postgres_place: URL) -> None:
    async with Bot(postgres_place) as one:
        async with Bot(postgres_place) as two:
            await add(Store(one), message_id=1, channel_id=1)
            await add(Store(two), message_id=2, channel_id=2)
            assert len(await Store(one).unfinished()) == 2
            assert one.video_folder != two.video_folder
            assert one.video_folder.parent == two.video_folder.parent
            kept = one.video_folder / "render.mp4"
            kept.parent.mkdir()
            kept.touch()
            earlier = two.video_folder
        async with Bot(postgres_place) as two:
            assert two.video_folder == earlier
            assert kept.exists(), "it is the other's"
    async with Bot(postgres_place) as one:
        assert one.video_folder == kept.parent
        assert not kept.exists()


async def test_what_must_be_alone_is_refused_beside_bots_and_keeps_them_off(
    postgres_place: URL, tmp_path: Path
) -> None:
    refused = "another bot is running on this database"
    async with Bot(postgres_place) as one, Bot(postgres_place):
        await add(Store(one))
        with pytest.raises(AnotherBot, match=refused):
            await mark_restored(postgres_place, "2026-01-01", 2e9)
        with pytest.raises(AnotherBot, match=refused):
            await move(postgres_place, tmp_path / "bot.db", 2e9)
    alone = PostgresDatabase(postgres_place, None)
    await alone.open()
    with pytest.raises(AnotherBot, match=refused):
        await Bot(postgres_place).open()
    await alone.close()


async def test_one_that_comes_back_after_somebody_was_alone_has_lost_its_lease(postgres_place: URL) -> None:
    """It had lost its sessions without noticing, while the data was marked as restored."""
    async with Bot(postgres_place) as one:
        await (leases := Leases(one.another(None), "a:1")).join(None, 1)
        await leases.round()
        sql(postgres_place, END_SESSIONS)
        await mark_restored(postgres_place, "2026-01-01", 2e9)
        with pytest.raises(StoreError, match="took this process for dead"):
            await leases.round()
        await leases._database.close()


async def test_one_whose_session_ends_shows_again_that_it_is_alive(postgres_place: URL) -> None:
    signs = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = x'564550'::int"
    async with Bot(postgres_place) as one:
        await (leases := Leases(one.another(None), "a:1")).join(None, 1)
        await leases.round()
        assert sql(postgres_place, signs) == [(1,)]
        sql(postgres_place, END_SESSIONS)
        assert sql(postgres_place, signs) == [(0,)]
        await leases.round()
        await leases.round()
        assert sql(postgres_place, signs) == [(1,)]
        await leases._database.close()


async def test_a_start_beside_a_running_bot_doubts_nothing(postgres_place: URL) -> None:
    async with Bot(postgres_place) as one:
        state = await add(Store(one))
        await Store(one).results.plan(state.watches[0].id, [Message("done")])
        async with Bot(postgres_place), Bot(postgres_place):
            assert sql(postgres_place, "SELECT value FROM meta WHERE key = 'unconfirmed'") == []


# While processes are updated one after the other


async def test_an_older_process_may_start_again_if_the_newer_tables_allow_it(postgres: Server) -> None:
    place = location_of(postgres.create("rolling"))
    assert isinstance(place, URL)
    async with Bot(place):
        assert sql(place, "SELECT value FROM meta WHERE key = 'oldest_code'") == [("0009",)]
        sql(place, "UPDATE alembic_version SET version_num = '9999'")
        async with Bot(place) as older:
            await add(Store(older))
        assert sql(place, "SELECT version_num FROM alembic_version") == [("9999",)]
        sql(place, "UPDATE meta SET value = '9998' WHERE key = 'oldest_code'")
        with pytest.raises(StoreUnusable, match=r"newer version of this bot \(9999\)"):
            await Bot(place).open()


async def test_a_migration_that_older_bots_would_not_survive_waits_until_they_are_stopped(
    postgres_place: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_module, "OLDEST_CODE", "9998")
    with pytest.MonkeyPatch.context() as of_an_older_bot:
        of_an_older_bot.setattr(postgres_module, "OLDEST_CODE", HEAD)
        older = Bot(postgres_place)
        await older.open()
    with pytest.raises(AnotherBot, match=r"older version are running.*stop them all"):
        await Bot(postgres_place).open()
    await older.close()
    async with Bot(postgres_place):
        pass


async def test_the_table_of_turns_is_the_same_created_or_migrated(postgres: Server) -> None:
    how = "SELECT relpersistence, reloptions FROM pg_class WHERE relname = 'turns'"
    place = location_of(postgres.create("turns"))
    assert isinstance(place, URL)
    async with Bot(place):
        created = sql(place, how)
    assert created == [("u", ["fillfactor=50"])]
    sql(place, "DROP TABLE turns, answers, shards, members")
    sql(place, "ALTER TABLE placeholders DROP COLUMN guild_id")
    sql(place, "UPDATE alembic_version SET version_num = '0008'")
    async with Bot(place):
        assert sql(place, how) == created


# Notifications


async def test_a_notification_arrives_after_its_commit_and_after_a_lost_connection(
    postgres_place: URL,
) -> None:
    arrived: asyncio.Queue[str] = asyncio.Queue()
    notifications = Notifications(postgres_place, arrived.put_nowait)
    listening = asyncio.create_task(notifications.run())
    await asyncio.wait_for(notifications.listening.wait(), 60)
    async with Bot(postgres_place) as bot:

        def fail(connection: object) -> None:
            notify(connection, "never")  # type: ignore[arg-type]
            raise StoreFailed

        with pytest.raises(StoreFailed):
            await bot.run(fail)
        await bot.run(lambda connection: notify(connection, f"{TASK}task-1"))
        assert await asyncio.wait_for(arrived.get(), 60) == f"{TASK}task-1"
        sql(postgres_place, END_SESSIONS)
        while not arrived.qsize():
            await bot.run(lambda connection: notify(connection, "again"))
            await asyncio.sleep(0.01)
        assert arrived.get_nowait() == "again"
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_a_limit_for_idle_sessions_ends_no_listener(
    postgres_place: URL, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever only listens is idle; an ended session misses what comes until it is back (dbos#562)."""
    limited = postgres_place.update_query_dict({"options": "-c idle_session_timeout=100"})
    notifications = Notifications(limited, lambda _payload: None)
    listening = asyncio.create_task(notifications.run())
    await asyncio.wait_for(notifications.listening.wait(), 60)
    await asyncio.sleep(0.5)  # five times the limit, in which nothing may happen
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert "not notified" not in caplog.text


async def test_a_transaction_that_failed_notifies_nobody(postgres_place: URL) -> None:
    async with Bot(postgres_place) as bot:
        payloads: list[str] = []
        bot.on_notify = payloads.append

        def fail(connection: object) -> None:
            notify(connection, "never")  # type: ignore[arg-type]
            raise StoreFailed

        with pytest.raises(StoreFailed):
            await bot.run(fail)
        await bot.run(lambda connection: connection.execute(text("SELECT 1")))
        assert payloads == []
