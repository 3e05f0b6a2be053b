"""Follow the pages as a newcomer does, from a fresh copy of the sources to a bot that is ready, and time it.

    python -m tools.newcomer pip [--python PYTHON]
    python -m tools.newcomer pipx
    sudo .venv/bin/python -m tools.newcomer docker --root ROOT [--bind PATH]

It runs the commands of README.md and docs/setup.md as they stand there, in an empty home, and fills in `.env`
as soon as there is one. Discord and the task API are the simulators. Docker's commands go to
tools/follow_dockerfile.py, whose --help says how ROOT is made and what to bind.
"""

import argparse
import asyncio
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sim.discord import DiscordSim
from sim.task_api.server import RenderApi

HERE: Final = Path(__file__).parents[1]
TOKEN: Final = "simulated.bot.token-0123456789"
KEY: Final = "veo-key-0123456789"
PATIENCE: Final = 900.0
"""Seconds after which a command is taken to be stuck."""
NOT_CLONED: Final = (
    ".git",
    ".venv*",
    ".env",
    "data",
    "secrets",
    "mutants",
    "__pycache__",
    ".*_cache",
    "*.mo",
)
WAYS: Final[dict[str, list[tuple[str, str, int | None]]]] = {
    "pip": [("README.md", "Set it up in five steps", 1), ("docs/setup.md", "With pip", None)],
    "pipx": [("docs/setup.md", "With pipx", None)],
    "docker": [("README.md", "Set it up in five steps", None)],
}
"""What a newcomer reads: pages, their headings, and how many of the blocks of commands."""


class Stuck(Exception):
    """A command of the pages did not do what it should."""


def commands(way: str, pages: Path) -> Iterator[str]:
    """Yield the commands of one way, in order."""
    for page, heading, count in WAYS[way]:
        text = (pages / page).read_text("utf-8")
        section = re.split(rf"(?m)^#+ {re.escape(heading)}$", text)[1]
        section = re.split(r"(?m)^##? ", section)[0]
        for block in re.findall(r"(?ms)^ *```sh\n(.*?)^ *```", section)[:count]:
            yield from re.sub(r"\\\n\s*", "", block).split("\n")


@dataclass
class Newcomer:
    """Somebody at a shell, with an empty home and a fresh copy of the sources."""

    home: Path
    clone: Path
    settings: dict[str, str]
    path: list[Path] = field(default_factory=list)
    times: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._folder = self.clone
        places = [*self.path, self.home / ".local/bin", *os.environ["PATH"].split(":")]
        self._env = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
        self._env |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        self._env |= {"HOME": str(self.home), "PATH": ":".join(map(str, places))}
        if (config := Path("~/.config/pip/pip.conf").expanduser()).exists():
            self._env.setdefault("PIP_CONFIG_FILE", str(config))

    async def follow(self, lines: list[str]) -> None:
        """Run every command; the last one is the bot or its log, and is stopped once that says `ready`."""
        lines = [line.strip() for line in lines if line.strip()]
        for line in lines[:-1]:
            if line.startswith("cd "):
                self._folder = Path(line.removeprefix("cd ").replace("~", str(self.home)))
                continue
            await self._run(line, until=None)
            self._fill_in()
        await self._run(lines[-1], until=" ready")

    async def _run(self, line: str, until: str | None) -> None:
        begun, said = time.monotonic(), ""
        child = await asyncio.create_subprocess_exec(
            *("bash", "-c", f"exec {line}" if until else line),
            cwd=self._folder,
            env=self._env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert child.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE):
                async for output in child.stdout:
                    said += output.decode(errors="replace")
                    if until and until in said:
                        child.send_signal(signal.SIGTERM)
                        break
                await child.stdout.read()
                code = await child.wait()
        except TimeoutError:
            child.kill()
            raise Stuck(f"{line}: not done after {PATIENCE:.0f} s\n{said}") from None
        self.times.append((time.monotonic() - begun, line))
        if (until not in said) if until else code:
            raise Stuck(f"{line}: exit code {code}\n{said}")

    def _fill_in(self) -> None:
        for place in (self._folder, self.home / "veo-watch-bot"):
            if (file := place / ".env").exists():
                text = file.read_text("utf-8")
                for name, value in self.settings.items():
                    text = re.sub(rf"(?m)^(# )?{name}=.*$", f"{name}={value}", text)
                file.write_text(text, "utf-8")


async def try_way(way: str, newcomer_path: list[Path], work: Path, clone: Path | None = None) -> Newcomer:
    """Follow one way of the pages, between the simulators.

    Raises:
        Stuck: a command failed, or the bot did not become ready.
    """
    (work / "home").mkdir()
    if clone is None:
        clone = Path(shutil.copytree(HERE, work / "clone", ignore=shutil.ignore_patterns(*NOT_CLONED)))
    async with DiscordSim(token=TOKEN) as sim, RenderApi(key=KEY) as api:
        sim.add_guild("Studio").add_channel("renders")
        settings = {
            "DISCORD_TOKEN": TOKEN,
            "VEO_API_KEY": KEY,
            "DISCORD_API_URL": sim.base_url,
            "VEO_API_BASE_URL": api.base_url,
            "HTTP_PORT": "0",
        }
        newcomer = Newcomer(work / "home", clone, settings, newcomer_path)
        await newcomer.follow(list(commands(way, clone)))
    return newcomer


def docker_of(root: Path, work: Path, binds: list[Path]) -> str:
    """Return a `docker` that follows the Dockerfile: `build`, `run` of an image and `logs` of a container."""
    follower = [sys.executable, str(HERE / "tools/follow_dockerfile.py"), str(root), str(work / "image")]
    follower += [part for bind in binds for part in ("--bind", str(bind))]
    quoted = " ".join(f"'{part}'" for part in follower)
    return f"""#!/bin/bash
# Takes options as Docker does: --env-file literally, one NAME=value a line.
command=$1; shift; options=(); detached=
[ $command = build ] && exec {quoted}
[ $command = logs ] && exec tail -n +1 -f {work}/log
while [ "$1" != veo-watch-bot ]; do
    case $1 in
        --env-file)
            while IFS= read -r line; do options+=(--env "$line"); done < <(grep -E '^[A-Z_]+=.' "$2")
            shift 2 ;;
        -d) detached=yes; shift ;;
        --rm | --read-only) shift ;;
        *) shift 2 ;;
    esac
done
shift
if [ $detached ]; then
    : > {work}/log
    {quoted} --built "${{options[@]}}" -- "$@" > {work}/log 2>&1 &
    echo $! > {work}/pid
else
    exec {quoted} --built "${{options[@]}}" -- "$@"
fi
"""


def main() -> int:
    """Follow one way and print what each command took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("--python", type=Path, help="the Python that the newcomer has as python3")
    parser.add_argument(
        "--root", type=Path, help="for docker: a bare root, as for tools/follow_dockerfile.py"
    )
    parser.add_argument("--bind", type=Path, action="append", default=[], help="for docker: as there")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        work = Path(folder)
        (tools := work / "bin").mkdir()
        if chosen.python:
            (tools / "python3").symlink_to(chosen.python.absolute())
        if chosen.way == "docker":
            if chosen.root is None:
                parser.error("docker needs --root")
            (tools / "docker").write_text(docker_of(chosen.root.absolute(), work, chosen.bind))
            (tools / "docker").chmod(0o755)
        try:
            newcomer = asyncio.run(try_way(chosen.way, [tools], work))
        except Stuck as error:
            print(error)
            return 1
        finally:
            if (pid := work / "pid").exists():
                # With the follower's own process all others in its name space end; SIGTERM it leaves to them.
                os.kill(int(pid.read_text()), signal.SIGKILL)
    for seconds, line in newcomer.times:
        print(f"{seconds:6.1f} s  {line}")
    print(f"{sum(seconds for seconds, _ in newcomer.times):6.1f} s  from nothing to ready, with {chosen.way}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
