"""Converts values to rows and back, and reads lists of values."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, bindparam, select

from bot.core.events import ErrorKind, Missing, Observation, PollError
from bot.core.outcome import Ending, Outcome
from bot.core.shards import TIMESTAMP_SHIFT, Shard
from bot.core.task import Task, TaskState
from bot.core.watch import Watch
from bot.store.schema import cards, followers, watches

CARD: Final = tuple(
    cards.c[name]
    for name in (
        "id",
        "guild_id",
        "channel_id",
        "message_id",
        "starter_id",
        "language",
        "created_at",
        "batch",
    )
)
"""The columns of a card, in the order of its fields."""
WATCH: Final = tuple(
    watches.c[name]
    for name in ("id", "card_id", "task_id", "position", "started_at", "seen_at", "outcome", "name")
)
"""The columns of a watch."""
_FOLLOWERS: Final = (
    select(followers.c.card_id, followers.c.user_id)
    .join(cards, cards.c.id == followers.c.card_id)
    .order_by(followers.c.user_id != cards.c.starter_id, followers.c.since, followers.c.user_id)
)
_FOLLOWERS_OF: Final = _FOLLOWERS.where(followers.c.card_id.in_(bindparam("cards", expanding=True)))


class Placeholder(NamedTuple):
    """A message that stands in for a response; not searched for after `until` (Unix seconds)."""

    interaction_id: int
    channel_id: int
    content: str
    until: float
    guild_id: int | None = None


def watch_from(row: Sequence[Any]) -> Watch:
    """Return the watch in a row of `WATCH`."""
    watch_id, card_id, task_id, position, started_at, seen_at, record, name = row
    outcome = None if record is None else outcome_from(record)
    return Watch(watch_id, card_id, task_id, position, started_at, seen_at, outcome, name)


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    return asdict(outcome) | {"task": None if outcome.task is None else task_record(outcome.task)}


def outcome_from(record: Mapping[str, Any]) -> Outcome:
    task = record["task"]
    return Outcome(
        ending=Ending(record["ending"]),
        at=record["at"],
        task=None if task is None else _task_from(task),
        by=record["by"],
        message=record.get("message", ""),  # missing in records of older versions
    )


def observation_record(observation: Observation) -> dict[str, Any]:
    match observation:
        case Task():
            return {"task": task_record(observation)}
        case Missing():
            return {"missing": asdict(observation)}
        case PollError():
            return {"error": asdict(observation)}


def observation_from(record: Any) -> Observation | None:
    """Return the observation in a record, None if there is none that this version knows."""
    try:
        match record:
            case {"task": task}:
                return _task_from(task)
            case {"missing": missing}:
                return Missing(**missing)
            case {"error": error}:
                return PollError(**error | {"kind": ErrorKind(error["kind"])})
    except (KeyError, TypeError, ValueError):  # a newer version wrote it
        pass
    return None


def task_record(task: Task) -> dict[str, Any]:
    record = asdict(task)
    del record["fingerprint"], record["other_ids"]  # only of use while polling
    return record


def _task_from(record: Mapping[str, Any]) -> Task:
    fields = dict(record)
    fields["state"] = TaskState(fields["state"])
    fields["videos"] = tuple(fields["videos"])
    fields["refused_videos"] = tuple(fields["refused_videos"])
    return Task(**fields)


def is_in(shard: Shard, guild_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Return whether a server is in a shard, as `Shard.has`; PostgreSQL cannot shift a bigint by a bigint."""
    return guild_id // (1 << TIMESTAMP_SHIFT) % shard.count == shard.number


def read_followers(connection: Connection, card_ids: Iterable[int] | Select[int]) -> dict[int, list[int]]:
    """Return the followers of each card by user id: its starter first, then in the order they came."""
    if isinstance(card_ids, Select):
        rows = connection.execute(_FOLLOWERS.where(followers.c.card_id.in_(card_ids)))
    else:
        rows = connection.execute(_FOLLOWERS_OF, {"cards": list(card_ids)})
    found: dict[int, list[int]] = defaultdict(list)
    for card_id, user_id in rows.all():
        found[card_id].append(user_id)
    return found
