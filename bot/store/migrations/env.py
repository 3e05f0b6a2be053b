"""Run the migrations on the connection that `bot.store.database` holds."""

import logging
from collections.abc import Collection, Mapping
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo

from bot.store.schema import metadata

log = logging.getLogger("bot.store.migrations")


def _log_step(
    ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Mapping[str, Any]
) -> None:
    """Log each step, which shows progress on a large database."""
    del ctx, heads, run_args  # alembic passes them by these names
    log.info("the database is at version %s", step.up_revision_id)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
    on_version_apply=_log_step,
)
with context.begin_transaction():
    context.run_migrations()
