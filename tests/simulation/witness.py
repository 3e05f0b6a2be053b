"""Notes who writes about which shard, in the database itself: no code of the bot's is asked.

A trigger notes for each row that is written which member holds its shard, as the same transaction sees it,
and which process's session it is. Member ids are given out once: all writes while a member holds a shard have
to come from one process.
"""

from typing import Any, Protocol

from simulation.world import World
from store.places import sql

from bot.store.location import Location

_GUILD = {
    "cards": "NEW.guild_id",
    "watches": "(SELECT guild_id FROM cards WHERE id = NEW.card_id)",
    "deliveries": "(SELECT guild_id FROM watches w JOIN cards c ON c.id = card_id WHERE w.id = NEW.watch_id)",
}
"""How the server of a row is found, by table."""
_TRIGGER = """
    CREATE FUNCTION witness_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        shard_number int := {guild} / 4194304 % (SELECT greatest(count(*), 1) FROM shards);
    BEGIN
        INSERT INTO witnessed
        SELECT current_setting('application_name'), shard_number,
            (SELECT member_id FROM shards WHERE shard = shard_number)
        ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$;
    CREATE TRIGGER witness AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION witness_{table}();
"""


class Findings(Protocol):
    def wrong(self, kind: str, what: str) -> None: ...


def watch_writes(place: Location) -> None:
    """Let a database note who writes."""
    sql(
        place,
        "CREATE UNLOGGED TABLE witnessed (process text, shard int, member int,"
        " UNIQUE NULLS NOT DISTINCT (process, shard, member))",
    )
    for table, guild in _GUILD.items():
        sql(place, _TRIGGER.format(table=table, guild=guild))


def judge_writers(verdict: Findings, world: World) -> None:
    """No shard may ever have had two writers, nor one that did not hold it."""
    rows: list[Any] = sql(world.here.location, "SELECT process, shard, member FROM witnessed")
    writers: dict[int, set[str]] = {}
    for process, shard, member in rows:
        if member is None:
            verdict.wrong("two writers", f"{process} wrote about shard {shard}, which nobody held")
        else:
            writers.setdefault(member, set()).add(process)
    for member, processes in writers.items():
        if len(processes) > 1:
            verdict.wrong("two writers", f"what member {member} held was written by {sorted(processes)}")
