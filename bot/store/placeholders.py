"""The placeholders that stand in channels: stored before they are sent, so that a crash leaves none."""

from typing import Final

from sqlalchemy import bindparam, delete, func, select

from bot.core.shards import Shard
from bot.store.database import Database
from bot.store.records import Placeholder, is_in
from bot.store.schema import placeholders

_DELETE: Final = delete(placeholders).where(placeholders.c.interaction_id == bindparam("interaction"))


class Placeholders:
    """Every method may raise `StoreFailed`."""

    def __init__(self, database: Database, shard: Shard | None) -> None:
        self._add: Final = database.upsert(placeholders).on_conflict_do_nothing()
        self._run: Final = database.run
        self._write: Final = database.write
        self._shard: Final = shard

    async def add(self, placeholder: Placeholder) -> None:
        await self._write(lambda connection: connection.execute(self._add, placeholder._asdict()))

    async def delete(self, interaction_id: int) -> None:
        await self._write(lambda connection: connection.execute(_DELETE, {"interaction": interaction_id}))

    async def all(self) -> list[Placeholder]:
        """Return the shard's placeholders, oldest first."""
        query = select(placeholders).order_by(placeholders.c.interaction_id)
        if self._shard is not None:
            query = query.where(is_in(self._shard, func.coalesce(placeholders.c.guild_id, 0)))
        return await self._run(lambda connection: [Placeholder(*row) for row in connection.execute(query)])
