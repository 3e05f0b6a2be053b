"""`veo-watch-bot` and `python -m bot`: installs a SIGTERM handler before the slow imports.

A container's first process ignores the signal until it has a handler. Ending the bot this way is a success;
ending a backup or a check is not.
"""

import signal
import sys


def main() -> int:
    """Run the command line; return the exit code."""
    terminated = 0 if sys.argv[1:] in ([], ["run"]) else 128 + signal.SIGTERM
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(terminated))
    try:
        from bot.command_line import main as run  # noqa: PLC0415 only now, see above

        return run()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
