"""Follow the Dockerfile's steps without a Docker engine: each stage in a chroot made from a bare root.

    sudo python tools/follow_dockerfile.py ROOT WORK [options] [-- ARGUMENT ...]

ROOT is a bare Debian root with a Python at /usr/local, as `python:3.13-slim` has it. One way to make it, the
Python being a whole installation (PREFIX) that was built for that Debian, such as pyenv's:

    libraries=ca-certificates,netbase,tzdata,libssl3,libsqlite3-0,libffi8,zlib1g,libbz2-1.0,liblzma5
    libraries=$libraries,libreadline8,libuuid1,libncursesw6,libexpat1
    sudo debootstrap --variant=minbase --include=$libraries bookworm ROOT
    sudo cp -a PREFIX/. ROOT/usr/local && sudo chroot ROOT ldconfig
    sudo sed -i '1s,^#!.*/python,#!/usr/local/bin/python,' ROOT/usr/local/bin/pip*

WORK is where the stages are built; it must not exist yet, or hold what was built before, to be run again with
`--built`. The steps use the network, so bind what it needs (read-only): `--bind /etc/resolv.conf`, and where
pip is told to use a mirror, `--bind /etc/pip.conf --bind /etc/ssl/certs`.

What follows `--` is what the finished image is then run with, as `docker run` would: as the user and with the
environment that the Dockerfile says, and with no more of the host's files than was bound; it shares the
host's network. `--` alone runs the image's own command.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parents[1]
ALONE: Final = "FOLLOWING_ALONE"
PATH: Final = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Stage:
    """A root as it stands, and what the image would remember."""

    root: Path
    env: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    user: str = "0:0"
    folder: str = "/"
    entrypoint: list[str] = field(default_factory=list)


def steps(text: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction's word and the rest of it, continued lines joined."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word:
            yield word, rest.strip()


def needed(text: str, target: str) -> list[tuple[str, str]]:
    """Return the instructions of a stage, "final" if it has no name, and of those that it is made from."""
    stages: dict[str, list[tuple[str, str]]] = {}
    for word, rest in steps(text):
        if word.upper() == "FROM":
            stages[rest.partition(" AS ")[2] or "final"] = []
        stages[[*stages][-1]].append((word, rest))
    if target not in stages:
        sys.exit(f"--target: the Dockerfile has {', '.join(stages)}")
    wanted = {target}
    for name in reversed(stages):  # a stage is made from earlier ones
        if name in wanted:
            used = " ".join(rest for _, rest in stages[name])
            wanted |= {other for other in stages if re.search(rf"(^|--from=){other} ", used)}
    return [step for name in stages if name in wanted for step in stages[name]]


def ignored(path: Path, rules: list[str]) -> bool:
    """Tell whether .dockerignore keeps a file out of the context; the last rule that matches decides."""
    name, out = path.as_posix(), False
    parents = [name, *(parent.as_posix() for parent in path.parents)]
    for rule in rules:
        pattern = rule.removeprefix("!")
        short = pattern.removeprefix("**/")
        found = any(fnmatch(parent, pattern) or fnmatch(parent, short) for parent in parents)
        if found or (short != pattern and any(fnmatch(part, short) for part in path.parts)):
            out = not rule.startswith("!")
    return out


def copy(stage: Stage, sources: list[Path], target: str, context: Path | None) -> None:
    rules = [line for line in (HERE / ".dockerignore").read_text().splitlines() if line[:1] not in ("", "#")]
    into = stage.root / target.lstrip("/")
    for source in sources:
        if not source.exists() or (context is not None and ignored(source.relative_to(context), rules)):
            sys.exit(f"COPY: {source} is not there, or left out by .dockerignore")
        if source.is_file():
            into.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, into)
            continue
        for file in sorted(source.rglob("*")):
            if context is not None and ignored(file.relative_to(context), rules):
                continue
            to = into / file.relative_to(source)
            if file.is_dir() and not file.is_symlink():
                to.mkdir(parents=True, exist_ok=True)
                shutil.copymode(file, to)
            else:
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, to, follow_symlinks=False)


def enter(stage: Stage, command: list[str], user: str) -> int:
    """Run a command in a stage, with the stage's environment and nothing else of the host's."""
    uid, _, gid = user.partition(":")
    whole = ["chroot", f"--userspec={uid}:{gid}", "--groups=", stage.root.as_posix()]
    whole += ["/usr/bin/env", "-i", "-C", stage.folder]
    whole += [f"{name}={value}" for name, value in stage.env.items()]
    return subprocess.run([*whole, *command], check=False).returncode


class Builder:
    """Builds every stage under `work`, or if they are `built`, notes what the image is to be run with."""

    def __init__(self, bare: Path, work: Path, binds: list[Path], *, built: bool) -> None:
        self.stage = Stage(bare)
        self._bare, self._work, self._binds, self._built = bare, work, binds, built
        self._stages: dict[str, Stage] = {}

    def take(self, word: str, rest: str) -> None:
        """Follow one instruction."""
        begun = time.monotonic()
        match word.upper():
            case "FROM":
                base, _, name = rest.partition(" AS ")
                self._begin(name or "final", self._stages.get(base))
            case "COPY" | "RUN" if self._built:
                return
            case "COPY":
                self._copy(rest)
            case "RUN":
                if code := enter(self.stage, ["/bin/sh", "-c", rest], self.stage.user):
                    sys.exit(f"exit code {code}: RUN {rest}")
            case _:
                self._note(word.upper(), rest)
        if not self._built:
            print(f"{time.monotonic() - begun:6.1f} s  {word} {rest[:90]}", flush=True)

    def _begin(self, name: str, base: Stage | None) -> None:
        """Begin a stage from an earlier one, or from the bare root."""
        if base is not None:  # what is bound into it is not copied
            bound = [base.root / bind.relative_to("/") for bind in self._binds]
            subprocess.run(["umount", *bound], check=True)
        base, root = base or Stage(self._bare), self._work / name
        if not self._built:
            subprocess.run(["cp", "-a", "--reflink=auto", base.root, root], check=True)
        self.stage = self._stages[name] = replace(base, root=root, env=dict(base.env))
        for bind in self._binds:
            _mount(bind, root)

    def _copy(self, rest: str) -> None:
        *names, target = shlex.split(rest)
        if names[0].startswith("--from="):
            origin = self._stages[names.pop(0).removeprefix("--from=")].root
            copy(self.stage, [origin / name.lstrip("/") for name in names], target, None)
        else:
            copy(self.stage, [HERE / name for name in names], target, HERE)

    def _note(self, word: str, rest: str) -> None:
        match word:
            case "ENV":
                for pair in shlex.split(rest):
                    name, _, value = pair.partition("=")
                    self.stage.env[name] = value.replace("$PATH", self.stage.env["PATH"])
            case "USER":
                self.stage.user = rest
            case "WORKDIR":
                self.stage.folder = rest
                (self.stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "ENTRYPOINT":
                self.stage.entrypoint = json.loads(rest)
            case "LABEL" | "VOLUME" | "HEALTHCHECK":
                pass
            case _:
                sys.exit(f"what is {word}?")


def _mount(place: Path, root: Path) -> None:
    target = root / place.as_posix().lstrip("/")
    if place.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    subprocess.run(["mount", "--bind", place, target], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", target], check=True)


def alone() -> None:
    """Go on in name spaces of our own, whatever ends us: nothing stays mounted, and no step runs on."""
    if os.environ.get(ALONE) is None:
        os.environ[ALONE] = "yes"
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", sys.executable, *sys.argv]
        os.execvp(command[0], command)


def main() -> int:
    """Build, then run what was asked for; the exit code is that of the last command."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="sudo %(prog)s ROOT WORK [options] [-- ARGUMENT ...]",
    )
    parser.add_argument("root", type=Path, metavar="ROOT")
    parser.add_argument("work", type=Path, metavar="WORK")
    place = "a place of the host to be there, read-only"
    parser.add_argument("--bind", type=Path, action="append", default=[], help=place)
    like = "for the run, as docker run -e"
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help=like)
    parser.add_argument("--target", default="final", help="the stage to end with, as docker build --target")
    parser.add_argument("--built", action="store_true", help="run what WORK holds from before")
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    chosen = parser.parse_args(sys.argv[1:end])
    if os.geteuid() != 0:
        parser.error("chroot needs root")
    if not (chosen.root / "usr/local/bin/python3").exists():
        parser.error(f"{chosen.root} has no Python at usr/local: --help says how such a root is made")
    if chosen.work.exists() != chosen.built:
        problem = "is not there" if chosen.built else "exists already: name a new folder"
        parser.error(f"{chosen.work} {problem}")
    if missing := [str(place) for place in chosen.bind if not place.exists()]:
        parser.error(f"--bind: {' '.join(missing)} is not there")
    if wrong := [pair for pair in chosen.env if "=" not in pair]:
        parser.error(f"--env: {' '.join(wrong)} is no NAME=VALUE")
    alone()
    os.umask(0o022)  # as in a build by Docker
    chosen.work.mkdir(parents=True, exist_ok=True)
    builder = Builder(chosen.root, chosen.work, chosen.bind, built=chosen.built)
    for word, rest in needed((HERE / "Dockerfile").read_text(), chosen.target):
        builder.take(word, rest)
    image = builder.stage
    image.env |= dict(pair.split("=", 1) for pair in chosen.env)
    if end == len(sys.argv):
        return 0
    return enter(image, [*image.entrypoint, *sys.argv[end + 1 :]], image.user)


if __name__ == "__main__":
    sys.exit(main())
