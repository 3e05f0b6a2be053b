"""`python -m bot`, from outside: it starts, does the main job, and says clearly why it ends."""

import json
import signal
import sqlite3
from pathlib import Path

import pytest
from wire.place import DONE, TASK, VIDEO, failed, running
from wire.process import KEY, PATIENCE, TOKEN, process

from sim.discord import Fault


async def test_the_process_does_the_main_job(tmp_path: Path) -> None:
    async with process(tmp_path, fresh=True, LOG_LEVEL="DEBUG") as here:
        await here.start()
        here.api.set(TASK, [running(10), running(50), running(90), DONE])
        card = await here.watch(TASK)
        result = await here.result(card)
        assert VIDEO in result.content
        assert result.pings == {here.ada.id}
        here.api.set("failing-1", failed("no faces"))
        assert "no faces" in (await here.type("status", "failing-1")).text
        assert (await here.type("status", "no such id")).ephemeral
        assert (await here.type("status", "unknown-1")).ephemeral
        here.sim.fault(Fault("PATCH", "/webhooks/*", status=401, code=50027))
        here.api.set(
            "more-1", [running(10)] * 3 + [failed("Signed https://cdn.example/x?sig=s3cr3t-signature")]
        )
        await here.result(await here.watch("more-1"))
        assert await here.stop() == 0
        tokens = [invocation.token for invocation in here.sim.invocations]
        assert len(tokens) >= 5
        seen_by_people = "".join(m.text for m in here.sim.messages(here.channel))
        for secret in (TOKEN, KEY, *tokens):
            assert secret not in here.log
            assert secret not in seen_by_people
            assert secret.encode() not in here.stored()
        assert "Traceback" not in here.log
        assert here.sim.unknown_routes == []
        assert all(file.stat().st_mode & 0o077 == 0 for file in tmp_path.glob("bot.db")), "readable by others"


@pytest.mark.slow
async def test_commands_are_written_once_and_watches_outlive_a_restart(tmp_path: Path) -> None:
    async with process(tmp_path, auth="bearer") as here:
        await here.start()
        here.api.set(TASK, running(10))
        card = await here.watch(TASK)
        assert await here.stop(signal.SIGINT) == 0
        await here.start()
        assert here.sim.command_writes == 1
        here.api.set(TASK, DONE)
        await here.result(card)
        assert await here.stop() == 0
        assert len(here.replies(card)) == 1


@pytest.mark.slow
async def test_it_starts_although_discord_is_down_and_stops_when_told(tmp_path: Path) -> None:
    async with process(tmp_path, LOG_FORMAT="json") as here:
        await here.sim.stop()
        await here.start(wait=False)
        await here.says("Discord does not answer")
        here.sim.gateway_down = True
        await here.sim.start()
        await here.sim.wait_for(lambda: here.sim.command_writes > 0, PATIENCE)
        here.sim.gateway_down = False
        await here.sim.wait_ready(PATIENCE)
        here.api.set(TASK, DONE)
        assert VIDEO in (await here.type("watch", TASK)).text
        assert await here.stop() == 0
        entries = [json.loads(line) for line in here.said]
        assert {"time", "level", "logger", "message"} <= entries[0].keys()


@pytest.mark.slow
async def test_it_stops_while_it_waits_for_discord(tmp_path: Path) -> None:
    async with process(tmp_path) as here:
        await here.sim.stop()
        await here.start(wait=False)
        await here.says("Discord does not answer")
        assert await here.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "code", "line"),
    [
        ({"DISCORD_TOKEN": ""}, 2, "DISCORD_TOKEN: required but not set\n"),
        ({"POLL_MIN_SECONDS": "fast"}, 2, "POLL_MIN_SECONDS: "),
        ({"DISCORD_TOKEN": "another.token"}, 3, "DISCORD_TOKEN: rejected by Discord"),
        (
            {"DATABASE_URL": "sqlite:////proc/nowhere/bot.db"},
            4,
            "DATABASE_URL: cannot write in /proc/nowhere",
        ),
    ],
    ids=["missing", "malformed", "wrong token", "unwritable folder"],
)
async def test_what_keeps_it_from_starting_is_one_clear_line(
    env: dict[str, str], code: int, line: str, tmp_path: Path
) -> None:
    async with process(tmp_path, fresh=True) as here:
        await here.start(wait=False, **env)
        assert await here.ended() == code
        assert any(said.startswith(line.strip()) for said in here.said), here.log
        assert "Traceback" not in here.log
        assert "another.token" not in here.log
        if code == 2:
            assert here.sim.requests == []
            assert len(here.said) == 1
        if code == 3:
            assert len(here.sim.requests) == 1
            assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
async def test_a_second_bot_on_the_same_data_says_so_and_ends(tmp_path: Path) -> None:
    async with process(tmp_path) as here:
        await here.start()
        first = here.child
        await here.start(wait=False)
        assert await here.ended() == 5
        assert "another bot is running on" in here.log
        here.child = first


@pytest.mark.slow
async def test_a_token_revoked_while_running_ends_the_process_clearly(tmp_path: Path) -> None:
    async with process(tmp_path) as here:
        await here.start()
        here.sim.world.token = "a.new.token"
        await here.sim.invalidate_sessions(resumable=False)
        assert await here.ended() == 3
        assert "DISCORD_TOKEN: rejected by Discord" in here.log


@pytest.mark.slow
async def test_a_damaged_database_is_left_alone(tmp_path: Path) -> None:
    damaged = b"this is no database" * 100
    (tmp_path / "bot.db").write_bytes(damaged)
    async with process(tmp_path) as here:
        await here.start(wait=False)
        assert await here.ended() == 4
        assert "file is not a database" in here.log
        assert "Traceback" not in here.log
    assert (tmp_path / "bot.db").read_bytes() == damaged


@pytest.mark.slow
async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "bot.db") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    connection.close()
    async with process(tmp_path) as here:
        await here.start(wait=False)
        assert await here.ended() == 4
        assert "written by a newer version" in here.log
