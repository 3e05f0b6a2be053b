"""What must hold of a card with several tasks: one summary, and each of its followers pinged once.

As everywhere in the verdict, the channels say what was posted; the database only says what was promised.
"""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol

from simulation.world import World
from store.places import sql

from bot.core.outcome import Ending
from bot.store.location import Location
from sim.discord import Message
from sim.discord.message import SUPPRESS_NOTIFICATIONS


class Findings(Protocol):
    """Where problems and counts go."""

    summaries: int
    early: int

    def wrong(self, kind: str, what: str) -> None: ...


@dataclass(frozen=True)
class Batch:
    """A card with several tasks as the database has it at the end."""

    id: int
    message_id: int
    channel_id: int
    endings: dict[int, Ending | None]
    """By watch id."""
    followers: frozenset[int]
    tasks: dict[int, str]
    """By watch id."""
    recipients: frozenset[int] | None
    """Whom its summary pings; None if none became due."""
    early: bool
    last: int
    """The watch that was the last when the summary became due."""
    parts: int

    def is_summary(self, reply: Message) -> bool:
        """Return whether a reply is not the result of a task: those have the whole id."""
        return not any(f"`{task_id}`" in reply.content for task_id in self.tasks.values())


def judge_batches(verdict: Findings, world: World) -> None:
    """Hold each card with several tasks against what its channel shows."""
    for batch in _batches(world):
        card = world.here.sim.world.channels[batch.channel_id].messages.get(batch.message_id)
        if card is not None and None not in batch.endings.values():
            _judge(verdict, world, batch, card)


def _judge(verdict: Findings, world: World, batch: Batch, card: Message) -> None:
    replies = _replies(world, card)
    told = Counter(reply.content for reply in replies if batch.is_summary(reply))
    endings = [ending for ending in batch.endings.values() if ending is not None]
    had_result = any(ending.announced for ending in endings)
    is_due = had_result and all(ending.shown for ending in endings)
    may_be_gone = card.deleted or batch.channel_id in world.closed
    verdict.summaries += bool(told)
    verdict.early += bool(told) and batch.early
    if max(told.values(), default=0) > 1 or len(told) > max(batch.parts, 1):
        verdict.wrong("doubled", f"summary of {batch}: {told}")
    if told and not had_result:
        verdict.wrong("doubled", f"summary of {batch} without any result: {told}")
    if (is_due or batch.recipients is not None) and not may_be_gone and len(told) < max(batch.parts, 1):
        verdict.wrong("lost", f"summary of {batch}: {len(told)} of {batch.parts} messages")
    if (
        told
        and not any(reply.reference is card for reply in replies if batch.is_summary(reply))
        and not card.deleted
    ):
        verdict.wrong("lost", f"summary of {batch} is no reply")
    _judge_pings(verdict, world, batch, card, replies)


def _judge_pings(
    verdict: Findings, world: World, batch: Batch, card: Message, replies: list[Message]
) -> None:
    summaries = [reply for reply in replies if batch.is_summary(reply)]
    recipients = batch.recipients or frozenset()
    pinged = Counter(user for reply in summaries for user in reply.pings)
    if summaries and not card.deleted and pinged != Counter(recipients):
        verdict.wrong("doubled" if pinged.keys() == recipients else "lost", f"pinged {pinged}: {batch}")
    for reply in replies:
        if not reply.pings and not reply.flags & SUPPRESS_NOTIFICATIONS:
            verdict.wrong("not silent", f"{reply} of {batch}")
        if reply in summaries:
            continue
        watch_id, task_id = next(row for row in batch.tasks.items() if f"`{row[1]}`" in reply.content)
        # After an early summary the last result pings by itself.
        followers = batch.followers | recipients if batch.early and watch_id == batch.last else frozenset()
        for user in reply.pings - followers - _who_joined(world, card, task_id):
            verdict.wrong("doubled", f"{user} is pinged by {reply}: {batch}")
        for user in followers & recipients & batch.followers - reply.pings:
            verdict.wrong("lost", f"{user} is not pinged by {reply}: {batch}")


def _who_joined(world: World, card: Message, task_id: str) -> set[int]:
    """Return who has named a task of a card, beside its starter in the command that began it."""
    return {
        use.user.id
        for use in world.here.sim.world.invocations
        if use.channel is card.channel and card not in use.messages and task_id in json.dumps(use.data)
    }


def _replies(world: World, card: Message) -> list[Message]:
    """List the results and summaries of a card; without a card to reply to they are known by their nonces."""
    return [
        message
        for message in card.channel.messages.values()
        if message.author is world.here.sim.bot
        and message.interaction is None
        and not message.ephemeral
        and str(message.nonce).startswith(f"{card.id:x}-")
    ]


def _batches(world: World) -> list[Batch]:
    cards = sql(world.here.location, "SELECT id, message_id, channel_id FROM cards WHERE batch")
    return [_batch(world.here.location, *card) for card in cards]


def _batch(location: Location, card_id: int, message_id: int, channel_id: int) -> Batch:
    def rows(columns: str, table: str, key: int, of: str = "card_id") -> list[Any]:
        return sql(location, f"SELECT {columns} FROM {table} WHERE {of} = {key}")

    watches = rows("id, CAST(outcome AS text), task_id", "watches", card_id)
    due = rows("CAST(recipients AS text), early, watch_id", "summaries", card_id)
    recipients, early, last = due[0] if due else ("null", False, 0)
    ((parts,),) = rows("count(*)", "summary_deliveries", last, "watch_id")
    named = json.loads(recipients)
    return Batch(
        card_id,
        message_id,
        channel_id,
        endings={key: Ending(json.loads(end)["ending"]) if end else None for key, end, _ in watches},
        tasks={key: task_id for key, _, task_id in watches},
        followers=frozenset(user for (user,) in rows("user_id", "followers", card_id)),
        recipients=None if named is None else frozenset(named),
        early=bool(early),
        last=last,
        parts=parts,
    )
