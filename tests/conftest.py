"""What holds for every test."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from virtual_time import IDLE_ROUNDS

# Every run tries the same examples, however slow the machine; `HYPOTHESIS=explore` looks for new ones.
hypothesis.settings.register_profile(
    "repeatable", derandomize=True, max_examples=50, deadline=None, print_blob=True
)
hypothesis.settings.register_profile("explore", max_examples=2_000, deadline=None, print_blob=True)

hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS", "repeatable"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Have one worker more than cores: some tests wait for processes and browsers, in real time."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session", autouse=True)
def _default_loop() -> Iterator[None]:
    """Give the main thread a loop that is closed at the end.

    On Python 3.11 pytest-asyncio asks for the thread's loop, which makes one where there is none; the first
    `asyncio.run` of a test forgets it, and it is complained about wherever the garbage collector meets it.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture(autouse=True)
def _usual_modes() -> Iterator[None]:
    """Begin every test with the usual mask of modes: the command line sets its own."""
    mask = os.umask(0o022)
    yield
    os.umask(mask)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Have a real disk of 16 MiB; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no disk may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let virtual time move on as soon as it may; a test that sends megabytes says itself how soon."""
    for item in items:
        marker = item.get_closest_marker("looptime")
        if marker is not None and "noop_cycles" not in marker.kwargs:
            item.add_marker(pytest.mark.looptime(noop_cycles=IDLE_ROUNDS))


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder to which everybody may come; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
