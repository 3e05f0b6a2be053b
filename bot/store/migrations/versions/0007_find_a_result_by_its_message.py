"""Find the result that a message is without reading every row."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_index("deliveries_by_message", "deliveries", ["message_id"])
