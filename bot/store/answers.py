"""What a task's polls return, for the shards that watch the task and do not poll it themselves.

A task is *shared* while several shards watch it. It has a row from when the second one begins until its last
watch ends. Its leader, the shard of the oldest live watch, polls it and writes what it observes; the others
read that (`bot.engine.shared_tasks`).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from sqlalchemy import JSON, Connection, bindparam, delete, intersect, select, text, update

from bot.core.events import Observation
from bot.core.shards import Shard
from bot.store.database import Database
from bot.store.notifications import TASK, notify
from bot.store.records import is_in, observation_from, observation_record
from bot.store.schema import LIVE, answers, cards, watches

STEP: Final = 0.001
"""Seconds by which `at` grows with each write: enough to tell it from the one before."""


_WAIT_FOR_NO_DISK: Final = text("SET LOCAL synchronous_commit TO off")
_LIVE: Final = select(watches.c.task_id, cards.c.guild_id).join(cards).where(watches.c.state == LIVE)
_ROWS: Final = select(answers.c.task_id, answers.c.at, answers.c.observation)
_GUILDS: Final = _LIVE.join(answers, answers.c.task_id == watches.c.task_id).order_by(watches.c.id)
# Whoever locks several rows does it in their order, or two may wait for each other.
_LOCKED: Final = select(answers.c.task_id).order_by(answers.c.task_id).with_for_update()
_ENDED: Final = _LOCKED.where(
    answers.c.task_id.in_(
        select(watches.c.task_id).where(watches.c.id.in_(bindparam("ended", expanding=True)))
    )
)
_WRITE: Final = (
    update(answers)
    .where(answers.c.task_id == bindparam("task"))
    .values(observation=bindparam("observed", type_=JSON), at=answers.c.at + STEP)
    .returning(answers.c.at)
)
_CONFIRM: Final = (
    update(answers)
    .where(answers.c.task_id.in_(_LOCKED.where(answers.c.task_id.in_(bindparam("tasks", expanding=True)))))
    .values(at=answers.c.at + STEP)
    .returning(answers.c.task_id, answers.c.at)
)


class Answer(NamedTuple):
    """A row. `guilds` are the servers with live watches of the task, that of the oldest watch first."""

    guilds: tuple[int, ...]
    at: float
    """Grows with every write, whoever writes; smaller only if the server has lost the newest writes."""
    observation: Observation | None
    """None before the first one."""

    def is_led_by(self, shard: Shard) -> bool:
        return shard.has(self.guilds[0])

    def is_shared(self, shard: Shard) -> bool:
        """Return whether others than this shard watch the task."""
        return not all(map(shard.has, self.guilds))


class Answers:
    """The rows as one shard writes them. Its hooks run inside the transactions of `bot.store.store`."""

    def __init__(self, database: Database, shard: Shard) -> None:
        self._database: Final = database
        self._shard: Final = shard

    def begin(self, connection: Connection, task_ids: Collection[str], now: float) -> None:
        """Share those of the tasks that others watch; called before this shard's own watches are stored."""
        for task_id in sorted(task_ids):  # two beginnings at once must see each other
            self._database.lock(connection, TASK + task_id)
        query = select(watches.c.task_id).join(cards).distinct()
        live = query.where(watches.c.state == LIVE, watches.c.task_id.in_(task_ids))
        self._share(connection, connection.scalars(live.where(~is_in(self._shard, cards.c.guild_id))), now)

    def end(self, connection: Connection, watch_ids: Iterable[int]) -> None:
        """Delete the rows of tasks that nobody watches any more; called after the watches have ended."""
        # Locked: of two processes whose watches end at once, the second sees that both have ended.
        if found := list(connection.scalars(_ENDED, {"ended": list(watch_ids)})):
            self._delete_unwatched(connection, found)
            for task_id in found:
                notify(connection, TASK + task_id)

    async def share(self, now: float) -> None:
        """Share what this shard and others watch already, as after a change of the number of shards."""
        live = select(watches.c.task_id).join(cards).where(watches.c.state == LIVE)
        here = is_in(self._shard, cards.c.guild_id)

        def work(connection: Connection) -> None:
            self._delete_unwatched(connection)
            self._share(connection, connection.scalars(intersect(live.where(here), live.where(~here))), now)

        await self._database.write(work)

    async def write(self, task_id: str, observation: Observation) -> float | None:
        """Write what the leader has observed, and notify the others.

        Returns:
            The row's new `at`, None if the task is no longer shared.
        """
        row = {"task": task_id, "observed": observation_record(observation)}

        def work(connection: Connection) -> float | None:
            connection.execute(_WAIT_FOR_NO_DISK)
            at: float | None = connection.scalar(_WRITE, row)
            if at is not None:
                notify(connection, TASK + task_id)
            return at

        return await self._database.write(work)

    async def confirm(self, task_ids: Collection[str]) -> dict[str, float]:
        """Write that the leader has observed the same again; return each row's new `at`."""
        tasks = {"tasks": list(task_ids)}

        def work(connection: Connection) -> dict[str, float]:
            connection.execute(_WAIT_FOR_NO_DISK)
            return {row.task_id: row.at for row in connection.execute(_CONFIRM, tasks).all()}

        return await self._database.write(work)

    def _share(self, connection: Connection, task_ids: Iterable[str], now: float) -> None:
        for task_id in list(task_ids):
            row = self._database.upsert(answers).values(task_id=task_id, observation=None, at=now)
            connection.execute(row.on_conflict_do_nothing())
            notify(connection, TASK + task_id)

    def _delete_unwatched(self, connection: Connection, task_ids: Collection[str] | None = None) -> None:
        live = select(watches.c.task_id).where(watches.c.state == LIVE)
        unwatched = delete(answers).where(answers.c.task_id.not_in(live))
        connection.execute(
            unwatched if task_ids is None else unwatched.where(answers.c.task_id.in_(task_ids))
        )


async def read_answers(database: Database) -> Mapping[str, Answer]:
    """Return the rows of all tasks that are watched."""

    def work(connection: Connection) -> dict[str, Answer]:
        rows = connection.execute(_ROWS).all()
        guilds: dict[str, list[int]] = defaultdict(list)
        for task_id, guild_id in connection.execute(_GUILDS) if rows else ():
            guilds[task_id].append(guild_id)
        return {
            task_id: Answer(tuple(guilds[task_id]), at, observation_from(record))
            for task_id, at, record in rows
            if task_id in guilds
        }

    return await database.run(work)
