"""How connections to the task API and to Discord are kept: what is asked again within a minute reuses one.

aiohttp drops an idle connection after 15 seconds and an address after 10, so that one quiet watch would pay
for a name's look-up and a TLS handshake with every poll.
"""

from typing import Final

import aiohttp

IDLE_SECONDS: Final = 75.0
"""More than the longest pause between two polls of a task, and what common servers allow themselves."""
ADDRESS_SECONDS: Final = 300
"""How long the addresses of a name are kept."""


def make_connector(limit: int) -> aiohttp.TCPConnector:
    """Return a connector for at most `limit` connections, 0 for any number; a loop must be running."""
    return aiohttp.TCPConnector(limit=limit, keepalive_timeout=IDLE_SECONDS, ttl_dns_cache=ADDRESS_SECONDS)
