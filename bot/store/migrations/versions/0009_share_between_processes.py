"""Let several processes share a database on a server: who runs, which shards they hold, what they share."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "members",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("leaving", sa.Boolean(), nullable=False, server_default=sa.false()),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "shards",
        sa.Column("shard", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("member_id", sa.Integer(), sa.ForeignKey("members.id", ondelete="SET NULL")),
    )
    op.create_table(
        "answers",
        sa.Column("task_id", sa.String(), primary_key=True),
        sa.Column("observation", sa.JSON(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )
    op.create_table(
        "turns",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("next_at", sa.Float(), nullable=False),
        sa.Column("taken_at", sa.Float(), nullable=False),
    )
    op.add_column("placeholders", sa.Column("guild_id", sa.BigInteger()))
    if op.get_bind().dialect.name == "postgresql":
        # One row is rewritten up to a hundred times a second; nothing is lost if a crash empties the table.
        op.execute("ALTER TABLE turns SET UNLOGGED")
        op.execute("ALTER TABLE turns SET (fillfactor = 50)")
