"""From the start to READY, and at rest: our process beside a bot of ten lines with the same libraries imported."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from discord_sim import DiscordSim

from bench.measure import Say, Section, median
from bot.demo.render_api import RenderApi

ROOT: Final = Path(__file__).parents[1]
TIMES: Final = 5
REST_SECONDS: Final = 2.0
MOST: Final = 1.3
TEN_LINES: Final = """
import os, aiohttp.web, discord, filelock, prometheus_client, pydantic_settings, sqlalchemy
from discord import app_commands
discord.http.Route.BASE = os.environ["DISCORD_API_URL"]
client = discord.AutoShardedClient(intents=discord.Intents(guilds=True))
tree = app_commands.CommandTree(client)
@tree.command()
async def veo(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("hello")
client.run(os.environ["DISCORD_TOKEN"], log_handler=None)
"""
NOT_NEEDED: Final = ("alembic", "playwright", "simcord", "bot.demo")


async def _start(
    sim: DiscordSim, command: list[str], env: dict[str, str], folder: str
) -> tuple[float, float]:
    """Start a process; return the seconds until it was connected, and its memory in MiB at rest."""
    identified = sim.gateway.identifies
    begun = time.perf_counter()
    child = await asyncio.create_subprocess_exec(
        *command, env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        await sim.wait_for(lambda: sim.gateway.identifies > identified, 30)
        seconds = time.perf_counter() - begun
        await asyncio.sleep(REST_SECONDS)
        lines = Path(f"/proc/{child.pid}/status").read_text().splitlines()
        return seconds, next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024
    finally:
        child.terminate()
        await child.wait()


async def _compare(say: Say) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    ours, theirs = [], []
    async with DiscordSim() as sim, RenderApi(key="k") as api:
        sim.add_guild("Studio").add_channel("renders")
        with tempfile.TemporaryDirectory() as folder:
            env = {
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "DISCORD_TOKEN": sim.token,
                "DISCORD_API_URL": sim.base_url,
                "VEO_API_KEY": "k",
                "VEO_API_BASE_URL": api.base_url,
                "DATABASE_URL": f"sqlite:///{folder}/bot.db",
                "HTTP_PORT": "0",
            }
            await _start(sim, [sys.executable, "-m", "bot"], env, folder)  # makes the database
            for turn in range(TIMES):
                say(f"start {turn + 1} of {TIMES}")
                theirs.append(await _start(sim, [sys.executable, "-c", TEN_LINES], env, folder))
                ours.append(await _start(sim, [sys.executable, "-m", "bot"], env, folder))
    return ours, theirs


def _imported() -> list[str]:
    """Return what a start imports although it need not."""
    program = "import sys, bot.command_line, bot.process; print(*sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in NOT_NEEDED if name in out.stdout.split()]


def run(*, short: bool, say: Say) -> Section:  # noqa: ARG001 it is short as it is
    """Compare both, alternating."""
    section = Section("Start and rest")
    ours, theirs = asyncio.run(_compare(say))
    seconds = [median([one[0] for one in found]) for found in (theirs, ours)]
    memory = [median([one[1] for one in found]) for found in (theirs, ours)]
    ratios = seconds[1] / seconds[0], memory[1] / memory[0]
    section.table(
        ["bot", "until connected, s", "at rest, MiB"],
        ["ten lines, the same libraries", f"{seconds[0]:.2f}", f"{memory[0]:.0f}"],
        ["ours", f"{seconds[1]:.2f}", f"{memory[1]:.0f}"],
        ["ratio", f"{ratios[0]:.2f}", f"{ratios[1]:.2f}"],
    )
    unneeded = _imported()
    section.text = (
        f"Imported at the start without need: {', '.join(unneeded) or 'none of ' + ', '.join(NOT_NEEDED)}."
    )
    section.headline = (
        "start to connection; memory at rest",
        f"{seconds[1]:.2f} s; {memory[1]:.0f} MiB",
        f"a bot of ten lines: {seconds[0]:.2f} s; {memory[0]:.0f} MiB",
    )
    section.goal("time to the connection at most 1.3 times the ten lines'", met=ratios[0] <= MOST)
    section.goal("memory at rest at most 1.3 times", met=ratios[1] <= MOST)
    section.goal("alembic, playwright and the demo are not imported", met=not unneeded)
    return section
