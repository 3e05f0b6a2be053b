"""What of each ended watch is still open: its card's final form, its result. Done once both are settled."""

from collections.abc import Iterable
from typing import Final

from bot.store.store import Store


class Ledger:
    """Notes in the store which ended watches need nothing more.

    Every method but `open` may raise `StoreFailed`; then nothing was settled, and it can be called again.
    """

    def __init__(self, store: Store) -> None:
        self._store: Final = store
        self._unshown: set[int] = set()
        self._untold: set[int] = set()

    def open(self, watch_id: int, *, told: bool) -> None:
        """Begin with a watch whose card is to be brought to its final form; `told` if there is no result."""
        self._unshown.add(watch_id)
        if not told:
            self._untold.add(watch_id)

    async def shown(self, watch_ids: Iterable[int]) -> None:
        """Note that the cards show these ends, or never will."""
        ids = set(watch_ids)
        await self._finish(ids - self._untold)
        self._unshown -= ids

    async def told(self, watch_ids: Iterable[int]) -> None:
        """Note that the results are in their channels."""
        ids = set(watch_ids)
        await self._finish(ids - self._unshown)
        self._untold -= ids

    async def close(self, watch_ids: Iterable[int]) -> None:
        """Give up what is open: the channel is closed to us."""
        ids = set(watch_ids)
        await self._finish(ids)
        self._unshown -= ids
        self._untold -= ids

    async def _finish(self, watch_ids: set[int]) -> None:
        if watch_ids:
            await self._store.finish(watch_ids)
