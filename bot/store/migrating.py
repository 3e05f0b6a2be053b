"""Brings a database to the newest schema, or says why it is not ours."""

import logging
from typing import Final

from sqlalchemy import Connection, inspect, text

from bot.store.database import rewrite_version
from bot.store.errors import StoreUnusable
from bot.store.schema import HEAD, MIGRATIONS

log = logging.getLogger(__name__)

VERSION_TABLE: Final = "alembic_version"


def migrate(connection: Connection, name: str, own: str) -> None:
    """Migrate a database to `HEAD`. `name` is what people call it; `own` what one of the bot's own would be.

    Raises:
        StoreUnusable: it is another program's, or of a newer version of this bot.
    """
    tables = inspect(connection).get_table_names()
    version = None
    if VERSION_TABLE in tables:
        version = connection.scalar(text("SELECT version_num FROM alembic_version"))
    elif tables:
        raise StoreUnusable(f"{name} is another program's database: set DATABASE_URL to {own} of its own")
    if version == HEAD:
        rewrite_version(connection)  # SQLite also opens files that it may not write
        return
    # Imported here: a start without a migration does not need it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["step_level"] = logging.DEBUG if version is None else logging.INFO
    if version is None:
        log.info("creating the database", extra={"version": HEAD})
    else:
        try:
            ScriptDirectory.from_config(config).get_revision(version)
        except CommandError:
            raise StoreUnusable(
                f"{name} was written by a newer version of this bot ({version}): "
                "run that version, or restore a backup"
            ) from None
        log.info("migrating the database to version %s", HEAD, extra={"version": version})
    command.upgrade(config, HEAD)
