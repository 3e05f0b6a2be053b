"""What holds for every test."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from postgres_server import Server, shared
from sqlalchemy import URL
from store.places import migrate, migrated
from virtual_time import IDLE_ROUNDS

from bot.store.location import Location
from bot.store.schema import metadata

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


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Return the server of this test run."""
    folder = tmp_path_factory.getbasetemp()
    return shared(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


@pytest.fixture(scope="session")
def emptied(postgres: Server) -> Callable[[], URL]:
    """Return what empties this process's database: faster than to make one for each test."""
    name = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}"
    location = migrate(postgres.create(name))
    assert isinstance(location, URL)
    tables = ", ".join(metadata.tables)

    def empty() -> URL:
        with postgres.connected(name) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid != pg_backend_pid()"
            )
            connection.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE".encode())
        return location

    return empty


@pytest.fixture
def postgres_place(emptied: Callable[[], URL]) -> URL:
    """Return an empty database of the newest version."""
    return emptied()


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """Return empty data of the newest version, first in a file, then on a server."""
    if request.param == "postgres":
        found: Location = request.getfixturevalue("postgres_place")
        return found
    path = tmp_path / "bot.db"
    path.write_bytes(migrated())
    return path


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
