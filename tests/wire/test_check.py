"""`python -m bot check`, from outside: a line for each thing, and what to do where it is wrong."""

import asyncio
import json
import socket
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from wire.process import KEY, TOKEN, Process, process

from bot.backups.commands import unfinished
from bot.check import Report
from bot.check.run import check, check_data
from bot.config import Settings
from bot.store.errors import StoreUnusable
from bot.store.location import database_at
from bot.store.sqlite import SqliteDatabase
from sim.discord import Fault
from sim.discord.clients import pointed_at
from sim.task_api.answers import Answer, html_page

HTML = {"body": "<html>", "content_type": "text/html"}


async def checked(here: Process, *arguments: str, **env: str) -> tuple[int, str]:
    """Run the command and return its exit code and what it printed."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "check", *arguments),
        cwd=here.data,
        env={**here.env, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await child.communicate()
    assert child.returncode is not None
    text = out.decode()
    for secret in (TOKEN, KEY):
        assert secret not in text
    return child.returncode, text


async def report(here: Process, ahead: float = 0.0, *, sync: bool = False, **settings: Any) -> Report:
    """Check in this process."""
    values = {
        "discord_token": TOKEN,
        "veo_api_key": KEY,
        "discord_api_url": here.sim.base_url,
        "veo_api_base_url": here.api.base_url,
        "database_url": f"sqlite:///{here.data}/bot.db",
        "http_port": 0,
        **settings,
    }

    def load() -> Settings:
        return Settings(**values)

    with pointed_at(here.sim):
        return await check(load, clock=lambda: time.time() + ahead, sync=sync)


async def found(here: Process, ahead: float = 0.0, **settings: Any) -> dict[str, str]:
    """Check in this process and return what is wrong, by subject."""
    results = (await report(here, ahead, **settings)).results
    return {result.subject: result.text for result in results if not result.ok}


# Beside a running bot, which these tests share


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Process]:
    """Return a running bot with a health server on a port that its settings name."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    async with process(tmp_path_factory.mktemp("bot"), HTTP_PORT=str(port)) as here:
        await here.start()
        yield here


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_all_is_well_also_beside_a_running_bot(bot: Process) -> None:
    code, out = await checked(bot)
    assert code == 0, out
    assert [line[0] for line in out.splitlines()[:-1]] == ["✓"] * 10
    assert "veo_watch, id " in out
    assert "Studio" in out
    assert f"client_id={bot.sim.world.application_id}&scope=bot" in out.splitlines()[-1]
    assert "permissions=274878024704" in out
    assert "✓ already running  yes; a second bot" in out
    assert f"✓ health server    127.0.0.1:{bot.env['HTTP_PORT']} is in use, by the running bot" in out


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_a_report_is_one_object_for_machines(bot: Process) -> None:
    code, out = await checked(bot, "--json", VEO_API_KEY="wrong")
    whole = json.loads(out)
    assert (code, whole["ok"]) == (6, False)
    assert {f["subject"] for f in whole["findings"] if f["ok"]} >= {"settings", "database", "clock"}
    assert [f["subject"] for f in whole["findings"] if not f["ok"]] == ["task API"]
    assert f"client_id={bot.sim.world.application_id}&" in whole["invite"]


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_the_commands_are_written_again_if_asked_beside_a_running_bot(bot: Process) -> None:
    before = bot.sim.command_writes
    code, out = await checked(bot, "--sync")
    assert code == 0, out
    (line,) = (line for line in out.splitlines() if line.startswith("✓ commands"))
    assert "written: " in line
    assert {"veo", "Watch Veo tasks"} == set(line.split(": ")[1].split(". ")[0].split(", "))
    assert bot.sim.command_writes == before + 1


# Beside no bot


async def test_commands_that_discord_refuses_are_named_with_its_answer(tmp_path: Path) -> None:
    async with process(tmp_path) as here:
        here.sim.fault(Fault("PUT", "/applications/*", status=403, code=50001))
        *others, commands = (await report(here, sync=True)).results
        assert all(other.ok for other in others)
        assert not commands.ok
        assert commands.text.startswith("could not be written (403 code 50001)")


async def test_without_settings_it_names_them_and_looks_at_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # no `.env` of anybody's
    monkeypatch.setenv("DISCORD_TOKEN", "")
    monkeypatch.setenv("VEO_API_KEY", KEY)
    monkeypatch.setenv("POLL_MIN_SECONDS", "no")
    out = (await check()).as_text()
    assert "✗ settings         DISCORD_TOKEN: required but not set" in out
    assert "✗ settings         POLL_MIN_SECONDS" in out
    assert "VEO_API_KEY" not in out
    assert "✓ data folder" in out


@pytest.mark.parametrize(
    ("settings", "subject", "what_to_do"),
    [
        ({"discord_token": "wrong"}, "Discord token", "rejected by Discord: get a new one on"),
        ({"veo_api_key": "wrong"}, "task API", "check VEO_API_KEY"),
        ({"discord_api_url": "http://127.0.0.1:9"}, "Discord", "(connection refused): check the network"),
        (
            {"veo_api_base_url": "http://127.0.0.1:9"},
            "task API",
            "refused): check VEO_API_BASE_URL",
        ),
        ({"allowed_guild_ids": frozenset({7})}, "servers", "ALLOWED_GUILD_IDS"),
        ({"ahead": 90.0}, "clock", "+90 s from Discord's: set this machine's clock"),
        ({"ahead": -90.0}, "clock", "-90 s"),
    ],
)
async def test_each_thing_that_is_wrong_is_named_with_what_to_do(
    settings: dict[str, Any], subject: str, what_to_do: str, tmp_path: Path
) -> None:
    async with process(tmp_path) as here:
        wrong = await found(here, **settings)
        assert list(wrong) == [subject]
        assert what_to_do in wrong[subject]


@pytest.mark.parametrize(
    ("path", "answer", "subject", "text"),
    [
        ("/users/@me", {"status": 503}, "Discord", "status 503"),
        ("/users/@me", {"status": 200, **HTML}, "Discord", "unexpected shape"),
        ("/users/@me", {"drop": True, "times": None}, "Discord", "no response (the connection was closed)"),
        ("/applications/@me", {"status": 429, "code": 0}, "Discord", "status 429"),
        ("/users/@me/guilds", {"status": 200, "body": {}}, "Discord", "unexpected shape"),
        ("/users/@me/guilds", {"status": 200, "body": [7, {"id": "x"}]}, "servers", "open the invite link"),
        (
            "/applications/@me",
            {"status": 200, "body": {"id": "1", "interactions_endpoint_url": "https://x.example/\u202ehook"}},
            "interactions",
            "https://x.example/·hook: clear Interactions Endpoint URL",
        ),
        (
            # "Integration requires code grant": nobody can invite such a bot by a link
            "/applications/@me",
            {"status": 200, "body": {"id": "1", "bot_require_code_grant": True}},
            "invite link",
            "https://discord.com/developers/applications/1/bot",
        ),
    ],
)
async def test_whatever_discord_answers_is_a_finding(
    path: str, answer: dict[str, Any], subject: str, text: str, tmp_path: Path
) -> None:
    async with process(tmp_path) as here:
        here.sim.fault(Fault("GET", path, **answer))
        wrong = await found(here)
        assert list(wrong) == [subject]
        assert text in wrong[subject]


async def test_problems_are_listed_in_the_order_in_which_to_fix_them(tmp_path: Path) -> None:
    async with process(tmp_path) as here:
        assert here.channel.guild is not None
        here.channel.guild.remove_bot()
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            whole = await report(here, ahead=90.0, http_port=port, veo_api_key="wrong")
        wrong = [result for result in whole.results if not result.ok]
        assert [result.subject for result in wrong] == ["health server", "clock", "servers", "task API"]
        assert wrong[2].text.endswith(str(whole.invite))
        last = whole.as_text().splitlines()[-1]
        assert last == "Fix what is marked with ✗, from the top; then run `veo-watch-bot check` again."


async def test_a_port_that_another_program_has_is_named(tmp_path: Path) -> None:
    async with process(tmp_path) as here:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            wrong = await found(here, http_port=port)
            assert wrong == {
                "health server": f"127.0.0.1:{port} is in use by another program:"
                " set HTTP_PORT to another port, or to off"
            }
            assert not (tmp_path / "bot.db.lock").exists()
        wrong = await found(here, http_host="192.0.2.1")
        assert "is not an address of this machine" in wrong["health server"]
        out = (await report(here, http_port=port)).as_text()
        assert "✓ already running  no" in out
        assert f"✓ health server    127.0.0.1:{port} is free" in out


async def test_servers_are_named_with_what_the_bot_lacks_there(tmp_path: Path) -> None:
    async with process(tmp_path) as here:
        assert here.channel.guild is not None
        here.channel.guild.set_bot_permissions(1 << 10 | 1 << 11)  # View Channels, Send Messages
        wrong = await found(here)
        assert wrong["server"].endswith(
            "missing permissions: embed links, attach files, read message history, send messages in threads."
            " Open the invite link again"
        )
        here.channel.guild.set_bot_permissions(8)
        assert await found(here) == {}
        here.channel.guild.remove_bot()
        assert list(await found(here)) == ["servers"]


async def test_every_page_of_servers_is_read(tmp_path: Path) -> None:
    async with process(tmp_path) as here:
        page = [{"id": str(n), "name": "x", "permissions": str(1 << 3)} for n in range(1, 201)]
        here.sim.fault(Fault("GET", "/users/@me/guilds", status=200, body=page))
        assert await found(here, allowed_guild_ids=frozenset({1, 200})) == {}
        paths = [request.query for request in here.sim.requests_to("GET", "/users/@me/guilds")]
        assert [query.get("after") for query in paths] == [None, "200"]


@pytest.mark.parametrize(
    ("answer", "text"),
    [(html_page(), "no usable answer"), (None, "no usable answer")],
)
async def test_a_task_api_that_answers_no_task_question_is_named(
    answer: Any, text: str, tmp_path: Path
) -> None:
    async with process(tmp_path) as here:
        if answer is None:
            await here.api.stop()
        else:
            here.api.fail_all(answer)
        assert text in (await found(here))["task API"]


async def test_a_task_api_that_refuses_the_impossible_id_in_its_own_words_answers(tmp_path: Path) -> None:
    async with process(tmp_path) as here:
        here.api.fail_all(Answer.json({"message": "that is no id of ours"}, 400))
        assert "task API" not in await found(here)


# The data


async def _stamped(path: Path, version: str) -> None:
    database = SqliteDatabase(path, None)
    await database.open()
    await database.close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("version", "ok", "text"),
    [
        ("0001", True, "will be migrated to"),
        ("0002", True, "will be migrated to"),
        ("0003", True, "version 0003"),
        ("9999", False, "of a newer version of this bot (9999)"),
    ],
)
async def test_the_version_of_the_data_is_told(version: str, ok: bool, text: str, tmp_path: Path) -> None:
    await _stamped(tmp_path / "bot.db", version)
    before = (tmp_path / "bot.db").read_bytes()
    folder, database = check_data(tmp_path / "bot.db")
    assert (folder.ok, database.ok) == (True, ok)
    assert text in database.text
    assert (tmp_path / "bot.db").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "text"), [(b"no database" * 99, "cannot be read"), (None, "another program's")]
)
def test_a_file_that_is_not_ours_is_told(content: bytes | None, text: str, tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    if content is None:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE theirs (x)")
        connection.close()
    else:
        path.write_bytes(content)
    _, database = check_data(path)
    assert not database.ok
    assert text in database.text


def test_a_folder_that_is_still_to_be_made_is_fine(tmp_path: Path) -> None:
    folder, database = check_data(tmp_path / "a" / "b" / "bot.db")
    assert (folder.ok, database.ok) == (True, True)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("name", ["file/bot.db", "file/a/bot.db", "folder", f"{'x' * 300}/bot.db", "loop"])
async def test_check_and_start_say_the_same_of_a_place_that_cannot_hold_the_data(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    before = sorted(tmp_path.rglob("*"))
    (folder,) = check_data(tmp_path / name)
    assert not folder.ok
    with pytest.raises(StoreUnusable) as refusal:
        database_at(tmp_path / name, None)
    assert str(refusal.value) == folder.text
    with pytest.raises(StoreUnusable) as refusal:
        await SqliteDatabase(tmp_path / name, None).open()
    assert str(refusal.value) == folder.text
    assert sorted(tmp_path.rglob("*")) == before


def test_a_path_that_the_system_will_not_look_at_raises_nothing(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 300) / "bot.db"
    with pytest.raises(StoreUnusable, match="there is no database"):
        unfinished(path)
