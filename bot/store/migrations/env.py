"""Run the migrations on the connection that `bot.store.database` holds."""

import logging
from collections.abc import Collection, Mapping
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo

from bot.store.schema import metadata

log = logging.getLogger("bot.store.migrations")


def _tell(
    ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Mapping[str, Any]
) -> None:
    """Say which step is done: a big database shows that it is still moving."""
    del ctx, heads, run_args  # alembic gives them by these names
    log.info("the database is at version %s", step.up_revision_id)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
    on_version_apply=_tell,
)
with context.begin_transaction():
    context.run_migrations()
