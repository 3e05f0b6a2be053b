"""Brings a database to the newest schema, or says why it is not ours.

An empty database gets the newest tables at once. Alembic is loaded only to migrate an older one, because it
takes 11 MiB of memory for as long as the bot runs.
"""

import logging
from typing import Final

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect, text

from bot.store.database import rewrite_version
from bot.store.errors import StoreUnusable
from bot.store.schema import HEAD, MIGRATIONS, OLDEST_CODE, metadata

log = logging.getLogger(__name__)

VERSION_TABLE: Final = "alembic_version"
_ALLOWED: Final = text("SELECT value FROM meta WHERE key = 'oldest_code'")
_ALLOW: Final = text(
    "INSERT INTO meta (key, value) VALUES ('oldest_code', :oldest)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_VERSION: Final = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def version_of(connection: Connection) -> str | None:
    """Return the version of a database, None if it has none."""
    if VERSION_TABLE not in inspect(connection).get_table_names():
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def migrate(connection: Connection, name: str, own: str, *, rolling: bool = False) -> None:
    """Migrate a database to `HEAD`. `name` is what people call it; `own` what one of the bot's own would be.

    With `rolling`, a newer version that lets this code use it is left as it is: while processes are updated
    one after the other, one of the old version may have to start again.

    Raises:
        StoreUnusable: it is another program's, or of a newer version of this bot.
    """
    version = version_of(connection)
    if version is None and inspect(connection).get_table_names():
        raise StoreUnusable(f"{name} is another program's database: set DATABASE_URL to {own} of its own")
    if version == HEAD:
        rewrite_version(connection)  # SQLite also opens files that it may not write
    elif version is None:
        log.info("creating the database", extra={"version": HEAD})
        _create(connection)
    elif rolling and version > HEAD >= _oldest_code(connection, version):
        log.info("the database is of a newer version of this bot, which lets this one go on")
        rewrite_version(connection)
        return
    else:
        _upgrade(connection, name, version)
    if rolling:
        connection.execute(_ALLOW, {"oldest": OLDEST_CODE})


def _oldest_code(connection: Connection, version: str) -> str:
    """Return the oldest version whose code may use a database; by default its own."""
    if "meta" not in inspect(connection).get_table_names():
        return version
    return connection.scalar(_ALLOWED) or version


def _create(connection: Connection) -> None:
    """Create all tables, and Alembic's own as `command.stamp` would, so that later migrations find it."""
    metadata.create_all(connection)
    _VERSION.create(connection, checkfirst=True)
    connection.execute(_VERSION.insert().values(version_num=HEAD))


def _upgrade(connection: Connection, name: str, version: str) -> None:
    from alembic import command  # noqa: PLC0415 only here, see above
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        ScriptDirectory.from_config(config).get_revision(version)
    except CommandError:
        raise StoreUnusable(
            f"{name} was written by a newer version of this bot ({version}): "
            "run that version, or restore a backup"
        ) from None
    log.info("migrating the database to version %s", HEAD, extra={"version": version})
    command.upgrade(config, HEAD)
