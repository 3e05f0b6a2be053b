"""The bot, made to stand still at one place in its code: `python -m wire.paused` in place of `python -m bot`.

It stops itself (SIGSTOP) at PAUSE_AT while it posts a result, once the file PAUSE_NOTE has its process id.
"""

import os
import signal
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection

from bot.__main__ import main
from bot.outbound.rest import DiscordRest
from bot.store.deliveries import Deliveries
from bot.store.fenced import FencedDatabase
from bot.store.leases import Leases

BEFORE, AFTER, INSIDE = PLACES = ("before the guard", "after the guard", "inside a transaction")

_posting: ContextVar[bool] = ContextVar("posting", default=False)
_marking: ContextVar[bool] = ContextVar("marking", default=False)
_post, _mark, _guard, _write = (
    DiscordRest.post,
    Deliveries.mark_sending,
    Leases.wait_until_trusted,
    FencedDatabase.write,
)


def stand_still(place: str) -> None:
    """Stop here, if it is the place and the time."""
    note = Path(os.environ["PAUSE_NOTE"])
    if os.environ["PAUSE_AT"] == place and note.exists() and note.read_text() == str(os.getpid()):
        note.unlink()
        os.kill(os.getpid(), signal.SIGSTOP)


async def post(self: DiscordRest, *args: Any, **options: Any) -> int:
    _posting.set(True)
    try:
        return await _post(self, *args, **options)
    finally:
        _posting.set(False)


async def mark_sending(self: Deliveries, *args: Any) -> None:
    _marking.set(True)
    try:
        await _mark(self, *args)
    finally:
        _marking.set(False)


async def wait_until_trusted(self: Leases) -> bool:
    if _posting.get():
        stand_still(BEFORE)
    held_up = await _guard(self)
    if _posting.get():
        stand_still(AFTER)
    return held_up


async def write(self: FencedDatabase, work: Callable[[Connection], Any]) -> Any:
    def work_slowly(connection: Connection) -> Any:
        stand_still(INSIDE)
        return work(connection)

    return await _write(self, work_slowly if _marking.get() else work)


if __name__ == "__main__":
    with (
        patch.object(DiscordRest, "post", post),
        patch.object(Deliveries, "mark_sending", mark_sending),
        patch.object(Leases, "wait_until_trusted", wait_until_trusted),
        patch.object(FencedDatabase, "write", write),
    ):
        sys.exit(main())
