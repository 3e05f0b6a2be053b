"""The line on which uploads come: how fast it is, and what it has carried."""

import asyncio


class Uplink:
    """Carries `speed` bytes a second of all uploads together, as a studio's line does; None is no limit.

    `carried` counts the bytes of files that came, `begun` the requests with files, also those that were cut
    off. A 10 MiB file needs 2.8 Mbit/s to go up in 30 s.
    """

    def __init__(self) -> None:
        self.speed: float | None = None
        self.carried = 0
        self.begun = 0
        self._free_at = 0.0

    async def carry(self, size: int) -> None:
        """Wait until the line has carried so many bytes more."""
        self.carried += size
        if self.speed is not None:
            now = asyncio.get_running_loop().time()
            self._free_at = max(now, self._free_at) + size / self.speed
            await asyncio.sleep(self._free_at - now)
