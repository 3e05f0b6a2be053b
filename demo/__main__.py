"""The command line of the demo: `python -m demo` shows the bot in a browser, without any account."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, Final

from bot.messages import LANGUAGES
from demo.texts import text
from sim.task_api.renders import EXAMPLES
from sim.task_api.server import RenderApi

PORTS: Final = 65_536


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--tour", action="store_true", help="play the main story without a browser and exit")
    parser.add_argument("--api-only", action="store_true", help="serve only the simulated task API")
    parser.add_argument("--port", type=int, default=0, help="port to serve on (default: a free one)")
    parser.add_argument(
        "--lang", choices=LANGUAGES, default=LANGUAGES[0], help="language of the bot and of the demo"
    )
    parser.add_argument("--speed", type=float, default=1.0, help="how many times faster renders run")
    try:
        return asyncio.run(show(parser.parse_args(arguments)))
    except KeyboardInterrupt:
        return 0


async def show(options: argparse.Namespace) -> int:
    """Show the page, the tour or the simulated task API; return 1 if that failed."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without block characters still gets the story
    if not 0 < options.speed < float("inf"):
        return _fail("--speed: must be more than 0")
    if not 0 <= options.port < PORTS:
        return _fail(f"--port: must be from 0 to {PORTS - 1}")
    try:
        if options.api_only:
            await _until_stopped(_serve_api(options.port, options.speed, options.lang))
            return 0
        if options.tour:
            return await _play_tour(options.lang)
        return await _serve_page(options.port, options.speed, options.lang)
    except ModuleNotFoundError as error:
        return _fail(f"the demo needs {error.name}: pip install --require-hashes -r requirements-demo.txt")
    except OSError as error:
        hint = f"; choose another port than {options.port}" if options.port else ""
        return _fail(f"the demo could not be served: {os.strerror(error.errno or 0)}{hint}")


async def _serve_api(port: int, speed: float, language: str) -> None:
    """Serve the simulated task API until cancelled."""
    async with RenderApi(port=port, speed=speed) as api:
        url = api.base_url
        _print(text(language, "The simulated Veo task API listens on {url} and accepts any key.", url=url))
        _print(text(language, "Point a bot at it with {setting}", setting=f"VEO_API_BASE_URL={url}"))
        _print("")
        for render in EXAMPLES:
            _print(f"{render.id}  {text(language, render.says)}")
        await asyncio.Event().wait()


# These import late: --api-only must work without the packages that only developers install.


async def _play_tour(language: str) -> int:
    from demo.tour import TourFailed, play  # noqa: PLC0415

    try:
        await play(_print, language)
    except TourFailed as failure:
        return _fail(f"The tour stopped: {failure}")
    return 0


async def _serve_page(port: int, speed: float, language: str) -> int:
    _print(text(language, "Setting up a Discord server with the bot in it, all on this machine …"))
    from demo.page import serve_page  # noqa: PLC0415

    await _until_stopped(serve_page(port, speed, language, _print))
    _print(text(language, "The demo has ended."))
    return 0


async def _until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` until it ends or SIGINT or SIGTERM cancels it, so that it closes what it opened."""
    working = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, working.cancel)
    await asyncio.wait([working])
    if not working.cancelled():
        working.result()


def _print(line: str) -> None:
    print(line, flush=True)


def _fail(line: str) -> int:
    print(line, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
