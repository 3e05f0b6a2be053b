"""A real systemd as the first process of its own namespaces, which runs the bot's unit."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from pages import ROOT
from wire.process import KEY, PATIENCE, TOKEN, Process

UNIT: Final = ROOT / "deploy/veo-watch-bot.service"

# Nothing of this reaches the machine: it has its own mounts and processes, and cgroups below one of its own.
_BOOT: Final = """
set -e
cgroups=$(awk '$3 == "cgroup2" {{print $2; exit}}' /proc/mounts)
mkdir -p "$cgroups/$1"  # one may be left of a test that was killed
remove() {{
    while [ -d "$cgroups/$1" ]; do  # the last processes in it may still be ending
        find "$cgroups/$1" -depth -type d -exec rmdir {{}} \\; 2>/dev/null || sleep 0.05
    done
}}
trap 'remove "$1"' EXIT
sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$cgroups/$1" \
    unshare --mount --pid --ipc --uts --cgroup --fork --kill-child --mount-proc sh -e {folder}/inside
"""
_INSIDE: Final = """
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/upper /run/work
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work /etc
for folder in /opt /var/lib /sys/fs/cgroup; do mount -t tmpfs tmpfs $folder; done
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /opt/python /opt/packages /opt/source /opt/log /etc/veo-watch-bot
mount --bind {python} /opt/python
mount --bind {packages} /opt/packages
mount --bind {root} /opt/source
mount --bind {folder}/log /opt/log
useradd --system --home-dir /var/lib/veo-watch-bot --shell /usr/sbin/nologin veo-watch-bot
umask 077
cp {folder}/env {folder}/discord_token {folder}/veo_api_key /etc/veo-watch-bot/
mount --make-rshared /  # as a machine has it: systemd mounts the credentials from a child of its own
export container=test SYSTEMD_UNIT_PATH={folder}/units
exec /lib/systemd/systemd --system --unit=test.target --log-target=null --show-status=no
"""
# The tests run the source with their own Python and its packages, wherever those are: the unit hides homes.
_DROP_IN: Final = f"""
[Service]
ExecStart=
ExecStart=/opt/python/bin/python{sys.version_info.major}.{sys.version_info.minor} -m bot
Environment=PYTHONPATH=/opt/source:/opt/packages LD_LIBRARY_PATH=/opt/python/lib
RestartSec=1
StandardError=append:/opt/log/log
"""


def why_not() -> str | None:
    """Return why systemd cannot be started here, None if it can."""
    if Path("/proc/1/comm").read_text().strip() == "systemd":
        return "this machine's own systemd would have to share its cgroups"
    if " cgroup2 " not in Path("/proc/mounts").read_text():
        return "cgroups of version 2 are not mounted"
    trial = subprocess.run(
        ["unshare", "--mount", "--pid", "--cgroup", "--fork", "mount", "--make-rprivate", "/"],
        capture_output=True,
        text=True,
        check=False,
    )
    return trial.stderr or None


@dataclass
class Booted:
    """The running systemd; `first` is its process id on this machine."""

    first: int
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "log/log").read_text("utf-8")

    async def systemctl(self, *arguments: str) -> str:
        inside = ("nsenter", f"--target={self.first}", "--mount", "--pid", "--cgroup")
        run = await asyncio.create_subprocess_exec(
            *(*inside, "systemctl", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(PATIENCE):
            said, _ = await run.communicate()
        return said.decode()

    async def shows(self, **wanted: str) -> None:
        """Wait until the service has these properties."""
        found: dict[str, str] = {}
        try:
            async with asyncio.timeout(PATIENCE):
                while not wanted.items() <= found.items():
                    await asyncio.sleep(0.1)
                    said = await self.systemctl("show", "veo-watch-bot", "--property", ",".join(wanted))
                    found = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        except TimeoutError:
            raise AssertionError(f"{found} {self.log}") from None

    async def main_pid(self) -> int:
        """Return the process id of the bot on this machine."""
        inner = (await self.systemctl("show", "veo-watch-bot", "--property", "MainPID")).split("=")[1].strip()
        # Another test may run a systemd of its own at the same time.
        for status in Path("/proc").glob("[0-9]*/status"):
            ids = re.search(r"^NSpid:\s+(\d+)\s+(\d+)$", _read(status), re.MULTILINE)
            if ids is not None and ids[2] == inner and _namespace(int(ids[1])) == _namespace(self.first):
                return int(ids[1])
        raise AssertionError(f"no process {inner}")


@asynccontextmanager
async def booted(folder: Path, bot: Process, token: str = TOKEN) -> AsyncIterator[Booted]:
    """Boot a systemd that runs the unit for a bot between two simulators."""
    units = folder / "units"
    (units / "veo-watch-bot.service.d").mkdir(parents=True)
    (folder / "log").mkdir()
    (folder / "log/log").touch()
    names = ("DISCORD_API_URL", "VEO_API_BASE_URL", "POLL_MIN_SECONDS", "POLL_MAX_SECONDS")
    settings = {name: bot.env[name] for name in names} | {"HTTP_PORT": "0"}
    (folder / "env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    (folder / "discord_token").write_text(token)
    (folder / "veo_api_key").write_text(KEY)
    (units / UNIT.name).write_text(UNIT.read_text("utf-8"))
    (units / "veo-watch-bot.service.d/test.conf").write_text(_DROP_IN)
    for target in ("sysinit", "basic", "network-online", "shutdown"):
        (units / f"{target}.target").write_text("[Unit]\nDefaultDependencies=no\n")
    (units / "test.target").write_text("[Unit]\nWants=veo-watch-bot.service\n")
    packages = sysconfig.get_path("purelib")
    paths = {"folder": folder, "python": sys.base_prefix, "packages": packages, "root": ROOT}
    (folder / "inside").write_text(_INSIDE.format(**paths))
    shell = await asyncio.create_subprocess_exec(
        *("sh", "-c", _BOOT.format(**paths), "boot", f"veo-watch-bot-test-{os.getpid()}"),
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        yield Booted(await _first_process(shell), folder)
    finally:
        for child in _children(shell.pid):
            os.kill(child, signal.SIGKILL)
        await shell.wait()


async def _first_process(shell: asyncio.subprocess.Process) -> int:
    """Wait until systemd answers; return its process id on this machine."""
    async with asyncio.timeout(PATIENCE):
        while shell.returncode is None:
            await asyncio.sleep(0.1)
            for grandchild in chain.from_iterable(map(_children, _children(shell.pid))):
                if _read(Path(f"/proc/{grandchild}/comm")).strip() == "systemd":
                    return grandchild
    raise AssertionError("systemd did not start")


def _children(pid: int) -> list[int]:
    return [int(child) for child in _read(Path(f"/proc/{pid}/task/{pid}/children")).split()]


def _namespace(pid: int) -> Path | None:
    """Return which processes a process sees, None if it has ended."""
    try:
        return Path(f"/proc/{pid}/ns/pid").readlink()
    except OSError:
        return None


def _read(path: Path) -> str:
    """Return the text of a file in /proc, "" if its process has ended."""
    try:
        return path.read_text()
    except OSError:
        return ""
