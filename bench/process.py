"""A bot as a process of its own, pinned to one core: the real one as it is shipped, or the plain one."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import aiohttp

from bench import measure
from bench.measure import Used

ROOT: Final = Path(__file__).parents[1]
Which = Literal["ours", "plain"]
COMMANDS: Final[Mapping[Which, tuple[str, ...]]] = {
    "ours": (sys.executable, "-m", "bot"),
    "plain": (sys.executable, str(Path(__file__).with_name("plain_bot.py"))),
}
STOP_SECONDS: Final = 20.0
PROBE_EVERY: Final = 0.05


class Bot:
    """One bot on its data folder; it may be killed and started again."""

    def __init__(self, which: Which, folder: Path, core: int, addresses: Mapping[str, str]) -> None:
        self.which: Final = which
        self.folder: Final = folder
        self._core: Final = core
        self._port: Final = _free_port()
        self._child: asyncio.subprocess.Process | None = None
        self._cpu_before = 0.0
        self._env: Final = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "PYTHONPATH": str(ROOT),
            **addresses,
            "DATABASE_URL": f"sqlite:///{folder}/bot.db",
            "HTTP_PORT": str(self._port),
        }

    async def start(self) -> float:
        """Start the process; return when that was (Unix seconds)."""
        began = time.time()
        with (self.folder / "log.txt").open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                *COMMANDS[self.which],
                cwd=self.folder,
                env=self._env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        measure.pin(self._child.pid, self._core)
        return began

    def used(self) -> Used | None:
        """Say what it has used so far, lives before a restart included."""
        assert self._child is not None
        found = measure.used(self._child.pid)
        return None if found is None else Used(found.cpu + self._cpu_before, found.memory)

    async def stop(self, *, kill: bool = False) -> None:
        child = self._child
        if child is None:
            return
        if child.returncode is None:
            found = self.used()
            self._cpu_before = found.cpu if found else 0.0
            child.kill() if kill else child.terminate()
        try:
            await asyncio.wait_for(child.wait(), STOP_SECONDS)
        except TimeoutError:
            child.kill()
            await child.wait()

    def check(self) -> None:
        """Raise if it has ended by itself, with the last lines that it said."""
        if self._child is not None and self._child.returncode is not None:
            raise RuntimeError(f"{self.which} ended with {self._child.returncode}: {self.last_words()}")

    def last_words(self) -> str:
        return (self.folder / "log.txt").read_text("utf-8", "replace")[-600:]

    async def metrics(self) -> dict[str, float]:
        """Return the real bot's own numbers, those without labels; none where it tells none."""
        try:
            async with aiohttp.ClientSession() as session, session.get(self._url("metrics")) as response:
                lines = (await response.text()).splitlines()
        except (aiohttp.ClientError, TimeoutError):
            return {}
        pairs = [line.split() for line in lines if not line.startswith("#") and "{" not in line]
        return {name: float(value) for name, value in (pair for pair in pairs if len(pair) == 2)}

    async def longest_stall(self, seen: list[float]) -> None:
        """Ask for its health all the while, and note how long each answer took; only the real bot has one."""
        if self.which != "ours":
            return
        async with aiohttp.ClientSession() as session:
            while True:
                began = time.perf_counter()
                try:
                    async with session.get(self._url("healthz")) as response:
                        await response.read()
                    seen.append(time.perf_counter() - began)
                except (aiohttp.ClientError, TimeoutError):
                    pass
                await asyncio.sleep(PROBE_EVERY)

    def _url(self, page: str) -> str:
        return f"http://127.0.0.1:{self._port}/{page}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
