"""The database file read beside a running bot, without its lock and without a chance to change it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote


def is_there(database: Path) -> bool:
    """Tell whether there is such a file; one in a folder that this user may not enter is not."""
    return os.path.isfile(database)  # noqa: PTH113 Path.is_file raises where a folder is closed


@contextmanager
def reading(database: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading only.

    Raises:
        sqlite3.Error: it cannot be opened or read.
    """
    with closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True)) as connection:
        yield connection
