"""What our HTTP clients share: the User-Agent, words for errors, pools that keep idle connections a minute.

aiohttp closes an idle connection after 15 seconds and caches DNS for 10. A single watch would need a DNS
query and a TLS handshake for every poll.
"""

import os
from typing import Final

import aiohttp

from bot import __version__

USER_AGENT: Final = f"veo-watch-bot/{__version__}"
"""Sent to the task API and to video hosts, some of which reject the default names of HTTP libraries."""
IDLE_SECONDS: Final = 75.0
"""More than the longest delay between two polls, and as long as common servers keep connections."""
ADDRESS_SECONDS: Final = 300
"""How long the addresses of a host are cached."""


def make_connector(limit: int) -> aiohttp.TCPConnector:
    """Return a connector for at most `limit` connections, 0 for no limit; a loop must be running."""
    return aiohttp.TCPConnector(limit=limit, keepalive_timeout=IDLE_SECONDS, ttl_dns_cache=ADDRESS_SECONDS)


def why_unanswered(error: BaseException) -> str:
    """Say why a request got no response, without quoting anything that came from outside."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "the host's name cannot be resolved"
        case aiohttp.ClientConnectorCertificateError():
            return "the host's certificate is not trusted"
        case TimeoutError():
            return "not in time"
        case aiohttp.ServerDisconnectedError() | ConnectionResetError():
            return "the connection was closed"
        case OSError(errno=int(code)) if code > 0:  # aiohttp's own text names the address
            return os.strerror(code).lower()
        case _:
            return type(error).__name__
