"""What `python -m demo` does: the page, the tour, or the simulated task API alone."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, Final

from sim.task_api.server import serve_forever

PORTS: Final = 65_536


async def show(*, tour: bool, api_only: bool, port: int, speed: float, language: str) -> int:
    """Run the demo in one of its forms until it ends; return the exit code, 1 if it could not be shown."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that knows no bars still gets the story
    if not 0 < speed < float("inf"):
        return _fail("--speed: it must be more than 0")
    if not 0 <= port < PORTS:
        return _fail(f"--port: it must be from 0 to {PORTS - 1}")
    try:
        if api_only:
            await _until_stopped(serve_forever(port, _tell_of_api, speed))
            return 0
        return await (_play(language) if tour else _serve(port, speed, language))
    except ModuleNotFoundError as error:
        return _fail(f"the demo needs {error.name}: pip install --require-hashes -r requirements-dev.txt")
    except OSError as error:
        hint = f"; choose another port than {port}" if port else ""
        return _fail(f"the demo cannot be served: {os.strerror(error.errno or 0)}{hint}")


# Imported only where it is played: the task API alone needs nothing that only developers install.


async def _play(language: str) -> int:
    from demo.tour import TourFailed, play  # noqa: PLC0415

    try:
        await play(_tell, language)
    except TourFailed as failure:
        return _fail(f"The tour stopped: {failure}")
    return 0


async def _serve(port: int, speed: float, language: str) -> int:
    _tell("Setting up a Discord server with the bot in it, all on this machine …")
    from demo.page import serve_page  # noqa: PLC0415

    await _until_stopped(serve_page(port, speed, language, _tell))
    _tell("The demo has ended.")
    return 0


async def _until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` until it ends by itself, or SIGINT or SIGTERM lets it end; it closes what it has opened."""
    working = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, working.cancel)
    await asyncio.wait([working])
    if not working.cancelled():
        working.result()


def _tell_of_api(line: str) -> None:
    _tell(line)
    if "http" in line:
        address = next(word for word in line.split() if word.startswith("http"))
        _tell(f"Point a bot at it with VEO_API_BASE_URL={address}\n")


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 the demo talks to whoever started it


def _fail(line: str) -> int:
    print(line, file=sys.stderr)  # noqa: T201
    return 1
