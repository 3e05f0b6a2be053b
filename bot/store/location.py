"""Which database a URL names: a SQLite file, or a database of a PostgreSQL server."""

from concurrent.futures import Executor
from pathlib import Path
from typing import Final, TypeAlias

from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from bot.store.data_folder import fault_of, real_path
from bot.store.database import Database
from bot.store.errors import StoreUnusable
from bot.store.sqlite import SqliteDatabase

Postgres: TypeAlias = URL
"""The URL of a PostgreSQL database."""
Location: TypeAlias = Path | Postgres
"""A SQLite file, or a PostgreSQL database."""

_RULE: Final = "must look like sqlite:///data/bot.db or postgresql://user@host/database"
_ENCODE: Final = f"{_RULE}, with special characters of a password percent-encoded"
_POSTGRES: Final = {"postgresql", "postgres", "postgresql+psycopg"}
_SECRET_OPTIONS: Final = ("password", "sslpassword")
"""Options of libpq that may stand in the query of a URL and are never shown."""


def location_of(url: str) -> Location:
    """Return what a URL names.

    Raises:
        ValueError: the URL names another kind of database, or none; the text says what is needed.
    """
    postgres = url.partition(":")[0] in _POSTGRES
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(_ENCODE if postgres else _RULE) from None
    if postgres:
        if not parsed.database or "@" in (parsed.host or ""):
            raise ValueError(_ENCODE)
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise ValueError(_RULE)
    if parsed.host or parsed.query:
        raise ValueError(_RULE)
    return Path(parsed.database)


def shown(location: Location) -> str:
    """Return a database's name for people, without a password."""
    if isinstance(location, Path):
        return str(location)
    url = location.set(drivername="postgresql").difference_update_query(_SECRET_OPTIONS)
    return URL.create(**{**url._asdict(), "password": None}).render_as_string()


def passwords_in(location: Location) -> tuple[str, ...]:
    """Return the passwords that a URL has: none or one, or one more for its key."""
    if isinstance(location, Path):
        return ()
    options = (location.query.get(name) for name in _SECRET_OPTIONS)
    return tuple(str(found) for found in (location.password, *options) if found)


def database_at(location: Location, executor: Executor | None, *, alone: bool = True) -> Database:
    """Return the database that is there, not yet open; unless `alone`, bots may share a server's.

    Raises:
        StoreUnusable: its folder cannot be used, or PostgreSQL's driver is missing.
    """
    if isinstance(location, Path):
        if fault := fault_of(real_path(location)):
            raise StoreUnusable(fault)
        return SqliteDatabase(location, executor)
    try:
        from bot.store.postgres import PostgresDatabase  # noqa: PLC0415 only PostgreSQL needs the driver
    except ImportError as error:
        raise StoreUnusable(no_driver(error)) from None
    return PostgresDatabase(location, executor, alone=alone)


def no_driver(error: ImportError) -> str:
    """Return what to do without PostgreSQL's driver."""
    return f"PostgreSQL's driver cannot be loaded ({error}). Run: pip install 'psycopg[binary]>=3.3,<4'"
