"""Give each watch the name that people gave its render."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    # In place: to copy and drop the table would also delete, by ON DELETE CASCADE, what refers to it.
    op.add_column("watches", sa.Column("name", sa.String(), nullable=False, server_default=""))
