"""A restore: the data is the backup or unchanged, and the earlier data is kept as a backup."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from made import NOW
from store.places import add, another_user, migrated, opened, sql, stored

from bot.backups.backup import back_up
from bot.backups.restore import RestoreFailed, restore
from bot.command_line import Exit, main
from bot.store.errors import AnotherBot, StoreUnusable

ROOT: Final = Path(__file__).parents[2]
ASIDE: Final = "bot-replaced-2026-01-01-000000.db"


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


async def test_the_data_is_the_backup_and_what_it_was_is_a_backup(path: Path) -> None:
    backup = await backed_up(path, "a")
    async with stored(path) as store:
        await add(store, "b", message_id=2)
    owner = path.stat().st_ino
    assert restore(backup, path, NOW) == path.with_name(ASIDE)
    assert watched(path) == ["a"]
    assert watched(path.with_name(ASIDE)) == ["a", "b"]
    assert path.stat().st_ino == owner, "the same file with the same owner"
    assert path.with_name(ASIDE).stat().st_mode & 0o077 == 0
    assert watched(backup) == ["a"]
    async with stored(path) as store:
        await add(store, "c", message_id=3)
    undone = restore(path.with_name(ASIDE), path, NOW + 1)
    assert watched(path) == ["a", "b"]
    assert undone is not None
    assert watched(undone) == ["a", "c"]
    assert watched(path.with_name(ASIDE)) == ["a", "b"], "what was restored is still there"


async def test_nothing_that_was_kept_is_overwritten(path: Path) -> None:
    backup = await backed_up(path, "a")
    restore(backup, path, NOW)
    async with stored(path) as store:
        await add(store, "b", message_id=2)
    with pytest.raises(RestoreFailed, match="exists already"):
        restore(backup, path, NOW)
    assert watched(path) == ["a", "b"]


@pytest.mark.parametrize("kind", ["backup", "data"])
async def test_what_is_still_in_a_log_of_writes_belongs_to_the_file(kind: str, path: Path) -> None:
    backup = await backed_up(path, "a")
    async with stored(path) as store:
        await add(store, "b", message_id=2)
        killed = path.parents[1] / "killed"
        shutil.copytree(path.parent, killed)
    assert (killed / "bot.db-wal").stat().st_size > 0
    if kind == "backup":
        restore(killed / "bot.db", path, NOW)
        assert watched(path) == ["a", "b"]
    else:
        restore(backup, killed / "bot.db", NOW)
        assert watched(killed / "bot.db") == ["a"]
        assert watched(killed / ASIDE) == ["a", "b"]


async def test_damaged_data_is_replaced_and_kept_as_it_is(path: Path) -> None:
    backup = await backed_up(path, "a")
    path.write_bytes(damaged := os.urandom(5_000))
    path.with_name("bot.db-wal").write_bytes(b"stale")
    aside = restore(backup, path, NOW)
    assert aside is not None
    assert watched(path) == ["a"]
    assert aside.read_bytes() == damaged
    assert aside.with_name(f"{aside.name}-wal").read_bytes() == b"stale"
    assert not list(path.parent.glob("bot.db-*"))
    assert not list(path.parent.glob("*.part"))


@pytest.mark.parametrize("content", [None, b""])
async def test_where_there_is_no_data_there_is_the_backup_then(
    content: bytes | None, path: Path, tmp_path: Path
) -> None:
    backup = await backed_up(path, "a")
    new = tmp_path / "new" / "bot.db"
    if content is not None:
        new.parent.mkdir()
        new.write_bytes(content)
    assert restore(backup, new, NOW) is None
    assert watched(new) == ["a"]


async def test_a_running_bot_keeps_its_data(path: Path) -> None:
    backup = await backed_up(path, "a")
    async with stored(path) as store:
        await add(store, "b", message_id=2)
        with pytest.raises(AnotherBot, match="a bot is running on"):
            restore(backup, path, NOW)
        assert len(await store.unfinished()) == 2
    assert watched(path) == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "there is no database at"),
        (b"", "is empty: name a file"),
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
        restore(other, path, NOW)
    with pytest.raises(RestoreFailed, match="is the data itself"):
        restore(path, path, NOW)
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["bot.db", "bot.db.last-run", "bot.db.lock"]


async def test_another_programs_database_is_not_replaced(path: Path) -> None:
    backup = await backed_up(path, "a")
    theirs = path.with_name("theirs.db")
    sql(theirs, "CREATE TABLE theirs (x)")
    before = theirs.read_bytes()
    with pytest.raises(RestoreFailed, match="is another program's: set DATABASE_URL"):
        restore(backup, theirs, NOW)
    assert theirs.read_bytes() == before


async def test_a_folder_that_is_closed_is_reported_with_the_command(folder: Path) -> None:
    (folder / "data").mkdir()
    path = folder / "data" / "bot.db"
    backup = await backed_up(path, "a")
    backup.chmod(0o644)
    path.parent.chmod(0o555)
    with another_user(folder), pytest.raises(StoreUnusable, match=f"Run: ch.* {path.parent}"):
        restore(backup, path, NOW)
    path.parent.chmod(0o755)
    assert watched(path) == ["a"]


@pytest.mark.skipif(sys.platform == "win32", reason="files have no owner by number here")
@pytest.mark.parametrize("there", [True, False])
async def test_what_root_restores_is_the_bots(there: bool, folder: Path) -> None:
    """As root in a folder of somebody else's; for others nothing is to be given."""
    backup = await backed_up(folder / "data" / "bot.db", "a")
    if not there:
        shutil.rmtree(folder / "data")
        (folder / "data").mkdir()
    with another_user(folder / "data"):
        owner = os.geteuid()
    for file in (folder / "data").iterdir():
        os.chown(file, owner, -1)
    restore(backup, folder / "data" / "bot.db", NOW)
    assert {file.stat().st_uid for file in (folder / "data").iterdir()} == {owner}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a file's size has no limit here")
def test_a_disk_that_is_full_leaves_the_data_as_it_was(path: Path) -> None:
    backup = asyncio.run(backed_up(path, "a"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO meta VALUES ('much', ?)", ("x" * 400_000,))
    ended = subprocess.run(
        f"ulimit -f 500; exec {sys.executable} -m bot restore {backup}",
        shell=True,
        env={"DATABASE_URL": f"sqlite:///{path}", "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == Exit.DATA
    assert ended.stderr.startswith("the current data could not be saved first: ")
    assert "Traceback" not in ended.stderr
    assert sql(path, "SELECT length(value) FROM meta WHERE key = 'much'") == [(400_000,)]
    assert not list(path.parent.glob("*replaced*"))


async def test_the_command_says_where_everything_is(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = await backed_up(path, "a")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
    monkeypatch.chdir(path.parent)
    mask = os.umask(0o022)
    try:
        assert main(["restore", str(backup)]) == Exit.STOPPED
    finally:
        os.umask(mask)
    (aside,) = path.parent.glob("bot-replaced-*.db")
    assert capsys.readouterr().out == f"{path} is now what {backup} was; the earlier data is {aside}\n"
    assert main(["restore", "nothing"]) == Exit.DATA
    assert "there is no database at" in capsys.readouterr().err
    async with opened(path):
        assert main(["restore", str(backup)]) == Exit.ANOTHER_BOT
    assert capsys.readouterr().err.startswith("DATABASE_URL: a bot is running")
