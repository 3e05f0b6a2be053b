"""The demo from outside: the tour tells all of the story, Ctrl-C ends the page, faults are explained."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from demo.__main__ import main
from sim.task_api.renders import EXAMPLES, FAILS, TAKES

ROOT = Path(__file__).parents[2]
SECONDS = 180
"""More than any of this takes, on a slow machine too."""

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="a child cannot be sent Ctrl-C alone")


@asynccontextmanager
async def demo(*options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "demo", *options),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SECONDS):
            yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.communicate()


async def end_of(child: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    """Wait for the end; return the exit code, what is left of the output, and the errors."""
    output, errors = await child.communicate()
    return child.returncode, output.decode(), errors.decode()


async def told_until(child: asyncio.subprocess.Process, last: str) -> str:
    assert child.stdout is not None
    printed = ""
    while last not in printed:
        line = await child.stdout.readline()
        assert line, f"the demo ended after telling {printed!r}"
        printed += line.decode()
    return printed


@pytest.mark.slow
async def test_the_tour_sees_the_main_story_happen() -> None:
    async with demo("--tour") as child:
        code, story, errors = await end_of(child)
    assert (code, errors) == (0, "")
    for line in (
        r"Ann: /veo status id:1111",
        r"Rendering +████░░░░░░ 44 %",
        r"✅ Finished",
        r"│ ✅ Finished · Harbour · 1111",
        r"│ video 2 · 127\.0\.0\.1",
        r"│ 📎 Harbour-1\.mp4  📎 Harbour-2\.mp4",
        r"waves\.mp4 downloads",
        r"│ .*content policy",
        r"answers Mei alone",
        r"https://discord\.com/channels/",
        r"64 % · No change since 10 minutes ago",
        r"follows by an edit, which pings nobody:\n +│ 📎 55555555-1\.mp4",
        r"│ ⚠️ 3 of 4 ready · 1 failed · Lighthouse\n +│ ✅ Finished · 1 · result\n",
        r"│ ❌ Failed · 2 · result\n",
        r"A new bot starts on the same database",
        r"there is still this one result",
        r"Marco presses “Notify me",
        r"│ @Ann @Marco",
        r"Mei opens the message's menu",
        r"0 of 2 ready",
        r"0 of 2 ready · 1 failed",
        r"│ Live watches: 1",
        r"│ Only @Mei, who started this watch",
        r"│ Stopped by @Mei",
    ):
        assert re.search(line, story), f"{line} is missing"


@pytest.mark.slow
async def test_the_tour_is_played_in_chinese_too() -> None:
    async with demo("--tour", "--lang", "zh-CN") as child:
        code, story, errors = await end_of(child)
    assert (code, errors) == (0, "")
    for line in (r"生成中 +████", r"✅ 已成功 · 港口", r"❌ 失败", r"Marco 按下“通知我", r"│ 已由 @Mei 停止"):
        assert re.search(line, story), f"{line} is missing"
    for render in (FAILS, TAKES[1]):
        story = story.replace(render.steps[-1].message, "")
    assert not re.search(r"[a-z]+ [a-z]+ [a-z]+ [a-z]+", story)


@pytest.mark.slow
@needs_signals
async def test_a_signal_ends_the_page_in_good_order() -> None:
    async with demo("--port", "0", "--lang", "zh-CN") as child:
        printed = await told_until(child, "按 Ctrl-C 结束演示")
        assert re.search(r"http://127\.0\.0\.1:\d+/#\S+", printed)
        assert all(render.id in printed for render in EXAMPLES)
        child.send_signal(signal.SIGTERM)
        code, rest, errors = await end_of(child)
    assert (code, errors) == (0, "")
    assert "演示已结束。" in rest


@pytest.mark.slow
@needs_signals
async def test_the_task_api_alone_says_how_to_point_a_bot_at_it() -> None:
    async with demo("--api-only", "--speed", "2", "--lang", "zh-CN") as child:
        printed = await told_until(child, EXAMPLES[-1].id)
        assert re.search(r"VEO_API_BASE_URL=http://127\.0\.0\.1:\d+\n", printed)
        child.send_signal(signal.SIGINT)
        code, _, errors = await end_of(child)
    assert (code, errors) == (0, "")


@pytest.mark.parametrize("form", [[], ["--api-only"]])
def test_a_taken_port_is_told_in_one_line(form: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["--port", port, *form]) == 1
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 1
    assert f"another port than {port}" in errors


@pytest.mark.parametrize("options", [["--speed", "0"], ["--port", "70000"]])
def test_an_impossible_option_is_told_in_one_line(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options) == 1
    errors = capsys.readouterr().err
    assert errors.startswith(options[0])
    assert len(errors.splitlines()) == 1
