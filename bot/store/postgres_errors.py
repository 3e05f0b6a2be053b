"""Why a PostgreSQL database cannot be used, in one line that says what to do.

libpq gives no code for a connection that was refused, only a sentence, in the language of the server. The
usual sentences are known by their English words; any other is shown as it is, with general advice.
"""

import re
from typing import Final

from psycopg import errors
from sqlalchemy import URL

from bot.store.location import shown

_KNOWN: Final = (
    ("password authentication failed", "the password or the user is wrong: correct them in DATABASE_URL"),
    (
        "no password supplied",
        (
            "it asks for a password: put one into DATABASE_URL, its file DATABASE_URL_FILE, or the file that "
            "PGPASSFILE names, which must be closed to others (chmod 600)"
        ),
    ),
    (
        "no pg_hba.conf entry",
        "its pg_hba.conf does not admit this user from here: add a line",
    ),
    (r"role \S+ does not exist", "it has no such user. Run there: CREATE ROLE {user} LOGIN PASSWORD '…'"),
    (r"database \S+ does not exist", "it has no such database: {create}"),
    (
        "too many|remaining connection slots",
        "all its connections are in use: end some, or raise max_connections",
    ),
    (
        "could not translate host name|failed to resolve host|name or service not known",
        "no such host is known: check the host in DATABASE_URL",
    ),
    ("connection refused", "nothing listens there: start the server, or check host and port in DATABASE_URL"),
    ("no such file", "no server runs on this machine's socket: name its host in DATABASE_URL"),
    ("time(d )?out", "it does not answer: check host and port in DATABASE_URL, and firewalls"),
    ("starting up|recovery", "it is starting: try again in a moment"),
    ("shutting down", "it is shutting down: start it"),
    ("read-only", "it is a standby, or set to read-only: name the primary in DATABASE_URL"),
    ("invalid .*connection option", "correct what follows the ? in DATABASE_URL"),
    ("ssl", "the encrypted connection failed: check sslmode and the certificates in DATABASE_URL"),
)
"""Words of libpq and of the server, and what to do. The first that match count."""
_BY_KIND: Final[tuple[tuple[type[Exception], str], ...]] = (
    (
        errors.InsufficientPrivilege,
        "the user may not create tables. Run there: ALTER DATABASE {database} OWNER TO {user}",
    ),
    (
        errors.UndefinedTable,
        "it has none of the bot's tables, which the first start creates: check DATABASE_URL",
    ),
    (errors.DiskFull, "free some space on the server's disk"),
    (errors.ReadOnlySqlTransaction, "it is a standby, or set to read-only: name the primary in DATABASE_URL"),
    (errors.LockNotAvailable, "another program holds a lock on its tables: end it"),
    (errors.QueryCanceled, "it was too slow: check the server's load and locks"),
)


def why_unusable(error: object, url: URL) -> str:
    """Return the line that ends a start: which database, what it says, what to do. Never has the password."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL" in line]
    said = (fatal[-1:] or lines[:1] or ["no reason given"])[0]
    said = re.sub(r"^(connection failed: )?connection to server (at|on) .*? failed: ", "", said)
    if url.password is not None:
        said = said.replace(str(url.password), "…")
    return f"cannot use {shown(url)} ({said}): {_advice(error, said, url)}"


def _advice(error: object, said: str, url: URL) -> str:
    found = next((advice for kind, advice in _BY_KIND if isinstance(error, kind)), None)
    if found is None:
        matches = (advice for known, advice in _KNOWN if re.search(known, said, re.IGNORECASE))
        found = next(matches, None)
    if found is None:
        return "check DATABASE_URL and the server's log"
    user = url.username or "the user"
    return found.format(user=user, database=url.database, create=how_to_create(url))


def how_to_create(url: URL) -> str:
    """Return the command that creates a database as the bot needs it."""
    owner = f" OWNER {url.username}" if url.username else ""
    options = f"{owner} ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0"
    return f"create one with CREATE DATABASE {url.database}{options}"
