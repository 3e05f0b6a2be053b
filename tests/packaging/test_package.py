"""What pip installs: a wheel with the bot and nothing else, whether from a clone or a source distribution."""

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import Final

import pytest

import bot
from tools.newcomer import WAYS, commands, try_way

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 600.0
INFO: Final = f"veo_watch_bot-{bot.__version__}.dist-info"


def run(*command: str | Path, cwd: Path, code: int = 0) -> str:
    """Run a command in an environment that sets nothing of the bot's; return what it printed."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HTTP"))}
    ended = subprocess.run(
        command,
        cwd=cwd,
        env={**kept, "PATH": os.environ["PATH"], "HOME": str(cwd)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as file:
        return set(file.namelist())


@pytest.mark.slow
def test_the_wheel_holds_the_bot_its_catalogues_and_migrations_and_nothing_else(wheel: Path) -> None:
    held = names(wheel)
    assert {name.split("/")[0] for name in held} == {"bot", INFO}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "bot").rglob("*.py")}
    catalogues = {
        path.relative_to(ROOT).with_suffix(".mo").as_posix() for path in (ROOT / "bot").rglob("*.po")
    }
    assert any("migrations/versions" in name for name in modules)
    assert catalogues
    assert {name for name in held if name.startswith("bot/")} == modules | catalogues


def test_the_wheel_asks_for_what_the_project_needs_and_installs_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        metadata = message_from_bytes(file.read(f"{INFO}/METADATA"))
        commands = file.read(f"{INFO}/entry_points.txt").decode()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    plain = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert len(plain) == len(project["dependencies"])
    assert "veo-watch-bot = bot.__main__:main" in commands


@pytest.mark.parametrize("way", WAYS)
def test_the_pages_have_commands_for_each_way_down_to_the_bot(way: str) -> None:
    lines = [line.strip() for line in commands(way, ROOT) if line.strip()]
    assert any(".env.example" in line for line in lines)
    assert [line for line in lines if line.endswith("veo-watch-bot check")]
    assert lines[-1].endswith("veo-watch-bot")


@pytest.mark.slow
async def test_the_pages_lead_from_the_source_distribution_to_a_bot_that_is_ready(
    built: Path, wheel: Path, tmp_path: Path
) -> None:
    """With nothing but pip and its index. Then the wheel, and an installation in place, replace it."""
    (sources,) = built.glob("*.tar.gz")
    with tarfile.open(sources) as archive:
        archive.extractall(tmp_path, filter="data")
    clone = tmp_path / sources.name.removesuffix(".tar.gz")
    assert not list(clone.rglob("*.mo"))
    catalogues = list((clone / "bot/locale").rglob("*.po"))
    (python := tmp_path / "bin/python3").parent.mkdir()
    python.symlink_to(Path(sys.base_prefix) / "bin/python3")
    newcomer = await try_way("pip", [python.parent], tmp_path, clone)
    assert newcomer.times[-1][1].endswith("veo-watch-bot")

    command = clone / ".venv/bin/veo-watch-bot"
    (installed,) = (clone / ".venv").rglob(f"{INFO}/RECORD")
    with zipfile.ZipFile(wheel) as file:
        assert files_in(installed.read_text("utf-8")) == files_in(file.read(f"{INFO}/RECORD").decode())
    pip = (command.parent / "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps")
    run(*pip, "--force-reinstall", wheel, cwd=tmp_path)
    works_in_an_empty_folder(command, tmp_path / "with the wheel")
    assert not [path for path in catalogues if path.with_suffix(".mo").exists()]
    run(*pip, "--editable", clone, cwd=tmp_path)
    works_in_an_empty_folder(command, tmp_path / "in place")


def files_in(record: str) -> set[str]:
    """Return the files of the package in a wheel's record, with their hashes."""
    return {line for line in record.splitlines() if line.startswith("bot/") and "__pycache__" not in line}


def works_in_an_empty_folder(command: Path, folder: Path) -> None:
    folder.mkdir()
    assert run(command, "--version", cwd=folder) == f"veo-watch-bot {bot.__version__}\n"
    assert "DISCORD_TOKEN: required but not set" in run(command, "check", cwd=folder, code=6)
    assert list(folder.iterdir()) == []
    code = "from bot.messages import uncompiled_languages; print(uncompiled_languages())"
    assert run(command.parent / "python", "-c", code, cwd=folder) == "[]\n"
