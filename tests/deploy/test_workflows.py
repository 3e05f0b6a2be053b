"""The workflows: what linters find, what each job may do, and that they call what there is."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from pages import ROOT
from wire.process import PATIENCE

FOLDER: Final = ROOT / ".github/workflows"
FILES: Final = sorted(FOLDER.glob("*.yml"))
WORKFLOWS: Final[dict[str, Any]] = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in FILES}
RELEASE: Final = WORKFLOWS["release"]["jobs"]
MAKEFILE: Final = (ROOT / "Makefile").read_text("utf-8")


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [*command],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["actionlint", "-no-color"],
        ["zizmor", "--offline", "--no-progress", "--min-severity=medium", ".github"],
    ],
    ids=lambda command: str(command[0]),
)
def test_linters_find_nothing(command: list[str]) -> None:
    run(Path(sys.executable).with_name(command[0]), *command[1:])


def test_what_the_workflows_make_can_be_made() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", MAKEFILE))
    called = {name for path in FILES for name in re.findall(r"run: make ([a-z-]+)", path.read_text("utf-8"))}
    assert {"check", "demo", "dist"} == called
    assert called <= targets


def test_only_who_publishes_may_write_and_only_who_signs_gets_an_identity() -> None:
    assert WORKFLOWS["ci"]["permissions"] == {"contents": "read"}
    assert WORKFLOWS["release"]["permissions"] == {}
    assert {name: set(job["permissions"].items()) for name, job in RELEASE.items()} == {
        "check": {("contents", "read")},
        "build": {("contents", "read")},
        "release": {("contents", "write"), ("id-token", "write"), ("attestations", "write")},
        "pypi": {("id-token", "write")},
        "image": {
            ("contents", "read"),
            ("packages", "write"),
            ("id-token", "write"),
            ("attestations", "write"),
        },
    }


def test_nothing_is_published_that_was_not_checked_and_nothing_without_provenance() -> None:
    for name in ("release", "pypi", "image"):
        assert "check" in RELEASE[name]["needs"]
    for name in ("build", "image"):
        assert any("GITHUB_REF_NAME" in step.get("run", "") for step in RELEASE[name]["steps"])
    for name in ("release", "image"):
        uses = [step.get("uses", "").partition("@")[0] for step in RELEASE[name]["steps"]]
        assert "actions/attest-build-provenance" in uses
    image = next(step["with"] for step in RELEASE["image"]["steps"] if step.get("id") == "push")
    assert (image["provenance"], image["sbom"], image["push"]) == ("mode=max", True, True)
    sbom = next(step["with"]["sbom-path"] for step in RELEASE["release"]["steps"] if "sbom" in str(step))
    assert f"--output-file {sbom}" in MAKEFILE


@pytest.mark.parametrize("pinned", ["", "@sha256:" + "0" * 64])
def test_one_command_pins_every_stage_of_the_image(pinned: str, tmp_path: Path) -> None:
    digest = "sha256:" + "a1" * 32
    docker = tmp_path / "docker"
    asked = "buildx imagetools inspect python:3.13-slim --format {{.Manifest.Digest}}"
    docker.write_text(f'#!/bin/sh\n[ "$*" = "{asked}" ] && echo {digest}\n')
    docker.chmod(0o755)
    shutil.copy(ROOT / "Makefile", tmp_path)
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    before = re.sub(r"(?m)^FROM python:3\.13-slim(@\S+)?", f"FROM python:3.13-slim{pinned}", dockerfile)
    (tmp_path / "Dockerfile").write_text(before)
    run("make", "-C", tmp_path, "pin-image", PATH=f"{tmp_path}:{os.environ['PATH']}")
    after = (tmp_path / "Dockerfile").read_text("utf-8")
    stages = set(re.findall(r"(?m)^FROM .+ AS (\S+)$", after))
    assert set(re.findall(r"(?m)^FROM (\S+)", after)) - stages == {f"python:3.13-slim@{digest}"}
    assert re.sub(r"@sha256:\w+", "", after) == re.sub(r"@sha256:\w+", "", before)
    assert not (tmp_path / "Dockerfile.bak").exists()
