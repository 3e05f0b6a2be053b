"""Keep one mark of what may have been sent unknown to the data, in place of a row for each watch."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    connection = op.get_bind()
    unfinished = set(connection.scalars(sa.text("SELECT id FROM watches WHERE state != 'done'")))
    rows = connection.execute(sa.text("SELECT watch_id, since FROM doubts"))
    doubts = [(watch_id, since) for watch_id, since in rows if watch_id in unfinished]
    # A copy by an earlier version holds the time it was made (`copied_at`); `restore` may have marked it as
    # well. In a copy all unfinished watches are unconfirmed, otherwise those that have a row.
    copied = sa.text("SELECT value FROM meta WHERE key IN ('copied_at', 'unconfirmed')")
    times = [float(value.partition(" ")[0]) for value in connection.scalars(copied)]
    ids = unfinished if times else {watch_id for watch_id, _ in doubts}
    connection.execute(sa.text("DELETE FROM meta WHERE key IN ('copied_at', 'unconfirmed')"))
    if ids:
        since = min([*times, *(since for _, since in doubts)])
        row = {"value": f"{since} {max(ids)}"}
        connection.execute(sa.text("INSERT INTO meta (key, value) VALUES ('unconfirmed', :value)"), row)
    op.drop_table("doubts")
