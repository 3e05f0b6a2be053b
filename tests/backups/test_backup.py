"""A copy that is whole, while others write; or a clear line and no file."""

import os
import threading
from pathlib import Path

import pytest
from made import NOW
from store.places import add, opened, sql, stored

from bot.backups.backup import BackupFailed, back_up
from bot.command_line import Exit, main
from bot.store.schema import HEAD


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


async def test_a_copy_made_while_others_write_holds_every_commit_from_before(path: Path) -> None:
    copies: list[tuple[int, Path]] = []
    async with stored(path) as store:
        done = threading.Event()

        def copy_again_and_again() -> None:
            while not done.is_set():
                before = sql(path, "SELECT count(*) FROM watches")[0][0]
                target = path.with_name(f"copy-{len(copies)}.db")
                back_up(path, target, NOW)
                copies.append((before, target))

        thread = threading.Thread(target=copy_again_and_again)
        thread.start()
        number = 0
        while len(copies) < 5:
            number += 1
            await add(store, f"task-{number}", "other", message_id=number, channel_id=number)
        done.set()
        thread.join()
    for before, target in copies:
        assert sql(target, "PRAGMA integrity_check") == [("ok",)]
        watches = sql(target, "SELECT count(*) FROM watches")[0][0]
        assert watches >= before
        assert watches == 2 * sql(target, "SELECT count(*) FROM cards")[0][0], "no half transaction"


async def test_a_copy_is_one_file_that_the_bot_takes(path: Path, tmp_path: Path) -> None:
    async with stored(path) as store:
        await add(store, "a")
        assert back_up(path, tmp_path / "copy.db", NOW) == tmp_path / "copy.db"
    assert [file.name for file in tmp_path.glob("copy*")] == ["copy.db"]
    assert (tmp_path / "copy.db").stat().st_mode & 0o077 == 0
    async with stored(tmp_path / "copy.db") as store:
        (state,) = await store.unfinished()
    assert [watch.task_id for watch in state.watches] == ["a"]
    assert state.card.created_at == NOW


async def test_the_command_needs_no_secret_and_says_what_it_wrote(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(path):
        pass
    for name in ("DISCORD_TOKEN", "VEO_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(path.parent)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
    assert main(["backup", "copy.db"]) == Exit.STOPPED
    assert capsys.readouterr().out == f"copy.db: {path.with_name('copy.db').stat().st_size} bytes\n"
    assert sql(path.with_name("copy.db"), "SELECT version_num FROM alembic_version") == [(HEAD,)]
    assert main(["backup", "copy.db"]) == Exit.DATA
    assert capsys.readouterr().err == "copy.db exists already: name a new file\n"
    monkeypatch.setenv("DATABASE_URL", "mysql://u:s3cret@h/d")
    assert main(["backup", "other.db"]) == Exit.SETTINGS
    assert "s3cret" not in capsys.readouterr().err


async def test_what_cannot_be_copied_is_reported_and_leaves_no_file(path: Path) -> None:
    target = path.with_name("copy.db")
    with pytest.raises(BackupFailed, match="there is no database at"):
        back_up(path, target, NOW)
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(BackupFailed, match="file is not a database"):
        back_up(path, target, NOW)
    async with opened(path.with_name("good.db")):
        pass
    with pytest.raises(BackupFailed, match="cannot write"):
        back_up(path.with_name("good.db"), path.parent / "nowhere" / "copy.db", NOW)
    assert sorted(file.name for file in path.parent.iterdir() if "copy" in file.name) == []


async def test_what_a_crash_left_of_an_earlier_try_is_no_hindrance(path: Path) -> None:
    async with opened(path):
        pass
    path.with_name("copy.db.part").write_bytes(os.urandom(5_000))
    assert back_up(path, path.with_name("copy.db"), NOW).stat().st_size > 0
    assert not path.with_name("copy.db.part").exists()


async def test_in_a_folder_each_copy_has_a_name_of_its_own(path: Path, tmp_path: Path) -> None:
    async with opened(path):
        pass
    (folder := tmp_path / "backups").mkdir()
    assert back_up(path, folder, NOW) == folder / "bot-2026-01-01-000000.db"
    assert back_up(path, folder, NOW + 1) == folder / "bot-2026-01-01-000001.db"
    with pytest.raises(BackupFailed, match="exists already"):
        back_up(path, folder, NOW)
