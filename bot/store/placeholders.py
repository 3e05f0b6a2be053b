"""The placeholders that stand in channels: stored before they are sent, so that a crash leaves none."""

from typing import Final

from sqlalchemy import delete, func, select

from bot.core.shards import Shard
from bot.store.database import Database
from bot.store.records import Placeholder, is_in
from bot.store.schema import placeholders


class Placeholders:
    """Every method may raise `StoreFailed`."""

    def __init__(self, database: Database, shard: Shard | None) -> None:
        self._upsert: Final = database.upsert
        self._run: Final = database.run
        self._write: Final = database.write
        self._shard: Final = shard

    async def add(self, placeholder: Placeholder) -> None:
        row = self._upsert(placeholders).values(placeholder._asdict()).on_conflict_do_nothing()
        await self._write(lambda connection: connection.execute(row))

    async def delete(self, interaction_id: int) -> None:
        row = delete(placeholders).where(placeholders.c.interaction_id == interaction_id)
        await self._write(lambda connection: connection.execute(row))

    async def all(self) -> list[Placeholder]:
        """Return the shard's placeholders, oldest first."""
        query = select(placeholders).order_by(placeholders.c.interaction_id)
        if self._shard is not None:
            query = query.where(is_in(self._shard, func.coalesce(placeholders.c.guild_id, 0)))
        return await self._run(lambda connection: [Placeholder(*row) for row in connection.execute(query)])
