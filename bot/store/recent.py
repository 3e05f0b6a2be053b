"""Queries about recent watches, for `/veo list`, autocomplete and the message menu."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import ColumnElement, Connection, String, cast, func, or_, select

from bot.core.outcome import Ending
from bot.core.watch import Card, Listed, Watch
from bot.store.database import Database
from bot.store.records import CARD, WATCH, watch_from
from bot.store.schema import cards, deliveries, summary_deliveries, watches

_CARD_DELETED: Final = f'"ending": "{Ending.CARD_DELETED.value}"'
"""How a stored outcome says so; in a text within it, the quotation marks would be escaped."""


class Recent:
    """Reads ended watches. Every method may raise `StoreFailed`."""

    def __init__(self, database: Database) -> None:
        self._run: Final = database.run

    async def channels(self, guild_id: int) -> list[int]:
        """Return the channels of a server that have a stored card."""
        query = select(cards.c.channel_id).where(cards.c.guild_id == guild_id).distinct()
        return await self._run(lambda connection: list(connection.scalars(query)))

    async def tasks_of(self, message_id: int) -> tuple[str, ...]:
        """Return the tasks of a message: of a card or a summary in the order of the rows, or of a result."""
        summarized = (
            select(watches.c.card_id)
            .join(summary_deliveries, summary_deliveries.c.watch_id == watches.c.id)
            .where(summary_deliveries.c.message_id == message_id)
        )
        of_card = (
            select(watches.c.task_id)
            .join(cards, cards.c.id == watches.c.card_id)
            .where(or_(cards.c.message_id == message_id, cards.c.id.in_(summarized)))
            .order_by(watches.c.position)
        )
        of_result = (
            select(watches.c.task_id)
            .join(deliveries, deliveries.c.watch_id == watches.c.id)
            .where(deliveries.c.message_id == message_id)
        )

        def work(connection: Connection) -> tuple[str, ...]:
            return tuple(connection.scalars(of_card)) or tuple(connection.scalars(of_result))

        return await self._run(work)

    async def names(self, channel_id: int, task_ids: Collection[str]) -> dict[str, str]:
        """Return the newest names of tasks in a channel, for those that have one."""
        query = (
            select(watches.c.task_id, watches.c.name)
            .where(watches.c.channel_id == channel_id, watches.c.task_id.in_(list(task_ids)))
            .order_by(watches.c.id)
        )

        def work(connection: Connection) -> dict[str, str]:
            newest = dict(connection.execute(query).all())
            return {task_id: name for task_id, name in newest.items() if name}

        return await self._run(work)

    async def count_ended(self, channel_ids: Collection[int], since: float) -> int:
        """Return how many watches of channels have ended since a Unix time."""
        query = select(func.count()).select_from(watches).where(*_ended_since(channel_ids, since))
        return await self._run(lambda connection: connection.scalar(query) or 0)

    async def ended_page(
        self, channel_ids: Collection[int], since: float, offset: int, limit: int
    ) -> list[Listed]:
        """Return some of those that `count_ended` counts, newest first."""
        result = (
            select(deliveries.c.message_id)
            .where(deliveries.c.watch_id == watches.c.id, deliveries.c.part == 1)
            .scalar_subquery()
        )
        query = (
            select(*CARD, *WATCH, result)
            .join(watches, cards.c.id == watches.c.card_id)
            .where(*_ended_since(channel_ids, since))
            .order_by(watches.c.ended_at.desc(), watches.c.id.desc())
            .offset(offset)
            .limit(limit)
        )

        def work(connection: Connection) -> list[Listed]:
            return [
                Listed(Card(*row[: len(CARD)]), watch_from(row[len(CARD) : -1]), row[-1] or None)
                for row in connection.execute(query).all()
            ]

        return await self._run(work)

    async def ended(
        self, channel_ids: Collection[int], part: str, since: float, limit: int, *, name: str = ""
    ) -> list[Watch]:
        """Return the newest ended watch of each task in channels since a Unix time, newest first.

        `part` is a part of the id or of the name, in upper or lower case. Those with `name` in their name
        come before the others.
        """
        if not _is_storable(part):
            return []
        name = name if _is_storable(name) else ""
        contains = or_(
            watches.c.task_id.icontains(part, autoescape=True),
            watches.c.name.icontains(part, autoescape=True),
        )
        newest = (
            select(func.max(watches.c.id))
            .where(watches.c.channel_id.in_(list(channel_ids)), watches.c.ended_at >= since, contains)
            .group_by(watches.c.task_id)
        )
        query = (
            select(*WATCH)
            .where(watches.c.id.in_(newest))
            .order_by(watches.c.name.icontains(name, autoescape=True).desc(), watches.c.ended_at.desc())
            .limit(limit)
        )
        return await self._run(
            lambda connection: [watch_from(row) for row in connection.execute(query).all()]
        )


def _is_storable(typed: str) -> bool:
    """Return whether a text may be in the database: one with NUL or half a character cannot even be sent."""
    try:
        return b"\0" not in typed.encode()
    except UnicodeEncodeError:
        return False


def _ended_since(channel_ids: Collection[int], since: float) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for ended watches in a list; those whose card was deleted are left out."""
    return (
        watches.c.channel_id.in_(list(channel_ids)),
        watches.c.ended_at >= since,
        # Searched as text: PostgreSQL reads no part of a JSON value with \u0000 or half a character in it.
        ~cast(watches.c.outcome, String).contains(_CARD_DELETED, autoescape=True),
    )
