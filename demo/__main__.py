"""The command line of the demo: `python -m demo` shows the bot in a browser, without any account."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from bot.messages import LANGUAGES
from demo.show import show


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo in one of its forms and return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--tour", action="store_true", help="play the main story by itself and exit")
    parser.add_argument("--api-only", action="store_true", help="serve only the simulated task API")
    parser.add_argument("--port", type=int, default=0, help="port to serve on (default: a free one)")
    parser.add_argument("--lang", choices=LANGUAGES, default=LANGUAGES[0], help="what the bot speaks")
    parser.add_argument("--speed", type=float, default=1.0, help="how many times faster renders go")
    chosen = parser.parse_args(arguments)
    try:
        return asyncio.run(
            show(
                tour=chosen.tour,
                api_only=chosen.api_only,
                port=chosen.port,
                speed=chosen.speed,
                language=chosen.lang,
            )
        )
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
