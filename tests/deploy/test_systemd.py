"""The unit for systemd: what it names exists, and with a real systemd the bot can do all it has to."""

import re
import signal
import subprocess
from os import kill
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from deploy.booted import UNIT, booted, why_not
from wire.place import DONE, running
from wire.process import PATIENCE, process

from bot.app import SHUTDOWN_SECONDS
from bot.command_line import PROGRAM, Exit
from bot.config import SETTINGS

MOST_EXPOSURE: Final = 20
"""Of 100, by `systemd-analyze security`; a unit without any restriction has 96."""
NO_SYSTEMD: Final = why_not()


def values(name: str) -> list[str]:
    """Return the words after each `name=` of the unit."""
    lines = re.findall(rf"(?m)^{name}=(.*)$", UNIT.read_text("utf-8"))
    return [word for line in lines for word in line.split()]


def test_the_unit_starts_the_program_with_settings_that_there_are() -> None:
    (program,) = values("ExecStart")
    assert Path(program).name == PROGRAM
    settings = dict(setting.split("=", 1) for setting in values("Environment"))
    assert {name.lower() for name in settings} <= set(SETTINGS)
    copies = {f"%d/{copy.partition(':')[0]}" for copy in values("LoadCredential")}
    assert copies == {value for name, value in settings.items() if name.endswith("_FILE")}
    (folder,) = values("StateDirectory")
    assert settings["DATABASE_URL"] == f"sqlite:///%S/{folder}/bot.db"


def test_it_restarts_unless_only_a_person_can_help_and_leaves_time_to_stop() -> None:
    assert values("Restart") == ["always"]
    assert values("StartLimitIntervalSec") == ["0"], "else some failed starts end all restarts for good"
    assert set(map(int, values("RestartPreventExitStatus"))) == {Exit.SETTINGS, Exit.TOKEN}
    assert float(values("TimeoutStopSec")[0]) >= 2 * SHUTDOWN_SECONDS


@pytest.mark.parametrize("name", ["MemoryDenyWriteExecute", "ProcSubset"])
def test_it_leaves_out_what_would_break_the_bot(name: str) -> None:
    assert values(name) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [("verify",), ("security", "--offline=true", f"--threshold={MOST_EXPOSURE}")],
    ids=["syntax", "exposure"],
)
def test_systemd_accepts_the_unit_and_finds_it_closed(arguments: tuple[str, ...], tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(re.sub(r"(?m)^ExecStart=.*$", "ExecStart=/bin/true", UNIT.read_text("utf-8")))
    run = subprocess.run(
        ["systemd-analyze", *arguments, str(unit)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert arguments[0] != "verify" or not run.stderr, "unknown names are only warnings"


@pytest.mark.slow
@pytest.mark.skipif(NO_SYSTEMD is not None, reason=str(NO_SYSTEMD))
async def test_the_bot_does_its_job_restarts_and_stops_under_systemd(tmp_path: Path) -> None:
    async with process(tmp_path / "unused", fresh=True) as bot, booted(tmp_path, bot) as systemd:
        await bot.sim.wait_ready(PATIENCE)
        await bot.sim.wait_for(lambda: bot.sim.command_writes > 0, PATIENCE)
        bot.api.set("shot-1", [running(10), DONE])
        card = await bot.watch("shot-1")
        await bot.result(card)
        main = await systemd.main_pid()
        status = Path(f"/proc/{main}/status").read_text()
        assert re.search(r"(?m)^Seccomp:\s+2$", status)
        assert re.search(r"(?m)^CapBnd:\s+0+$", status)
        data = Path(f"/proc/{main}/root/var/lib/veo-watch-bot")
        assert (data / "bot.db").exists()
        assert data.stat().st_mode & 0o077 == 0
        (port,) = re.findall(r"serving health and metrics.*port=(\d+)", systemd.log)
        async with aiohttp.request("GET", f"http://127.0.0.1:{port}/metrics") as response:
            assert "process_start_time_seconds" in await response.text(), "the alert on restarts needs it"

        kill(main, signal.SIGKILL)
        await systemd.shows(NRestarts="1", ActiveState="active")
        bot.api.set("shot-2", [running(10), DONE])
        await bot.sim.wait_ready(PATIENCE)
        await bot.result(await bot.watch("shot-2"))

        await systemd.systemctl("stop", "veo-watch-bot")
        await systemd.shows(ActiveState="inactive", Result="success", ExecMainStatus=str(Exit.STOPPED.value))
        assert "Traceback" not in systemd.log
        assert len(bot.replies(card)) == 1


@pytest.mark.slow
@pytest.mark.skipif(NO_SYSTEMD is not None, reason=str(NO_SYSTEMD))
async def test_a_refused_token_is_not_tried_again_and_again(tmp_path: Path) -> None:
    async with (
        process(tmp_path / "unused", fresh=True) as bot,
        booted(tmp_path, bot, token="wrong.bot.token-0123456789") as systemd,
    ):
        await systemd.shows(ActiveState="failed", ExecMainStatus=str(Exit.TOKEN.value), NRestarts="0")
        assert "DISCORD_TOKEN" in systemd.log
