"""Public lines that announce an answer, remembered so that a crash leaves none behind."""

from typing import Final, NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from bot.store.database import Database
from bot.store.schema import cards, placeholders


class Placeholder(NamedTuple):
    """A line that answers an interaction; after `until` (Unix seconds) it is no longer looked for."""

    interaction_id: int
    channel_id: int
    content: str
    until: float


class Placeholders:
    """Every method may raise `StoreFailed`."""

    def __init__(self, database: Database) -> None:
        self._run: Final = database.run

    async def remember(self, placeholder: Placeholder) -> None:
        row = upsert(placeholders).values(placeholder._asdict()).on_conflict_do_nothing()
        await self._run(lambda connection: connection.execute(row))

    async def forget(self, interaction_id: int) -> None:
        gone = delete(placeholders).where(placeholders.c.interaction_id == interaction_id)
        await self._run(lambda connection: connection.execute(gone))

    async def left(self) -> list[Placeholder]:
        """Return those that were not forgotten, oldest first."""
        query = select(placeholders).order_by(placeholders.c.interaction_id)
        return await self._run(lambda connection: [Placeholder(*row) for row in connection.execute(query)])

    async def is_card(self, message_id: int) -> bool:
        """Tell whether a message has become a card."""
        query = select(cards.c.id).where(cards.c.message_id == message_id)
        return await self._run(lambda connection: connection.scalar(query) is not None)
