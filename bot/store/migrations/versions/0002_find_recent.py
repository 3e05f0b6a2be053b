"""Find what a server has watched lately without reading every row."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_index("cards_by_place", "cards", ["guild_id", "channel_id"])
    op.create_index("watches_by_end", "watches", ["channel_id", "ended_at"])
