"""A shard's view of a database that several processes share: a write is refused once another has the shard.

The fence is part of each writing transaction, so that whoever was taken over can commit nothing more, however
late it notices. Reads need no fence: locking a row would make each of them a write.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from bot.store.database import Database, T
from bot.store.errors import LeaseLost, StoreFailed


class FencedDatabase(Database):
    """`whole` is open, and stays open; `fence` runs first in each writing transaction."""

    def __init__(self, whole: Database, fence: Callable[[Connection], None]) -> None:
        super().__init__(None)
        self.upsert = whole.upsert
        self._whole: Final = whole
        self._fence: Final = fence

    @property
    def video_folder(self) -> Path:
        return self._whole.video_folder

    async def open(self) -> None:
        """Do nothing: the whole database is open."""

    async def close(self) -> None:
        """Do nothing: other shards may use the database."""

    def lock(self, connection: Connection, name: str) -> None:
        self._whole.lock(connection, name)

    async def run(self, work: Callable[[Connection], T]) -> T:
        begun = time.perf_counter()
        try:
            return await self._whole.run(work)
        except StoreFailed:
            self.on_failure()
            raise
        finally:
            self.on_transaction(time.perf_counter() - begun)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction, unless the shard is another process's.

        Raises:
            StoreFailed: nothing was written; `on_taken` of the whole database knows if this process must end.
        """

        def fenced(connection: Connection) -> T:
            self._fence(connection)
            return work(connection)

        try:
            return await self.run(fenced)
        except LeaseLost as error:
            self._whole.on_taken(error)
            raise StoreFailed(str(error)) from None
