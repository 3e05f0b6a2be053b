"""The commands as children of a shell: how they are ended, and where their words go."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from store.places import migrated
from wire.process import KEY, PATIENCE, ROOT, TOKEN

BOT = (sys.executable, "-m", "bot")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no signals and no pipes with names here")


def settings(folder: Path, **more: str) -> dict[str, str]:
    return {
        "DISCORD_TOKEN": TOKEN,
        "VEO_API_KEY": KEY,
        "DATABASE_URL": f"sqlite:///{folder}/bot.db",
        "HTTP_PORT": "off",
        "PYTHONPATH": str(ROOT),
        "PATH": os.environ["PATH"],
        **more,
    }


async def opened_by_the_reader(pipe: Path) -> int:
    """Open a pipe for writing as soon as somebody reads it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(OSError):
                return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            await asyncio.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("command", "code"), [((), 0), (("run",), 0), (("check",), 143)])
async def test_sigterm_is_honoured_before_anything_runs(
    command: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    """A pipe for the token's file holds the start where the settings are read."""
    os.mkfifo(pipe := tmp_path / "token")
    env = settings(tmp_path, DISCORD_TOKEN_FILE=str(pipe))
    del env["DISCORD_TOKEN"]
    child = await asyncio.create_subprocess_exec(*BOT, *command, cwd=tmp_path, env=env)
    writer = await opened_by_the_reader(pipe)
    child.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(child.wait(), PATIENCE) == code
    os.close(writer)


@pytest.mark.slow
def test_the_last_word_is_json_where_the_log_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    env = settings(tmp_path / "file", LOG_FORMAT="json")
    ended = subprocess.run(BOT, cwd=tmp_path, env=env, capture_output=True, check=False, timeout=PATIENCE)
    assert ended.returncode == 4
    last = json.loads(ended.stderr.splitlines()[-1])
    assert last["level"] == "CRITICAL"
    assert last["message"].startswith(f"DATABASE_URL: {tmp_path / 'file'} is not a folder: ")


@pytest.mark.slow
@pytest.mark.slow
def test_a_terminal_that_knows_no_marks_gets_the_report(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    command = [*BOT, "check"]
    ended = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, check=False, timeout=PATIENCE, text=True
    )
    assert (ended.returncode, ended.stderr) == (6, "")
    assert "\\u2717 settings" in ended.stdout


@pytest.mark.slow
def test_a_reader_that_has_enough_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "bot.db").write_bytes(migrated())
    reader, writer = os.pipe()
    os.close(reader)
    command = [*BOT, "watches"]
    ended = subprocess.run(
        command, env=settings(tmp_path), stdout=writer, stderr=subprocess.PIPE, check=False, timeout=PATIENCE
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")
