"""What only a server does: sessions end, commits are in doubt, others hold the lock, URLs are wrong."""

import asyncio
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from cutting_proxy import CuttingProxy
from made import NOW, STARTER, TASK
from postgres_server import GUARDED, PASSWORD, Server
from sqlalchemy import URL, Connection, NullPool, create_engine, insert, select, text
from sqlalchemy.engine import make_url
from store.places import CHANNEL, add, opened, sql, stored, wait_for_waiting

from bot.check.postgres_checks import check_postgres
from bot.core.outcome import Ending, Outcome
from bot.core.task import Task, TaskState
from bot.store.errors import AlreadyWatched, AnotherBot, StoreError, StoreFailed, StoreUnusable
from bot.store.location import Location, database_at, location_of
from bot.store.postgres_facts import reading
from bot.store.recent import Recent
from bot.store.schema import HEAD, MIGRATIONS, ORIGIN, meta
from bot.store.store import Store


@pytest.fixture
def proxy(postgres: Server) -> Iterator[CuttingProxy]:
    with CuttingProxy(postgres.port) as proxy:
        yield proxy


def through(proxy: CuttingProxy, place: URL) -> URL:
    return place.set(port=proxy.port)


def end_sessions(place: URL) -> None:
    """End the sessions of the bot, as a restart or an administrator does."""
    sql(
        place,
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid != pg_backend_pid()",
    )


def note(key: str) -> Any:
    return lambda connection: connection.execute(insert(meta).values(key=key, value="x"))


def noted(connection: Connection) -> list[str]:
    own = ["intents", "oldest_code", ORIGIN]
    query = select(meta.c.key).where(meta.c.key.not_in(own)).order_by(meta.c.key)
    return list(connection.scalars(query))


# Sessions


async def test_a_session_has_the_limits_that_keep_it_from_standing_still(postgres_place: URL) -> None:
    wanted = {
        "statement_timeout": "8s",
        "lock_timeout": "4s",
        "idle_in_transaction_session_timeout": "3s",
        "tcp_keepalives_idle": "2",
        "synchronous_commit": "on",  # the tests' server has it off
    }

    def read(connection: Connection) -> dict[str, Any]:
        return {name: connection.scalar(text(f"SHOW {name}")) for name in wanted}

    async with opened(postgres_place) as database:
        assert await database.run(read) == wanted
        end_sessions(postgres_place)
        assert await database.run(read) == wanted


async def test_a_lost_session_is_replaced_and_the_transaction_runs_again(postgres_place: URL) -> None:
    runs = []

    def halfway(connection: Connection) -> None:
        note("once")(connection)
        runs.append(1)
        if len(runs) == 1:
            end_sessions(postgres_place)

    async with opened(postgres_place) as database:
        end_sessions(postgres_place)
        await database.run(note("first"))
        await database.run(halfway)
        assert await database.run(noted) == ["first", "once"]
    assert len(runs) == 2


async def test_a_commit_whose_answer_is_lost_stores_a_card_once(
    proxy: CuttingProxy, postgres_place: URL
) -> None:
    async with stored(through(proxy, postgres_place)) as store:
        proxy.lose_answer_to = b"COMMIT"
        state = await add(store, TASK, "other")
        assert proxy.lose_answer_to is None
        assert await store.unfinished() == [state]
        assert await store.people.of_card(state.card.id) == [STARTER]
        with pytest.raises(AlreadyWatched):
            await add(store, TASK, message_id=2)
    assert sql(postgres_place, "SELECT count(*) FROM cards") == [(1,)]


async def test_a_commit_in_doubt_after_a_lost_session_stores_a_card_once_as_well(
    proxy: CuttingProxy, postgres_place: URL
) -> None:
    async with stored(through(proxy, postgres_place)) as store:
        write = store._write
        runs = []

        def twice_unlucky(work: Any) -> Any:
            def unlucky(connection: Connection) -> Any:
                runs.append(1)
                if len(runs) == 1:
                    proxy.cut()
                done = work(connection)
                if len(runs) == 2:
                    proxy.lose_answer_to = b"COMMIT"
                return done

            return write(unlucky)

        store._write = twice_unlucky  # type: ignore[misc]
        state = await add(store, TASK)
        store._write = write  # type: ignore[misc]
        assert await store.unfinished() == [state]
    assert len(runs) == 3


@pytest.mark.parametrize("part", ["BEGIN", "INSERT", "COMMIT"])
async def test_wherever_the_connection_breaks_nothing_is_lost_or_doubled(
    part: str, proxy: CuttingProxy, postgres_place: URL
) -> None:
    async with stored(through(proxy, postgres_place)) as store:
        watch = (await add(store)).watches[0]
        for number in range(3):
            proxy.lose_answer_to = part.encode()
            await store.people.follow(watch.card_id, 200 + number, NOW + number)
            await store.remember("key", f"value {number}")
            proxy.lose_answer_to = None
        await store.save_outcomes([(watch.id, Outcome(Ending.EMPTY, NOW))])
        assert await store.people.of_card(watch.card_id) == [STARTER, 200, 201, 202]
        assert await store.remembered("key") == "value 2"
        assert await store.to_announce() == [watch.id]


async def test_a_server_that_is_away_fails_at_once_and_is_used_again_when_it_is_back(
    proxy: CuttingProxy, postgres_place: URL
) -> None:
    async with opened(through(proxy, postgres_place)) as database:
        proxy.away = True
        proxy.cut()
        with pytest.raises(StoreFailed, match="connection"):
            await database.run(note("lost"))
        with pytest.raises(StoreFailed):
            await database.try_to_write()
        proxy.away = False
        await database.run(note("kept"))
        assert await database.run(noted) == ["kept"]


@pytest.mark.parametrize("comes_back", [True, False])
async def test_a_commit_in_doubt_is_asked_about_until_the_server_is_back_or_the_bot_stops(
    comes_back: bool, proxy: CuttingProxy, postgres_place: URL
) -> None:
    with ThreadPoolExecutor(1) as executor:
        async with opened(through(proxy, postgres_place), executor) as database:
            proxy.lose_answer_to, proxy.then_away = b"COMMIT", True
            adding = asyncio.create_task(add(Store(database)))
            assert await asyncio.to_thread(proxy.refused.wait, 60)
            if comes_back:
                proxy.away = False
                assert (await adding).card.id == 1
            else:
                await database.close()
                with pytest.raises(StoreFailed):
                    await adding
    assert sql(postgres_place, "SELECT count(*) FROM cards") == [(1,)]


async def test_a_session_of_ours_that_the_server_still_holds_is_ended(
    proxy: CuttingProxy, postgres_place: URL
) -> None:
    """A network may forget a connection without either end hearing of it."""
    async with opened(through(proxy, postgres_place)) as database:
        proxy.keep_server_side = True
        proxy.cut()
        await database.run(note("kept"))
        assert await database.run(noted) == ["kept"]


async def test_a_bot_that_lost_its_lock_to_another_saves_nothing_more(postgres_place: URL) -> None:
    taken: list[StoreError] = []
    async with opened(postgres_place) as one:
        one.on_taken = taken.append
        await one.run(lambda connection: connection.execute(text("SELECT pg_advisory_unlock_all()")))
        async with opened(postgres_place) as other:
            sql(
                postgres_place,
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name ="
                f" '{one._session_name}'",  # type: ignore[attr-defined]
            )
            with pytest.raises(StoreFailed, match="another bot is running on this database"):
                await one.run(note("late"))
            assert [type(why) for why in taken] == [AnotherBot]
            assert await other.run(noted) == []


MIGRATES = """
import sys
from sqlalchemy import create_engine
from bot.store.location import location_of
from bot.store.migrating import migrate
from bot.store.postgres_session import lock_schema

engine = create_engine(location_of(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
with engine.begin() as connection:
    lock_schema(connection)
    migrate(connection, "it", "a database")
print("migrated")
"""


@pytest.mark.slow
async def test_of_four_processes_that_migrate_at_once_none_fails(postgres: Server) -> None:
    place = location_of(postgres.create("crowd"))
    children = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", MIGRATES, postgres.url("crowd")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdout is not None
        assert await child.stdout.readline() == b"ready\n"
    said = await asyncio.gather(*(child.communicate(b"\n") for child in children))
    assert [out for out, _ in said] == [b"migrated\n"] * 4
    assert sql(place, "SELECT version_num FROM alembic_version") == [(HEAD,)]


# Refused with a line


async def refusal(url: str) -> str:
    with pytest.raises(StoreUnusable) as error:
        await database_at(location_of(url), None).open()
    assert PASSWORD not in str(error.value)
    assert "\n" not in str(error.value)
    checked, running = check_postgres(location_of(url), lambda: NOW)  # type: ignore[arg-type]
    assert not running
    assert not all(result.ok for result in checked)
    return str(error.value)


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        (
            {"database": "nowhere"},
            "it has no such database: create one with CREATE DATABASE nowhere",
        ),
        ({"username": "stranger"}, "it has no such user. Run there: CREATE ROLE stranger LOGIN"),
        ({"username": GUARDED}, "it asks for a password"),
        ({"username": GUARDED, "password": f"not {PASSWORD}"}, "the password or the user is wrong"),
        (
            {"username": GUARDED, "password": PASSWORD},
            "may not create tables. Run there: ALTER DATABASE",
        ),
        ({"port": 1}, "nothing listens there: start the server"),
        ({"host": "nowhere.invalid"}, "no such host is known"),
        ({"host": None, "query": {"host": "/nowhere"}}, "no server runs on this machine's socket"),
        ({"query": {"color": "red"}}, "correct what follows the ?"),
        ({"query": {"sslmode": "require"}}, "the encrypted connection failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-",
)
async def test_what_is_wrong_with_a_url_is_one_line_with_what_to_do(
    change: dict[str, Any], advice: str, postgres: Server
) -> None:
    postgres.create("fresh")
    url = make_url(postgres.url("fresh")).set(**{name: value for name, value in change.items() if value})
    if change.get("host", "") is None:
        url = URL.create("postgresql", "bot", database="fresh", query=change["query"])
    assert advice in await refusal(url.render_as_string(hide_password=False))


async def test_the_password_may_come_from_postgresqls_own_file(
    postgres: Server, postgres_place: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file := tmp_path / "pgpass").write_text(f"*:*:*:{GUARDED}:{PASSWORD}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    with reading(postgres_place.set(username=GUARDED)) as connection:
        assert connection.scalar(text("SELECT current_user")) == GUARDED


async def test_of_several_hosts_the_one_that_takes_writes_is_used(
    postgres: Server, postgres_place: URL
) -> None:
    ports = f"1,{postgres.port}"
    url = f"postgresql:///{postgres_place.database}?user=bot&host=127.0.0.1,127.0.0.1&port={ports}"
    async with stored(location_of(url)) as store:
        await add(store)
    assert sql(postgres_place, "SELECT count(*) FROM cards") == [(1,)]


@pytest.mark.parametrize(("encoding", "locale"), [("SQL_ASCII", "C"), ("LATIN1", "C")])
async def test_another_encoding_than_utf8_is_refused(encoding: str, locale: str, postgres: Server) -> None:
    with postgres.connected() as connection:
        connection.execute("DROP DATABASE IF EXISTS encoded")
        options = f"ENCODING '{encoding}' LOCALE '{locale}' TEMPLATE template0"
        connection.execute(f"CREATE DATABASE encoded {options}".encode())
    line = await refusal(postgres.url("encoded"))
    assert f"encoded in {encoding}: create one with CREATE DATABASE encoded OWNER bot ENCODING 'UTF8'" in line


async def test_another_programs_database_and_that_of_a_newer_version_are_refused(postgres: Server) -> None:
    place = location_of(postgres.create("theirs"))
    sql(place, "CREATE TABLE recipes (name text)")
    assert "another program's database: set DATABASE_URL to a database of its own" in await refusal(
        postgres.url("theirs")
    )
    assert sql(place, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("recipes",)]
    sql(place, "CREATE TABLE alembic_version (version_num text)")
    sql(place, "INSERT INTO alembic_version VALUES ('9999')")
    assert "written by a newer version of this bot (9999)" in await refusal(postgres.url("theirs"))


# The schema


MADE = {
    "tables": "SELECT relname, relkind, relpersistence, reloptions FROM pg_class"
    " WHERE relnamespace = 'public'::regnamespace ORDER BY relname",
    "columns": "SELECT table_name, ordinal_position, column_name, data_type, character_maximum_length,"
    " is_nullable, column_default FROM information_schema.columns WHERE table_schema = 'public'"
    " ORDER BY 1, 2",
    "constraints": "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace ORDER BY conname",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexdef",
}


async def test_a_first_start_makes_what_all_migrations_make(postgres: Server) -> None:
    with postgres.lent("first") as first, postgres.lent("migrated") as migrated:
        async with opened(location_of(first)):
            pass
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("path_separator", "os")
        engine = create_engine(migrated.replace("://", "+psycopg://", 1), poolclass=NullPool)
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)
        for query in MADE.values():
            found = sql(location_of(first), query)
            assert found == sql(location_of(migrated), query)
            assert found
        indexes = str(sql(location_of(first), MADE["indexes"]))
        assert "WHERE ((state)::text = 'live'::text)" in indexes, "not unique over ended watches"


async def test_ids_are_never_used_again(postgres_place: URL) -> None:
    async with stored(postgres_place) as store:
        await add(store)
    sql(postgres_place, "DELETE FROM cards")
    async with stored(postgres_place) as store:
        state = await add(store)
    assert (state.card.id, state.watches[0].id) == (2, 2)


# Texts that a server does not take


@pytest.mark.parametrize("hostile", ["\0", "a\0b", "\ud800", "%\0", "\\"])
async def test_what_cannot_be_stored_is_not_found_either(hostile: str, place: Location) -> None:
    async with opened(place) as database:
        recent = Recent(database)
        assert await recent.ended([1], hostile, NOW, 9, name=hostile) == []


async def test_any_outcome_can_be_stored_and_listed(place: Location) -> None:
    """PostgreSQL's `json` takes NUL and lone surrogates, but reading a part of it may fail."""
    task = Task(TASK, TaskState.ERROR, message="\0 \ud800 \U0001f415")
    outcome = Outcome(Ending.FAILED, NOW, task, message="\0 \ud800 \U0001f415")
    async with opened(place) as database:
        store, recent = Store(database), Recent(database)
        state = await add(store)
        await store.save_outcomes([(state.watches[0].id, outcome)])
        assert (await store.unfinished())[0].watches[0].outcome == outcome
        assert await recent.count_ended([CHANNEL], NOW) == 1
        (listed,) = await recent.ended_page([CHANNEL], NOW, 0, 9)
        assert listed.watch.outcome == outcome


# Several processes


async def test_two_processes_at_once_do_not_exceed_what_a_person_may_have(postgres_place: URL) -> None:
    async with AsyncExitStack() as stack:
        stores = []
        for _ in range(2):
            executor = stack.enter_context(ThreadPoolExecutor(1))
            stores.append(
                Store(await stack.enter_async_context(opened(postgres_place, executor, alone=False)))
            )
        engine = create_engine(postgres_place, poolclass=NullPool)
        with engine.begin() as gate:  # both have to wait to insert, and so have read what the other has not
            gate.execute(text("LOCK TABLE cards IN SHARE MODE"))
            adding = [
                asyncio.ensure_future(
                    add(store, f"task {number}", message_id=number, channel_id=number, per_person=1)
                )
                for number, store in enumerate(stores)
            ]
            await asyncio.to_thread(wait_for_waiting, postgres_place, 2)
        added = await asyncio.gather(*adding, return_exceptions=True)
        assert sorted(type(found).__name__ for found in added) == ["CardState", "TooManyWatches"]
        assert len(await stores[0].unfinished()) == 1
