"""Data that somebody has put in place by hand: it is noticed, and what may have been sent is unconfirmed."""

import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from made import NOW
from store.places import add, sql, stored

from bot.core.outcome import Message
from bot.store.errors import StoreUnusable
from bot.store.store import Store
from bot.store.unconfirmed import last_run_file, read_last_run, write_last_run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


async def mark_sending(store: Store, watch_id: int, at: float) -> None:
    await store.results.plan(watch_id, [Message("done")])
    await store.results.mark_sending(watch_id, 1, at)


def unconfirmed(path: Path) -> tuple[float, int] | None:
    """Return since when messages may have been sent, and up to which watch."""
    for (value,) in sql(path, "SELECT value FROM meta WHERE key = 'unconfirmed'"):
        since, last_id = value.split()
        return float(since), int(last_id)
    return None


async def start(path: Path) -> None:
    async with stored(path):
        pass


async def test_data_that_went_on_is_confirmed(path: Path) -> None:
    async with stored(path) as store:
        await add(store, "a", "b")
    for _ in range(3):
        async with stored(path) as store:
            await mark_sending(store, 1, NOW)
    await start(path)
    assert unconfirmed(path) is None


async def test_an_older_file_is_unconfirmed_since_the_last_intent_that_it_knows(path: Path) -> None:
    copy = path.with_name("copy.db")
    async with stored(path) as store:
        await add(store, "a", "b", "c")
        await mark_sending(store, 1, NOW + 10)
    shutil.copyfile(path, copy)
    async with stored(path) as store:
        await mark_sending(store, 2, NOW + 20)
    shutil.copyfile(copy, path)
    await start(path)
    assert unconfirmed(path) == (NOW + 10, 3)
    assert sql(path, "SELECT watch_id, intended_at FROM deliveries") == [(1, NOW + 10)]
    await start(path)
    sql(path, "DELETE FROM meta WHERE key = 'unconfirmed'")
    await start(path)
    assert unconfirmed(path) is None, "it is the data from now on"


async def test_a_copy_made_in_the_run_of_the_mark_is_older_too(path: Path) -> None:
    copy = path.with_name("copy.db")
    async with stored(path) as store:
        await add(store, "a", "b")
        with suppress(FileNotFoundError):
            shutil.copyfile(path.with_name("bot.db-wal"), copy.with_name("copy.db-wal"))
        shutil.copyfile(path, copy)
        await mark_sending(store, 1, NOW + 10)
    shutil.copyfile(copy, path)
    shutil.copyfile(copy.with_name("copy.db-wal"), path.with_name("bot.db-wal"))
    await start(path)
    assert unconfirmed(path) == (0.0, 2)


@pytest.mark.parametrize("mark", ["missing", "empty", "nonsense", "copied"])
async def test_without_a_mark_of_this_place_everything_is_unconfirmed(mark: str, path: Path) -> None:
    async with stored(path) as store:
        await add(store, "a", "b")
        await mark_sending(store, 1, NOW + 10)
    place = last_run_file(path)
    match mark:
        case "missing":
            place.unlink()
        case "empty":
            place.write_bytes(b"")
        case "nonsense":
            place.write_bytes(b"x" * 42)
        case _:
            number, at = place.read_bytes().split()
            place.write_bytes(b"%b %020d\n" % (number, int(at) - 60 * 10**9))
    await start(path)
    assert unconfirmed(path) == (NOW + 10, 2)


async def test_a_mark_that_cannot_be_written_is_reported_at_the_start(path: Path) -> None:
    last_run_file(path).mkdir()
    with pytest.raises(StoreUnusable, match="last-run"):
        await start(path)


async def test_a_first_start_and_a_start_without_watches_leave_nothing_unconfirmed(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await start(path)
    last_run_file(path).unlink()
    await start(path)
    assert unconfirmed(path) is None
    assert "last run" not in caplog.text


async def test_a_full_disk_takes_the_mark(small_disk: Path) -> None:
    database = small_disk / "bot.db"
    write_last_run(database, 1)
    with (small_disk / "full").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert shutil.disk_usage(small_disk).free == 0
    write_last_run(database, 2)
    assert read_last_run(database) == 2


@pytest.mark.slow
async def test_an_older_file_beside_the_log_of_a_newer_one_is_whole_and_unconfirmed(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copy = path.with_name("copy.db")
    async with stored(path) as store:
        await add(store, "a", "b")
    shutil.copyfile(path, copy)
    async with stored(path) as store:
        for number in range(400):
            await add(store, *(f"{number}-{n}" for n in range(10)), message_id=2000 + number)
        await mark_sending(store, 1, NOW)
        log = path.with_name("bot.db-wal").read_bytes()
    path.with_name("bot.db-wal").write_bytes(log)
    shutil.copyfile(copy, path)
    await start(path)
    assert "another file's" in caplog.text
    assert sql(path, "PRAGMA integrity_check") == [("ok",)]
    assert unconfirmed(path) == (0.0, 2)
    await start(path)
