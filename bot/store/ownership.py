"""What this user may not use of the data, and how that is mended: for the operator's line.

Asked for the user in effect, as the kernel decides; nothing is opened.
"""

import os
import shlex
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_EFFECTIVE: Final = os.access in os.supports_effective_ids
_BESIDE: Final = ("", "-wal", "-shm", ".lock", ".last-run")
_ANYBODYS: Final = {"lost+found"}
"""What may lie in a folder that is nobody else's."""


def refused(database: Path) -> list[Path]:
    """Return what this user may not use: the folder, or the nearest above it, or what the bot keeps in it."""
    folder = nearest(database.parent)
    if not usable(folder):
        return [folder]
    kept = [*(beside(database, ending) for ending in _BESIDE), copies_folder(database)]
    return [place for place in kept if there(place) and not usable(place)]


def beside(database: Path, ending: str) -> Path:
    return database.with_name(f"{database.name}{ending}")


def copies_folder(database: Path) -> Path:
    """Return where videos are kept while they are passed on; the name is nobody else's, for it is emptied."""
    return beside(database, "-videos")


def give_to_the_bot(place: Path, folder: Path) -> None:
    """Let whoever has the data's folder have a file that root has made in it."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        owner = folder.stat()
        os.chown(place, owner.st_uid, owner.st_gid)


def usable(place: Path) -> bool:
    """Tell whether this user may read and write a file, or use a folder."""
    return _may(place, os.R_OK | os.W_OK)


def readable(place: Path) -> bool:
    """Tell whether this user may read a file, or what is in a folder."""
    return _may(place, os.R_OK)


def _may(place: Path, mode: int) -> bool:
    if os.path.isdir(place):  # noqa: PTH112 Path.is_dir may raise
        mode = mode & ~os.R_OK | os.X_OK  # nobody lists it
    return os.access(place, mode, effective_ids=_EFFECTIVE)


def there(place: Path) -> bool:
    """Tell whether there is such a place, as far as this user can see."""
    return os.path.exists(place)  # noqa: PTH110 Path.exists raises where a folder is closed


def nearest(folder: Path) -> Path:
    """Return a folder, or the nearest above it that exists as far as this user can see."""
    return next(place for place in (folder, *folder.parents) if there(place))


def whose(places: Sequence[Path], database: Path) -> str:
    """Return what keeps places (`refused`) from being used, and the command that mends it, with both uids."""
    if not hasattr(os, "geteuid"):
        return "let this user write it, or set DATABASE_URL"
    uid, gid = os.geteuid(), os.getegid()
    if os.statvfs(places[0]).f_flag & os.ST_RDONLY:
        return "its file system is read-only. Mount it to be written, or set DATABASE_URL"
    named = shlex.join(str(place) for place in places)
    owners = {place.stat().st_uid for place in places} - {uid}
    opening = f"chmod -R u+rwX {named}"
    if not owners:
        return f"it belongs to uid {uid}, which the bot runs as, but is closed to it. Run: {opening}"
    fault = f"it belongs to uid {min(owners)}, the bot runs as uid {uid}"
    folder = database.parent
    elsewhere = "Set DATABASE_URL to a file in a folder of its own"
    if places[0] in folder.parents and not readable(places[0]):
        return f"{fault}, to which it is closed. {elsewhere}"
    if not there(folder):
        return f"{fault}. Run: install -d -o {uid} -g {gid} {shlex.quote(str(folder))}, or set DATABASE_URL"
    if places[0] == folder and not _is_the_bots_alone(folder, database):
        return f"{fault}, and other things are in it. {elsewhere}"
    command = f"chown -R {uid}:{gid} {named}"
    if any(not _opened(place.stat().st_mode) for place in places):
        command += f" && {opening}"
    return f"{fault}. Run: {command}, or set DATABASE_URL"


def whose_to_read(place: Path) -> str:
    """Return what keeps a place from being read, and what to do, with both uids."""
    if not hasattr(os, "geteuid"):
        return "let this user read it"
    uid, gid, owner = os.geteuid(), os.getegid(), place.stat().st_uid
    named = shlex.quote(str(place))
    if owner == uid:
        return f"it belongs to uid {uid}, which this runs as, but is closed to it. Run: chmod u+rX {named}"
    fault = f"it belongs to uid {owner}, this runs as uid {uid}"
    return f"{fault}. Run this as uid {owner}, or: chown {uid}:{gid} {named}"


def _opened(mode: int) -> bool:
    """Tell whether a place with such a mode is open to its owner."""
    wanted = stat.S_IRWXU if stat.S_ISDIR(mode) else stat.S_IRUSR | stat.S_IWUSR
    return mode & wanted == wanted


def _is_the_bots_alone(folder: Path, database: Path) -> bool:
    """Tell whether a folder may be given to the bot's user; one that shows nothing is as good as empty."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return True
    return all(name.startswith((database.stem, ".")) or name in _ANYBODYS for name in names)
