"""What belongs to somebody else is named, and doing what the line says is enough."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from store.places import NOBODY, add, another_user, migrated, opened, stored

from bot.backups.backup import BackupFailed, back_up
from bot.backups.commands import unfinished
from bot.check.run import check_data
from bot.command_line import Exit, main
from bot.store.errors import StoreUnusable
from bot.store.readonly import advice_for
from bot.store.sqlite import SqliteDatabase

OTHERS = hasattr(os, "geteuid") and os.geteuid() == 0
"""Whether this can be somebody else, to whom root's files are closed; else its own are closed to itself."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files have no owner by number here")


async def refusal(path: Path) -> str:
    """Return the line that ends a start; `check` says the same."""
    with pytest.raises(StoreUnusable) as error:
        await SqliteDatabase(path, None).open()
    findings = check_data(path)
    assert str(error.value) in [finding.text for finding in findings if not finding.ok]
    return str(error.value)


def do_what_it_says(line: str) -> None:
    """Run a line's command, as its owner would."""
    command = line.partition("Run: ")[2].removesuffix(", or set DATABASE_URL")
    assert command
    subprocess.run(command, shell=True, check=True)


@pytest.mark.parametrize(
    ("names", "mode"),
    [
        (["bot.db"], 0o600),
        (["bot.db.lock"], 0o644),
        (["bot.db-videos"], 0o700),
        (["bot.db", "bot.db.lock", "bot.db-videos"], 0o500),
    ],
)
async def test_what_a_run_as_somebody_else_left_is_named_file_by_file(
    names: list[str], mode: int, folder: Path
) -> None:
    path = folder / "bot.db"
    path.write_bytes(migrated())
    (folder / "bot.db.lock").touch()
    (folder / "bot.db-videos").mkdir()
    others = [folder / name for name in names]
    for place in folder.iterdir():
        place.chmod(0o777)
    for place in others:
        place.chmod(mode if OTHERS else 0o444)
    with another_user(folder):
        line = await refusal(path)
        assert line.startswith(f"{others[0]} is not writable: it belongs to uid ")
        assert all(str(place) in line for place in others)
    do_what_it_says(line)
    with another_user(folder):
        async with opened(path):
            pass
        assert [finding.ok for finding in check_data(path)] == [True, True]


async def test_a_folder_that_is_to_be_made_in_somebody_elses_is_made_and_nothing_else_is_given_away(
    folder: Path,
) -> None:
    (app := folder / "app").mkdir(mode=0o555)
    path = app / "da ta" / "bot.db"
    with another_user(folder):
        line = await refusal(path)
        if app.stat().st_uid != os.geteuid():
            assert f"Run: install -d -o {os.geteuid()} -g {os.getegid()} '{path.parent}'" in line
        else:
            assert f"Run: chmod -R u+rwX {app}" in line
    do_what_it_says(line)
    with another_user(folder):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(migrated())
        async with opened(path):
            pass


@pytest.mark.parametrize("mode", [0o555, 0o700, 0o000])
async def test_a_folder_of_somebody_else_is_reported_with_both_uids(mode: int, folder: Path) -> None:
    (data := folder / "data").mkdir()
    (data / "bot.db").write_bytes(migrated())
    data.chmod(mode if OTHERS else mode & 0o555)
    with another_user(folder):
        line = await refusal(data / "bot.db")
        if OTHERS:
            uid, gid = os.geteuid(), os.getegid()
            assert f"it belongs to uid 0, the bot runs as uid {uid}. Run: chown -R {uid}:{gid} {data}" in line
        else:
            assert f"Run: chmod -R u+rwX {data}" in line
    do_what_it_says(line)
    with another_user(folder):
        async with opened(data / "bot.db"):
            pass


async def test_what_is_partly_the_bots_own_is_opened_as_well(folder: Path) -> None:
    path = folder / "bot.db"
    path.write_bytes(migrated())
    path.chmod(0o400)
    if OTHERS:
        os.chown(path, NOBODY, NOBODY)
    (folder / "bot.db.lock").touch(mode=0o600 if OTHERS else 0o400)
    with another_user(folder):
        line = await refusal(path)
    do_what_it_says(line)
    with another_user(folder):
        async with opened(path):
            pass


async def test_only_a_folder_that_is_the_bots_alone_is_to_be_given_to_it(folder: Path) -> None:
    (busy := folder / "busy").mkdir()
    (busy / "others.txt").touch()
    busy.chmod(0o555)
    (closed := folder / "closed").mkdir()
    (closed / "data").mkdir()
    closed.chmod(0o700 if OTHERS else 0o000)
    with another_user(folder):
        lines = [await refusal(place) for place in (busy / "bot.db", closed / "data" / "bot.db")]
    closed.chmod(0o755)
    elsewhere = "Set DATABASE_URL to a file in a folder of its own"
    wanted = [f"other things are in it. {elsewhere}", f"to which it is closed. {elsewhere}"]
    own = [f"Run: chmod -R u+rwX {place}" for place in (busy, closed)]  # what is one's own may be opened
    assert [line[-len(end) :] for line, end in zip(lines, own, strict=True)] == own or OTHERS
    assert [line[-len(end) :] for line, end in zip(lines, wanted, strict=True)] == wanted or not OTHERS


async def test_what_cannot_be_read_is_not_reported_as_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "data" / "bot.db"
    path.parent.mkdir()
    path.write_bytes(migrated())
    for closed, mode in ((path, 0o000), (path.parent, 0o000)):
        closed.chmod(mode)
        with another_user(folder):
            with pytest.raises(BackupFailed, match=f"^{closed} cannot be read: it belongs to uid"):
                back_up(path, folder / "copy.db", 0.0)
            with pytest.raises(StoreUnusable, match=f"^{closed} cannot be read: it belongs to uid"):
                unfinished(path)
            monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
            assert main(["watches"]) == Exit.DATA
            assert f"{closed} cannot be read" in capsys.readouterr().err
    path.parent.chmod(0o755)
    path.unlink()
    with another_user(folder), pytest.raises(StoreUnusable, match="there is no database at"):
        unfinished(path)


def test_a_copy_is_not_promised_into_a_folder_that_is_closed(folder: Path) -> None:
    path = folder / "bot.db"
    path.write_bytes(migrated())
    (closed := folder / "closed").mkdir(mode=0o000)
    with another_user(folder), pytest.raises(BackupFailed, match=r"cannot write .*Permission denied"):
        back_up(path, closed / "copy.db", 0.0)
    closed.chmod(0o755)
    assert list(closed.iterdir()) == []


async def test_a_file_system_that_takes_no_writes_is_not_blamed_on_its_owner(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = os.statvfs(folder)
    read_only = os.statvfs_result([*found[:8], found.f_flag | os.ST_RDONLY, *found[9:]])
    monkeypatch.setattr(os, "statvfs", lambda _: read_only)
    folder.chmod(0o555)
    with another_user(folder):
        line = await refusal(folder / "bot.db")
    folder.chmod(0o755)
    assert line.startswith(f"{folder} is not writable: its file system is read-only. Mount it")


async def test_what_is_watched_can_be_read_where_nothing_can_be_written(folder: Path) -> None:
    path = folder / "bot.db"
    async with stored(path) as store:
        await add(store, "a")
    (folder / "copies").mkdir()
    path.chmod(0o444)
    folder.chmod(0o555)
    with another_user(folder / "copies"):
        assert [watch.task_id for watch in unfinished(path)] == ["a"]
        assert back_up(path, folder / "copies", 0.0).stat().st_size > 0
    folder.chmod(0o755)
    assert sorted(file.name for file in folder.iterdir()) == [
        "bot.db",
        "bot.db.last-run",
        "bot.db.lock",
        "copies",
    ]


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (sqlite3.SQLITE_FULL, "free some space"),
        (sqlite3.SQLITE_IOERR | 1 << 8, "its disk, which may be full"),
        (sqlite3.SQLITE_CANTOPEN, "this user may write"),
        (sqlite3.SQLITE_CORRUPT, "restore a backup"),
        (sqlite3.SQLITE_NOTADB, "restore a backup"),
    ],
)
def test_what_the_disk_refuses_is_not_reported_as_damaged(code: int, advice: str) -> None:
    error = sqlite3.OperationalError("no")
    error.sqlite_errorcode = code
    assert advice in advice_for(error)


def test_a_folder_in_the_files_place_is_reported_as_that_and_left_alone(folder: Path) -> None:
    (folder / "data").mkdir()
    (finding,) = check_data(folder / "data")
    assert finding.text == f"{folder}/data is a folder: set DATABASE_URL to a file in it"
    assert [file.name for file in folder.iterdir()] == ["data"]
