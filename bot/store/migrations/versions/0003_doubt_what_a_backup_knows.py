"""Store which watches may have been announced without a restored backup knowing it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "doubts",
        sa.Column(
            "watch_id", sa.Integer(), sa.ForeignKey("watches.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("since", sa.Float(), nullable=False),
    )
