"""`python -m bot`: installs a SIGTERM handler before the slow imports.

A container's first process ignores the signal until it has a handler. Ending the bot this way is a success;
ending a backup or a check is not.
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
