"""Whose a file or folder is, whose it should be, and how it gets there: for the operator's line."""

import os
from pathlib import Path


def whose(place: Path) -> str:
    """Return one sentence about a place that this user may not write; it names both uids and the command."""
    if not hasattr(os, "geteuid"):
        return "let this user write it, or set DATABASE_URL"
    uid, gid = os.geteuid(), os.getegid()
    owner = place.stat().st_uid
    if owner == uid:
        return (
            f"it belongs to uid {uid}, which the bot runs as, but is closed to it. Run: chmod u+rwx {place}"
        )
    return (
        f"it belongs to uid {owner}, the bot runs as uid {uid}. "
        f"Run: chown -R {uid}:{gid} {place}, or set DATABASE_URL"
    )


def nearest(folder: Path) -> Path:
    """Return a folder, or the nearest above it that exists as far as this user can see."""
    return next(place for place in (folder, *folder.parents) if os.path.exists(place))  # noqa: PTH110 Path.exists raises where a folder is closed
