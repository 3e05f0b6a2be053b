"""The real process as a child: `python -m bot`, configured by its environment alone, in real time."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import openapi
from store.places import migrated

from sim.discord import Channel, DiscordSim, Invocation, Message, User
from sim.task_api.server import RenderApi

ROOT = Path(__file__).parents[2]
KEY = "veo-key-0123456789"
TOKEN = "simulated.bot.token-0123456789"
PATIENCE = 120.0
"""Seconds after which something that a process should do is taken to never happen, on a busy machine too."""


@dataclass
class Process:
    """A bot process between two simulators, with everything it has said so far."""

    sim: DiscordSim
    api: RenderApi
    channel: Channel
    ada: User
    data: Path
    env: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    child: asyncio.subprocess.Process | None = None
    module: str = "bot"
    """What is run: the bot, or something that runs it."""
    _spoke: asyncio.Event = field(default_factory=asyncio.Event)
    _reader: "asyncio.Task[None] | None" = None

    def beside(self, **env: str) -> "Process":
        """Return another process with the same simulators and data, not yet started."""
        return Process(
            self.sim, self.api, self.channel, self.ada, self.data, {**self.env, **env}, module=self.module
        )

    async def start(self, *, wait: bool = True, **env: str) -> None:
        """Start the bot, by default until it is connected and its commands are known."""
        self.child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", self.module),
            cwd=self.data,
            env={**self.env, **env},
            stderr=asyncio.subprocess.PIPE,
            stdin=asyncio.subprocess.DEVNULL,
        )
        self._reader = asyncio.create_task(self._read(self.child))
        if wait:
            await self.sim.wait_ready(PATIENCE)
            await self.sim.wait_for(lambda: self.sim.command_writes > 0, PATIENCE)

    async def stop(self, number: int = signal.SIGTERM, within: float = PATIENCE) -> int:
        """Send a signal and return the exit code."""
        assert self.child is not None
        if self.child.returncode is None:
            self.child.send_signal(number)
        return await self.ended(within)

    async def ended(self, within: float = PATIENCE) -> int:
        assert self.child is not None
        assert self._reader is not None
        code = await asyncio.wait_for(self.child.wait(), within)
        await self._reader
        return code

    async def type(self, command: str, task_id: str) -> Invocation:
        use = await self.sim.slash(self.ada, self.channel, "veo", command, id=task_id)
        return await use.acknowledged(PATIENCE)

    async def watch(self, task_id: str) -> Message:
        card = (await self.type("watch", task_id)).response
        assert card is not None
        return card

    def replies(self, card: Message) -> list[Message]:
        return [m for m in self.sim.messages(card.channel) if m.reference is card]

    async def result(self, card: Message, within: float = PATIENCE) -> Message:
        await self.sim.wait_for(lambda: bool(self.replies(card)), within)
        return self.replies(card)[0]

    async def says(self, text: str, within: float = PATIENCE) -> None:
        """Wait until the process has said something."""
        async with asyncio.timeout(within):
            while text not in self.log:
                self._spoke.clear()
                await self._spoke.wait()

    def stored(self) -> bytes:
        """Return everything that is on the disk."""
        return b"".join(path.read_bytes() for path in self.data.glob("bot.db*") if path.is_file())

    @property
    def log(self) -> str:
        return "".join(self.said)

    async def _read(self, child: asyncio.subprocess.Process) -> None:
        assert child.stderr is not None
        async for line in child.stderr:
            self.said.append(line.decode())
            self._spoke.set()


@asynccontextmanager
async def process(
    data: Path, *, auth: Literal["any", "raw", "bearer"] = "any", fresh: bool = False, **env: str
) -> AsyncIterator[Process]:
    """Set up the simulators; the bot is started by the test and killed at the end if it still runs.

    The data is migrated already, which takes a process half a second, unless it is to begin `fresh`.
    """
    if not fresh and not (data / "bot.db").exists():
        (data / "bot.db").write_bytes(migrated())
    async with DiscordSim(token=TOKEN) as sim, RenderApi(key=KEY, auth=auth, speed=20) as api:
        settings: Mapping[str, str] = {
            "DISCORD_API_URL": sim.base_url,
            "DISCORD_TOKEN": TOKEN,
            "VEO_API_KEY": KEY,
            "VEO_API_BASE_URL": api.base_url,
            "DATABASE_URL": f"sqlite:///{data}/bot.db",
            "POLL_MIN_SECONDS": "0.2",
            "POLL_MAX_SECONDS": "0.4",
            "HTTP_PORT": "off",
            "PYTHONPATH": str(ROOT),
            "PATH": os.environ["PATH"],
            **env,
        }
        channel = sim.add_guild("Studio").add_channel("renders")
        here = Process(sim, api, channel, sim.add_user("Ada"), data, dict(settings))
        try:
            yield here
        finally:
            if here.child is not None and here.child.returncode is None:
                here.child.kill()
                await here.ended()
        openapi.check(sim.requests)
