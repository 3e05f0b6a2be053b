"""`python -m bot`: SIGTERM is honoured before anything is imported that takes time.

A container's first process ignores the signal until it handles it. Only the bot itself is meant to be ended
so: a backup or a check that was has not succeeded.
"""

import signal
import sys

if __name__ == "__main__":
    TERMINATED = 0 if sys.argv[1:] in ([], ["run"]) else 128 + signal.SIGTERM
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        from bot.command_line import main

        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
