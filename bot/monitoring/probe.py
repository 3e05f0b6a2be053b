"""`python -m bot.monitoring.probe`: asks the running bot for `/healthz` and exits 0 if it is alive.

For a container's health check, every half a minute: only the standard library's sockets are imported.
"""

import os
import socket
import sys
from collections.abc import Mapping
from typing import Final

SECONDS: Final = 4.0
EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 what is listened on, not asked
OK: Final = b"HTTP/1.1 200"
REQUEST: Final = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def probe(settings: Mapping[str, str]) -> str | None:
    """Ask once; return what is wrong, None if the bot is alive or was told to serve nothing."""
    port = (settings.get("HTTP_PORT") or "8080").strip().lower()
    if port in {"off", "none"}:
        return None
    if not port.strip("0"):
        return "HTTP_PORT=0 takes a port that a health check cannot know: set another"
    host = settings.get("HTTP_HOST") or "127.0.0.1"
    try:
        with socket.create_connection((EVERYWHERE.get(host, host), int(port)), timeout=SECONDS) as connection:
            connection.sendall(REQUEST)
            answer = b""
            while received := connection.recv(4096):
                answer += received
    except (OSError, ValueError) as error:
        return f"no answer on port {port} ({type(error).__name__})"
    return None if answer.startswith(OK) else answer.rpartition(b"\r\n\r\n")[2].decode(errors="replace")


def main() -> int:
    """Print what is wrong, if anything is, and return the exit code."""
    wrong = probe(os.environ)
    if wrong is not None:
        print(wrong)  # noqa: T201 `docker inspect` shows it
    return 0 if wrong is None else 1


if __name__ == "__main__":
    sys.exit(main())
