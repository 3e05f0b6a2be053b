"""What this user may not use of the data, and how that is mended: for the operator's line.

Asked by the user in effect, as the kernel decides; nothing is opened and nothing is raised.
"""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

COPIES: Final = "tmp"
"""The folder beside the database in which videos are kept while they are passed on."""
_EFFECTIVE: Final = os.access in os.supports_effective_ids
_BESIDE: Final = ("", "-wal", "-shm", ".lock")


def refused(database: Path) -> list[Path]:
    """Return what this user may not use: the folder, or the nearest above it, or what the bot keeps in it."""
    folder = nearest(database.parent)
    if not usable(folder):
        return [folder]
    kept = [database.with_name(f"{database.name}{ending}") for ending in _BESIDE]
    kept.append(database.parent / COPIES)
    return [place for place in kept if there(place) and not usable(place)]


def usable(place: Path) -> bool:
    """Tell whether this user may read and write a file, or use a folder."""
    return _may(place, os.R_OK | os.W_OK)


def readable(place: Path) -> bool:
    """Tell whether this user may read a file, or look into a folder."""
    return _may(place, os.R_OK)


def _may(place: Path, mode: int) -> bool:
    entering = os.X_OK if os.path.isdir(place) else 0  # noqa: PTH112 Path.is_dir may raise
    return os.access(place, mode | entering, effective_ids=_EFFECTIVE)


def there(place: Path) -> bool:
    """Tell whether there is such a place, as far as this user can see."""
    return os.path.exists(place)  # noqa: PTH110 Path.exists raises where a folder is closed


def nearest(folder: Path) -> Path:
    """Return a folder, or the nearest above it that exists as far as this user can see."""
    return next(place for place in (folder, *folder.parents) if there(place))


def whose(places: Sequence[Path], wanted: Path) -> str:
    """Return what keeps places (`refused`) from being used, and the command that mends it, with both uids.

    `wanted` is the folder that the data is to be in, if need be made under the one place.
    """
    if not hasattr(os, "geteuid"):
        return "let this user write it, or set DATABASE_URL"
    uid, gid = os.geteuid(), os.getegid()
    first = places[0]
    if os.statvfs(first).f_flag & os.ST_RDONLY:
        return "its file system is read-only. Mount it to be written, or set DATABASE_URL"
    owner = first.stat().st_uid
    named = shlex.join(str(place) for place in places)
    if owner == uid:
        return (
            f"it belongs to uid {uid}, which the bot runs as, but is closed to it. Run: chmod u+rwX {named}"
        )
    command = f"chown -R {uid}:{gid} {named}"
    if not there(wanted):
        command = f"install -d -o {uid} -g {gid} {shlex.quote(str(wanted))}"
    return f"it belongs to uid {owner}, the bot runs as uid {uid}. Run: {command}, or set DATABASE_URL"
