"""Keep the summaries of cards with several tasks, and who joined only one of those tasks."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    # Cards that were begun earlier keep a ping for each result.
    op.add_column("cards", sa.Column("batch", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "watch_followers",
        sa.Column(
            "watch_id", sa.Integer(), sa.ForeignKey("watches.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("user_id", sa.BigInteger(), primary_key=True),
        sa.Column("since", sa.Float(), nullable=False),
    )
    op.create_table(
        "summaries",
        sa.Column("card_id", sa.Integer(), sa.ForeignKey("cards.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("watch_id", sa.Integer(), sa.ForeignKey("watches.id", ondelete="CASCADE"), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("early", sa.Boolean(), nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False),
    )
    op.create_table(
        "summary_deliveries",
        sa.Column(
            "watch_id", sa.Integer(), sa.ForeignKey("watches.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("part", sa.Integer(), primary_key=True),
        sa.Column("message", sa.JSON(), nullable=False),
        sa.Column("intended_at", sa.Float()),
        sa.Column("message_id", sa.BigInteger()),
    )
    op.create_index("summary_deliveries_by_message", "summary_deliveries", ["message_id"])
