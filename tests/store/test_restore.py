"""A backup put back: the data is the backup or as it was, and what it was is kept."""

import os
import shutil
from pathlib import Path

import pytest
from made import NOW
from store.places import add, another_user, migrated, opened, sql, stored

from bot.__main__ import Exit, main
from bot.store.backup import back_up
from bot.store.errors import AnotherBot, StoreUnusable
from bot.store.restore import RestoreFailed, restore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "bot.db"


async def backed_up(path: Path, task: str) -> Path:
    """Return a backup in which one task is watched."""
    async with stored(path) as store:
        await add(store, task)
        return back_up(path, path.parents[1] / f"{task}.db", NOW)


def watched(path: Path) -> list[str]:
    return [task for (task,) in sql(path, "SELECT task_id FROM watches ORDER BY id")]


async def test_the_data_is_the_backup_and_what_it_was_is_kept(path: Path) -> None:
    backup = await backed_up(path, "a")
    async with stored(path) as store:
        await add(store, "b", message_id=2)
    assert restore(backup, path) == path.with_name("bot.db.replaced")
    assert watched(path) == ["a"]
    assert watched(path.with_name("bot.db.replaced")) == ["a", "b"]
    assert path.stat().st_mode & 0o077 == 0
    assert sorted(file.name for file in path.parent.iterdir()) == ["bot.db", "bot.db.lock", "bot.db.replaced"]
    assert watched(backup) == ["a"]
    async with stored(path) as store:
        await add(store, "c", message_id=3)
    restore(path.with_name("bot.db.replaced"), path)
    assert watched(path) == ["a", "b"]
    assert watched(path.with_name("bot.db.replaced")) == ["a", "c"]


async def test_a_log_of_writes_that_a_kill_left_goes_with_the_earlier_data(path: Path) -> None:
    backup = await backed_up(path, "a")
    async with stored(path) as store:
        await add(store, "b", message_id=2)
        killed = path.parents[1] / "killed"
        shutil.copytree(path.parent, killed)
    assert (killed / "bot.db-wal").stat().st_size > 0
    restore(backup, killed / "bot.db")
    assert watched(killed / "bot.db") == ["a"]
    assert watched(killed / "bot.db.replaced") == ["a", "b"]


async def test_damaged_data_is_replaced_and_kept_as_it_is(path: Path) -> None:
    backup = await backed_up(path, "a")
    path.write_bytes(damaged := os.urandom(5_000))
    path.with_name("bot.db-wal").write_bytes(b"stale")
    restore(backup, path)
    assert watched(path) == ["a"]
    assert path.with_name("bot.db.replaced").read_bytes() == damaged


async def test_where_there_is_no_data_there_is_the_backup_then(path: Path, tmp_path: Path) -> None:
    backup = await backed_up(path, "a")
    assert restore(backup, tmp_path / "new" / "bot.db") is None
    assert watched(tmp_path / "new" / "bot.db") == ["a"]


async def test_a_running_bot_keeps_its_data(path: Path) -> None:
    backup = await backed_up(path, "a")
    async with stored(path) as store:
        await add(store, "b", message_id=2)
        with pytest.raises(AnotherBot, match="another bot is running on"):
            restore(backup, path)
        assert len(await store.unfinished()) == 2
    assert watched(path) == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "there is no database at"),
        (b"", "is no backup: name a file"),
        (b"no database" * 99, "cannot be read"),
        ("CREATE TABLE theirs (x)", "is another program's: name a file"),
        ("UPDATE alembic_version SET version_num = '9999'", r"is of a newer version of this bot \(9999\)"),
    ],
)
async def test_what_is_no_backup_of_ours_changes_nothing(
    content: bytes | str | None, why: str, path: Path, tmp_path: Path
) -> None:
    async with opened(path):
        pass
    before = path.read_bytes()
    other = tmp_path / "other.db"
    if isinstance(content, bytes):
        other.write_bytes(content)
    elif content is not None:
        if "theirs" not in content:
            other.write_bytes(migrated())
        sql(other, content)
    with pytest.raises(RestoreFailed, match=why):
        restore(other, path)
    with pytest.raises(RestoreFailed, match="is no backup"):
        restore(path, path)
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["bot.db", "bot.db.lock"]


async def test_a_folder_that_is_closed_is_told_with_the_command(path: Path, tmp_path: Path) -> None:
    backup = await backed_up(path, "a")
    path.parent.chmod(0o555)
    tmp_path.parent.chmod(0o755)
    try:
        with another_user(tmp_path), pytest.raises((StoreUnusable, RestoreFailed)):
            restore(backup, path)
    finally:
        path.parent.chmod(0o755)
    assert watched(path) == ["a"]


async def test_the_command_says_where_everything_is(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = await backed_up(path, "a")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
    monkeypatch.chdir(path.parent)
    assert main(["restore", str(backup)]) == Exit.STOPPED
    assert (
        capsys.readouterr().out == f"{path} is now what {backup} was; the earlier data is {path}.replaced\n"
    )
    assert main(["restore", "nothing"]) == Exit.DATA
    assert "there is no database at" in capsys.readouterr().err
    async with opened(path):
        assert main(["restore", str(backup)]) == Exit.ANOTHER_BOT
    assert "another bot is running" in capsys.readouterr().err
