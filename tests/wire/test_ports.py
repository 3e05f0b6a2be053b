"""Where the process listens: nowhere but for its health, and there only for this machine."""

import asyncio
import re
import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from wire.process import Process, process

LISTENING = "0A"
LOOPBACK = "0100007F"


def _listening(pid: int) -> list[str]:
    """Return the local addresses on which a process listens, as Linux lists them."""
    names = []
    for link in list(Path(f"/proc/{pid}/fd").iterdir()):
        with suppress(FileNotFoundError):  # closed since it was listed, as the listing itself is
            names.append(str(link.readlink()))
    inodes = set(re.findall(r"socket:\[(\d+)\]", " ".join(names)))
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == LISTENING and rest[5] in inodes:
                found.append(local)
    return found


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def probed(here: Process, **env: str) -> tuple[int, str]:
    """Run the container's health check and return its exit code and what it printed."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.monitoring.probe"),
        env={**here.env, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await child.communicate()
    assert child.returncode is not None
    return child.returncode, out.decode()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Linux lists the sockets of a process")
async def test_the_process_listens_for_this_machine_alone_or_nowhere(tmp_path: Path) -> None:
    async with process(tmp_path, HTTP_PORT="0") as here:
        await here.start(wait=False)
        await here.says("serving health and metrics")
        assert here.child is not None
        (address,) = _listening(here.child.pid)
        host, _, port = address.partition(":")
        assert host == LOOPBACK
        assert f"port={int(port, 16)}" in here.log, "the port that was picked is logged"
        assert await probed(here, HTTP_PORT=str(int(port, 16))) == (0, "")
        assert await probed(here, HTTP_PORT=str(int(port, 16)), HTTP_HOST="0.0.0.0") == (0, "")
        await here.stop()
        code, said = await probed(here, HTTP_PORT=str(int(port, 16)))
        assert (code, "no answer" in said) == (1, True)
        await here.start(HTTP_PORT="off")
        assert here.child is not None
        assert _listening(here.child.pid) == []


@pytest.mark.slow
async def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path, taken: int) -> None:
    async with process(tmp_path) as here:
        await here.start(wait=False, HTTP_PORT=str(taken))
        assert await here.ended() == 2
        assert "Traceback" not in here.log
        assert here.said[-1].startswith(f"HTTP_PORT: 127.0.0.1:{taken} is in use by another program: set ")
        assert [request.path for request in here.sim.requests] == [
            "/gateway/bot"
        ]  # whether the token is good


async def test_a_health_check_says_what_it_cannot_know(tmp_path: Path) -> None:
    async with process(tmp_path) as here:
        assert await probed(here, HTTP_PORT="off") == (0, "")
        for port in ("0", "many"):
            code, said = await probed(here, HTTP_PORT=port)
            assert (code, port in said) == (1, True)


@pytest.fixture
def few_files() -> Iterator[int]:
    """Let children begin with fewer open files than the system allows; return how many it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the limits of a process")
async def test_the_process_may_open_as_many_files_as_the_system_allows(
    few_files: int, tmp_path: Path
) -> None:
    async with process(tmp_path) as here:
        await here.start()
        assert here.child is not None
        limits = Path(f"/proc/{here.child.pid}/limits").read_text()
        assert re.search(rf"Max open files +{few_files} +{few_files} ", limits)
