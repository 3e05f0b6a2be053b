"""The tables. Every change to them is a migration in `bot/store/migrations`.

meta          keys and values, among them `intents` and `unconfirmed` (`bot.store.unconfirmed`),
              `origin` (`bot.store.postgres_origin`), `oldest_code` (`bot.store.migrating`) and
              `shard_count` (`bot.store.leases`)
cards         one message of ours in one channel
followers     who is pinged by each result of the card or, if it has several tasks, by its summary
watches       one task on one card: live, then final (its outcome is stored), then done
deliveries    the messages of a result: planned, about to be sent, sent
placeholders  messages that stand until a response is known
watch_followers     who joined one task of a card with several, and is pinged by its result only
summaries           the summaries that are due or sent, by card, and whom they ping
summary_deliveries  the messages of a summary, by its card's last watch: that is done only once they are sent

Only several processes on one server use these (`bot.store.leases`); SQLite has them empty:

members       the processes that run, each with a counted beat
shards        which member holds which of Discord's shards
answers       what the poll of a task that several shards watch found last
turns         when the next request of a kind may be sent by any process
"""

from pathlib import Path
from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    event,
    false,
    text,
)

MIGRATIONS: Final = Path(__file__).parent / "migrations"
HEAD: Final = "0009"
"""The newest migration; it results in these tables."""
OLDEST_CODE: Final = "0009"
"""The oldest version whose code works with these tables: processes are updated one after the other.

A migration only adds, or it raises this; then older processes must all be stopped first.
"""

LIVE: Final = "live"
"""The task is polled."""
FINAL: Final = "final"
"""The outcome is stored; the card's final form or the result may not be posted yet."""
DONE: Final = "done"
ORIGIN: Final = "origin"
"""A key of `meta` that belongs to the database itself, not to the data in it."""

metadata = MetaData()

meta = Table(
    "meta", metadata, Column("key", String, primary_key=True), Column("value", String, nullable=False)
)

cards = Table(
    "cards",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("channel_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False, unique=True),
    Column("starter_id", BigInteger, nullable=False),
    Column("language", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("batch", Boolean, nullable=False, server_default=false()),
    Index("cards_by_place", "guild_id", "channel_id"),
    sqlite_autoincrement=True,
)

followers = Table(
    "followers",
    metadata,
    Column("card_id", ForeignKey("cards.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", BigInteger, primary_key=True),
    Column("since", Float, nullable=False),
)

watches = Table(
    "watches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("card_id", ForeignKey("cards.id", ondelete="CASCADE"), nullable=False),
    Column("channel_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("task_id", String, nullable=False),
    Column("state", String, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("seen_at", Float),
    Column("ended_at", Float),
    Column("outcome", JSON(none_as_null=True)),
    Column("name", String, nullable=False, server_default=""),
    Index("watches_by_card", "card_id"),
    Index("watches_by_state", "state"),
    Index("watches_by_end", "channel_id", "ended_at"),
    sqlite_autoincrement=True,
)

ONE_LIVE_WATCH: Final = Index(
    "one_live_watch_a_channel",
    watches.c.channel_id,
    watches.c.task_id,
    unique=True,
    sqlite_where=text("state = 'live'"),
)
"""`bot.store.postgres` gives it the same condition: here SQLAlchemy would load that dialect for everybody."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("watch_id", ForeignKey("watches.id", ondelete="CASCADE"), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("message", JSON, nullable=False),
    Column("intended_at", Float),
    Column("message_id", BigInteger),
    Index("deliveries_by_message", "message_id"),
)

placeholders = Table(
    "placeholders",
    metadata,
    Column("interaction_id", BigInteger, primary_key=True, autoincrement=False),
    Column("channel_id", BigInteger, nullable=False),
    Column("content", String, nullable=False),
    Column("until", Float, nullable=False),
    Column("guild_id", BigInteger),
)

watch_followers = Table(
    "watch_followers",
    metadata,
    Column("watch_id", ForeignKey("watches.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", BigInteger, primary_key=True),
    Column("since", Float, nullable=False),
)

summaries = Table(
    "summaries",
    metadata,
    Column("card_id", ForeignKey("cards.id", ondelete="CASCADE"), primary_key=True),
    Column("watch_id", ForeignKey("watches.id", ondelete="CASCADE"), nullable=False),
    Column("at", Float, nullable=False),
    Column("early", Boolean, nullable=False),
    Column("recipients", JSON, nullable=False),
)

summary_deliveries = Table(
    "summary_deliveries",
    metadata,
    Column("watch_id", ForeignKey("watches.id", ondelete="CASCADE"), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("message", JSON, nullable=False),
    Column("intended_at", Float),
    Column("message_id", BigInteger),
    Index("summary_deliveries_by_message", "message_id"),
)

members = Table(
    "members",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("beat", BigInteger, nullable=False),
    Column("leaving", Boolean, nullable=False, server_default=false()),
    sqlite_autoincrement=True,
)

shards = Table(
    "shards",
    metadata,
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("member_id", ForeignKey("members.id", ondelete="SET NULL")),
)

answers = Table(
    "answers",
    metadata,
    Column("task_id", String, primary_key=True),
    Column("observation", JSON, nullable=False),
    Column("at", Float, nullable=False),
)

turns = Table(
    "turns",
    metadata,
    Column("name", String, primary_key=True),
    Column("next_at", Float, nullable=False),
    Column("taken_at", Float, nullable=False),
)


@event.listens_for(turns, "after_create")
def _prepare_turns(_table: Table, connection: Connection, **_: object) -> None:
    """Do as the migration: one row is rewritten many times a second, and a crash may empty the table."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("ALTER TABLE turns SET UNLOGGED"))
        connection.execute(text("ALTER TABLE turns SET (fillfactor = 50)"))


DATA: Final = tuple(
    table for table in metadata.sorted_tables if table not in {members, shards, answers, turns}
)
"""The tables whose rows outlive the processes that run."""
