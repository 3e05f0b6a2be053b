"""The list of watches from the shell: read-only, beside a running bot, and clear about what is wrong."""

from pathlib import Path

import pytest

from bot.backups.commands import unfinished
from bot.command_line import Exit, main
from bot.core.outcome import Ending, Outcome
from bot.store.database import Database
from bot.store.schema import FINAL, LIVE
from bot.store.sqlite import SqliteDatabase
from bot.store.store import Store

NOW = 1_767_225_600.0


async def _filled(path: Path) -> Database:
    """Open a database with four watches: live, live, ended but not announced, done."""
    database = SqliteDatabase(path, None)
    await database.open()
    store = Store(database)
    place = {"guild_id": 1, "channel_id": 2, "starter_id": 9, "language": "en"}
    await store.add_card(**place, message_id=3, task_ids=["a"], now=NOW)  # type: ignore[arg-type]
    state = await store.add_card(**place, message_id=4, task_ids=["b", "c", "d"], now=NOW + 60)  # type: ignore[arg-type]
    await store.people.follow(state.card.id, 10, NOW)
    ended = [watch.id for watch in state.watches[1:]]
    await store.save_outcomes([(watch_id, Outcome(Ending.STOPPED, NOW + 90)) for watch_id in ended])
    await store.finish(ended[1:])
    return database


async def test_what_is_not_done_is_listed_while_the_bot_holds_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bot.db"
    database = await _filled(path)
    found = unfinished(path)
    assert [(w.task_id, w.state, w.followers) for w in found] == [
        ("a", LIVE, 1),
        ("b", LIVE, 2),
        ("c", FINAL, 2),
    ]
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
    assert main(["watches"]) == Exit.STOPPED
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.split() == [
        "a", "watched", "since", "2026-01-01", "00:00", "UTC", "1", "following", "https://discord.com/channels/1/2/3",
    ]  # fmt: skip
    assert last == "2 watched, 1 ended and not fully posted"
    await database.close()
    before = path.read_bytes()
    assert unfinished(path) == found
    assert path.read_bytes() == before


async def test_a_backup_without_a_place_is_written_beside_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await (await _filled(tmp_path / "bot.db")).close()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'bot.db'}")
    assert main(["backup"]) == Exit.STOPPED
    (copy,) = tmp_path.glob("bot-*.db")
    assert capsys.readouterr().out.startswith(f"{copy}: ")


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "there is no database"), (b"no database" * 99, "could not be read"), (b"", "could not be read")],
)
def test_what_is_no_database_of_ours_is_reported(
    content: bytes | None,
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "bot.db"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
    assert main(["watches"]) == Exit.DATA
    assert why in capsys.readouterr().err
    monkeypatch.setenv("DATABASE_URL", "mysql://x")
    assert main(["watches"]) == Exit.SETTINGS
