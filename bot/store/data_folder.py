"""The data folder: the files beside the database, the lock, and whether this user may access them.

Access is checked for the effective user, as the kernel does, without opening anything.
"""

import errno
import os
import shlex
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import filelock

from bot.store.errors import AnotherBot, StoreUnusable

LOCK_SECONDS: Final = 0.3
"""How long to wait for a lock: `is_locked` holds it for a moment."""
_EFFECTIVE: Final = os.access in os.supports_effective_ids
_ENDINGS: Final = ("", "-wal", "-shm", ".lock", ".last-run", "-videos")
_HARMLESS: Final = {"lost+found"}
"""Other names that may be in a folder used only by the bot."""


def real_path(path: Path) -> Path:
    """Return a path without symbolic links. A loop of them stays; Path.resolve would raise RuntimeError."""
    return Path(os.path.realpath(path))


def beside(database: Path, ending: str) -> Path:
    return database.with_name(f"{database.name}{ending}")


def video_folder(database: Path) -> Path:
    """Return the folder for videos that wait for upload. The bot deletes everything in it."""
    return beside(database, "-videos")


def empty(folder: Path) -> None:
    """Delete what is in a folder, if it exists, without following links.

    Raises:
        OSError: something could not be deleted, or the folder itself is a link.
    """
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "it is a link to another place", str(folder))
    try:
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def empty_video_folder(folder: Path) -> None:
    """Empty the video folder of a database whose lock is held.

    Raises:
        StoreUnusable: it cannot be emptied.
    """
    try:
        empty(folder)
    except OSError as error:
        raise StoreUnusable(f"{folder} cannot be emptied ({error.strerror}): delete it") from None


def lock_of(database: Path) -> filelock.FileLock:
    """Return a database's lock. The path must be resolved, or two names of one file have two locks."""
    return filelock.FileLock(beside(database, ".lock"))


def acquire(lock: filelock.BaseFileLock, database: Path, seconds: float = LOCK_SECONDS) -> None:
    """Acquire a database's lock, waiting at most so many seconds.

    Raises:
        AnotherBot: a running bot holds it.
        OSError: the lock file cannot be created.
    """
    try:
        lock.acquire(timeout=seconds, poll_interval=0.02)
    except filelock.Timeout:
        raise AnotherBot(
            f"another bot is running on {database}: stop it, or give this one its own DATABASE_URL"
        ) from None


@contextmanager
def locked(database: Path, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold a database's lock. Raises what `acquire` raises."""
    lock = lock_of(database)
    acquire(lock, database, seconds)
    try:
        yield
    finally:
        lock.release()


def is_locked(database: Path) -> bool:
    """Return whether a bot is running on a database. Creates no lock file."""
    database = real_path(database)
    lock_file = beside(database, ".lock")
    if exists(lock_file) and is_usable(lock_file):
        with suppress(OSError):
            try:
                with locked(database, seconds=0):
                    pass
            except AnotherBot:
                return True
    return False


def fault_of(database: Path) -> str | None:
    """Return why a database cannot be kept at a path and what to do, without opening anything."""
    folder = nearest_existing(database.parent)
    if os.path.isdir(database):  # noqa: PTH112 Path.is_dir raises if a parent is not accessible
        return f"{database} is a folder: set DATABASE_URL to a file in it"
    if not os.path.isdir(folder):  # noqa: PTH112
        return f"{folder} is not a folder: set DATABASE_URL to a file in one"
    if closed := unusable(database):
        return f"{closed[0]} is not writable: {how_to_use(closed, database)}"
    try:
        os.stat(database)  # noqa: PTH116 as above
    except (FileNotFoundError, PermissionError):
        return None
    except OSError as error:
        return f"{database} cannot be used ({error.strerror}): set DATABASE_URL to another file"
    return None


def unusable(database: Path) -> list[Path]:
    """Return the paths this user may not use: the folder (or its nearest existing parent) or files in it."""
    folder = nearest_existing(database.parent)
    if not is_usable(folder):
        return [folder]
    files = [beside(database, ending) for ending in _ENDINGS]
    return [path for path in files if exists(path) and not is_usable(path)]


def is_usable(path: Path) -> bool:
    """Return whether this user may read and write a file, or use a folder."""
    return _may(path, os.R_OK | os.W_OK)


def is_readable(path: Path) -> bool:
    """Return whether this user may read a file, or what is in a folder."""
    return _may(path, os.R_OK)


def _may(path: Path, mode: int) -> bool:
    if os.path.isdir(path):  # noqa: PTH112 Path.is_dir may raise
        mode = mode & ~os.R_OK | os.X_OK  # the bot lists no folder
    return os.access(path, mode, effective_ids=_EFFECTIVE)


def exists(path: Path) -> bool:
    """Return whether a path exists as far as this user can see."""
    return os.path.exists(path)  # noqa: PTH110 Path.exists raises in a folder that is closed to this user


def nearest_existing(folder: Path) -> Path:
    """Return a folder, or its nearest parent that exists as far as this user can see."""
    return next(path for path in (folder, *folder.parents) if exists(path))


def disk_space(folder: Path) -> tuple[int, int] | None:
    """Return the bytes of the disk that a folder is on, all and free, or None if it is gone."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return usage.total, usage.free


def give_to_owner(path: Path, folder: Path) -> None:
    """Give a file that root has created to the owner of the data's folder."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def how_to_use(paths: Sequence[Path], database: Path) -> str:
    """Return why paths are `unusable` and the command that fixes it, with both uids."""
    if not hasattr(os, "geteuid"):
        return "let this user write it, or set DATABASE_URL"
    uid, gid = os.geteuid(), os.getegid()
    if os.statvfs(paths[0]).f_flag & os.ST_RDONLY:
        return "its file system is read-only. Mount it to be written, or set DATABASE_URL"
    named = shlex.join(str(path) for path in paths)
    owners = {path.stat().st_uid for path in paths} - {uid}
    opening = f"chmod -R u+rwX {named}"
    if not owners:
        return f"it belongs to uid {uid}, which the bot runs as, but is closed to it. Run: {opening}"
    fault = f"it belongs to uid {min(owners)}, the bot runs as uid {uid}"
    folder = database.parent
    elsewhere = "Set DATABASE_URL to a file in a folder of its own"
    if paths[0] in folder.parents and not is_readable(paths[0]):
        return f"{fault}, to which it is closed. {elsewhere}"
    if not exists(folder):
        return f"{fault}. Run: install -d -o {uid} -g {gid} {shlex.quote(str(folder))}, or set DATABASE_URL"
    if paths[0] == folder and not _belongs_to_bot(folder, database):
        return f"{fault}, and other things are in it. {elsewhere}"
    command = f"chown -R {uid}:{gid} {named}"
    if any(not _is_open(path.stat().st_mode) for path in paths):
        command += f" && {opening}"
    return f"{fault}. Run: {command}, or set DATABASE_URL"


def how_to_read(path: Path) -> str:
    """Return why a path cannot be read and what to do, with both uids."""
    if not hasattr(os, "geteuid"):
        return "let this user read it"
    uid, gid, owner = os.geteuid(), os.getegid(), path.stat().st_uid
    named = shlex.quote(str(path))
    if owner == uid:
        return f"it belongs to uid {uid}, which this runs as, but is closed to it. Run: chmod u+rX {named}"
    fault = f"it belongs to uid {owner}, this runs as uid {uid}"
    return f"{fault}. Run this as uid {owner}, or: chown {uid}:{gid} {named}"


def _is_open(mode: int) -> bool:
    """Return whether a mode lets the owner use the path."""
    needed = stat.S_IRWXU if stat.S_ISDIR(mode) else stat.S_IRUSR | stat.S_IWUSR
    return mode & needed == needed


def _belongs_to_bot(folder: Path, database: Path) -> bool:
    """Return whether a folder holds only the bot's files. One that cannot be listed counts as empty."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return True
    return all(name.startswith((database.stem, ".")) or name in _HARMLESS for name in names)
