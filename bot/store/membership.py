"""The transactions behind leases: who is a member, who is dead, and who holds which shard.

Nobody waits for a process that was paused inside a transaction: rows that are locked are skipped until the
next round, and the server ends such a transaction after three seconds. Locks are acquired in one order, so
that no two transactions wait for each other: a member's row, rows of `shards`, then (behind the fence of a
shard's writes, `Leases.fence`) any others.
"""

from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, insert, select, text, update

from bot.clock import Clock
from bot.core.liveness import SETTLED, Observations, Sign, fair_share
from bot.store.database import Database
from bot.store.errors import LeaseLost
from bot.store.notifications import FREE, notify
from bot.store.schema import members, meta, shards

SHARD_COUNT: Final = "shard_count"
"""A key of `meta`."""
SPACE: Final = 0x56454F + 1
"""Of the advisory locks that members hold by their ids for as long as their sessions exist."""
_CONNECTED: Final = text(
    "SELECT objid::bigint, pid = pg_backend_pid() FROM pg_locks"
    " WHERE locktype = 'advisory' AND granted AND classid = :space AND objsubid = 2"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_CONNECT: Final = text("SELECT pg_try_advisory_lock(:space, :member)")


class Round(NamedTuple):
    """What a member found."""

    held: frozenset[int]
    members: int
    """How many share the shards."""
    settled: int
    """How many of them have been there for a while, this one included."""
    dead: tuple[str, ...]
    """The names of those that were taken for dead."""


class Membership:
    """The part of this process in it. `clock` must not say that too much time has passed."""

    def __init__(self, database: Database, name: str, clock: Clock) -> None:
        self._database: Final = database
        self._name: Final = name
        self._clock: Final = clock
        self.observations: Final = Observations()
        self.id = 0
        self.shard_count = 0

    def try_to_join(self, connection: Connection, wanted: int | None, count: int) -> bool:
        """Join, with `count` shards if nobody else is there; return whether it did.

        It did not if others are there, `wanted` differs from their number of shards, and it is not known yet
        whether they are alive.
        """
        self._database.lock(connection, SHARD_COUNT)
        ids = set(connection.scalars(select(members.c.id)))
        if self.id in ids:
            return True  # it was committed, although the answer was lost
        stored = connection.scalar(select(meta.c.value).where(meta.c.key == SHARD_COUNT))
        if ids and (stored is None or wanted not in {None, int(stored)}):
            ids -= self._delete_dead(connection, self._read_signs(connection)).keys()
            if ids:
                return False
        if not ids and stored != str(count):
            self._set_shard_count(connection, stored := str(count))
        key = connection.execute(insert(members).values(name=self._name, beat=0)).inserted_primary_key
        self.id, self.shard_count = int(key[0]) if key else 0, int(stored or count)
        return True

    def _set_shard_count(self, connection: Connection, count: str) -> None:
        row = self._database.upsert(meta).values(key=SHARD_COUNT, value=count)
        connection.execute(row.on_conflict_do_update(index_elements=["key"], set_={"value": count}))
        connection.execute(delete(shards))
        connection.execute(insert(shards), [{"shard": number} for number in range(int(count))])

    def round(self, connection: Connection, *, leaving: bool) -> Round:
        """Beat, delete the dead and, unless `leaving`, take free shards up to a fair share.

        Raises:
            LeaseLost: this member's row is gone.
        """
        mine = (members.c.id == self.id, members.c.name == self._name)
        beat = update(members).where(*mine).values(beat=members.c.beat + 1, leaving=leaving)
        if not connection.execute(beat).rowcount:
            raise LeaseLost("others took this process for dead, because it did not beat for too long")
        dead = self._delete_dead(connection, self._read_signs(connection))
        rows = connection.execute(select(members.c.id, members.c.beat).where(~members.c.leaving)).all()
        beats = {member: count for member, count in rows if member not in dead} | {self.id: SETTLED}
        held = set(connection.scalars(select(shards.c.shard).where(shards.c.member_id == self.id)))
        room = 0 if leaving else fair_share(self.shard_count, len(beats)) - len(held)
        if room > 0:
            held |= self._take(connection, room)
        settled = sum(beat >= SETTLED for beat in beats.values())
        return Round(frozenset(held), len(beats), settled, tuple(dead.values()))

    def release(self, connection: Connection, shard: int) -> None:
        mine = (shards.c.shard == shard, shards.c.member_id == self.id)
        connection.execute(update(shards).where(*mine).values(member_id=None))
        notify(connection, FREE)

    def leave(self, connection: Connection) -> None:
        connection.execute(delete(members).where(members.c.id == self.id))
        notify(connection, FREE)

    def _read_signs(self, connection: Connection) -> dict[int, Sign]:
        """Return the other members' signs of life, and show this one's."""
        connected: dict[int, bool] | None = None
        if connection.dialect.name == "postgresql":
            connected = dict(connection.execute(_CONNECTED, {"space": SPACE}).all())
            if self.id and not connected.get(self.id):
                connection.execute(_CONNECT, {"space": SPACE, "member": self.id})
        others = connection.execute(select(members.c.id, members.c.beat).where(members.c.id != self.id)).all()
        return {
            member: Sign(beat, None if connected is None else member in connected) for member, beat in others
        }

    def _delete_dead(self, connection: Connection, signs: dict[int, Sign]) -> dict[int, str]:
        """Delete the members that are dead; return their names."""
        dead = self.observations.observe(signs, self._clock())
        names = ((member, _delete(connection, member, signs[member].beat)) for member in sorted(dead))
        return {member: name for member, name in names if name is not None}

    def _take(self, connection: Connection, room: int) -> set[int]:
        free = select(shards.c.shard).where(shards.c.member_id.is_(None)).order_by(shards.c.shard)
        taken = set(connection.scalars(free.limit(room).with_for_update(skip_locked=True)))
        if taken:
            row = update(shards).where(shards.c.shard.in_(taken))
            connection.execute(row.values(member_id=self.id))
        return taken


def _delete(connection: Connection, member: int, beat: int) -> str | None:
    """Delete a member with its hold on shards, and return its name.

    Return None if it beats after all or is in a transaction just now.
    """
    row = select(members.c.name).where(members.c.id == member, members.c.beat == beat)
    name = connection.scalar(row.with_for_update(skip_locked=True))
    its = select(shards.c.shard).where(shards.c.member_id == member)
    free = connection.scalars(its.with_for_update(skip_locked=True)).all()
    if name is None or len(free) < len(connection.scalars(its).all()):
        return None
    connection.execute(delete(members).where(members.c.id == member))
    return str(name)
