"""`python -m bot.monitoring.probe`: exit with 0 if the running bot answers `/healthz` with 200.

The container's health check runs it twice a minute, so it imports neither aiohttp nor discord.py.
"""

import os
import socket
import sys

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def probe() -> str | None:
    """Return what is wrong, None if the bot is alive or `HTTP_PORT` is off."""
    port = (os.environ.get("HTTP_PORT") or "8080").strip().lower()
    if port in {"off", "none"}:
        return None
    if not port.strip("0"):
        return "HTTP_PORT=0 picks a port that the health check cannot know: set another"
    host = os.environ.get("HTTP_HOST") or "127.0.0.1"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 listened on, not connected to
    try:
        with socket.create_connection((host, int(port)), timeout=4.0) as connection:
            connection.sendall(REQUEST)
            with connection.makefile("rb") as response:
                head, _, body = response.read().partition(b"\r\n\r\n")
    except (OSError, ValueError) as error:
        return f"no answer on port {port} ({type(error).__name__})"
    return None if head.startswith(b"HTTP/1.1 200") else body.decode(errors="replace")


if __name__ == "__main__":
    sys.exit(probe())  # a text is printed on stderr, the exit code is then 1
