"""Values to rows and back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bot.core.card import Card
from bot.core.delivery import Delivery, Message
from bot.core.outcome import Ending, Outcome
from bot.core.task import Task, TaskState
from bot.core.watch import Watch


def card_from(row: Mapping[Any, Any]) -> Card:
    return Card(
        id=row["id"],
        guild_id=row["guild_id"],
        channel_id=row["channel_id"],
        message_id=row["message_id"],
        starter_id=row["starter_id"],
        language=row["language"],
        created_at=row["created_at"],
    )


def watch_from(row: Mapping[Any, Any]) -> Watch:
    outcome = None if row["outcome"] is None else outcome_from(row["outcome"])
    return Watch(
        id=row["id"],
        card_id=row["card_id"],
        task_id=row["task_id"],
        position=row["position"],
        started_at=row["started_at"],
        seen_at=row["seen_at"],
        task=outcome.task if outcome else None,
        outcome=outcome,
    )


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    return asdict(outcome)


def outcome_from(record: Mapping[str, Any]) -> Outcome:
    task = record["task"]
    return Outcome(
        ending=Ending(record["ending"]),
        at=record["at"],
        task=None if task is None else _task_from(task),
        by=record["by"],
    )


def _task_from(record: Mapping[str, Any]) -> Task:
    fields = dict(record)
    fields["state"] = TaskState(fields["state"])
    fields["videos"] = tuple(fields["videos"])
    fields["refused_videos"] = tuple(fields["refused_videos"])
    return Task(**fields)


def message_record(message: Message) -> dict[str, Any]:
    return asdict(message)


def delivery_from(row: Mapping[Any, Any]) -> Delivery:
    message: Mapping[str, Sequence[Any]] = row["message"]
    return Delivery(
        part=row["part"],
        message=Message(
            content=str(message["content"]),
            mentions=tuple(message["mentions"]),
            urls_file=tuple(message["urls_file"]),
        ),
        intended_at=row["intended_at"],
        message_id=row["message_id"],
    )
