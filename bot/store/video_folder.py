"""The folder beside a database in which videos are kept while they are passed on, and how it is emptied.

It is emptied as soon as the lock is held: what a killed bot left there may be all that the disk had to spare,
and the database needs some of it to open.
"""

import errno
import shutil
from pathlib import Path

from bot.store.errors import StoreUnusable
from bot.store.ownership import copies_folder


def empty(folder: Path) -> None:
    """Delete what is in a folder, if there is one, but nothing that a link leads to.

    Raises:
        OSError: something could not be deleted, or the folder itself is a link.
    """
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "it is a link to another place", str(folder))
    try:
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def empty_beside(database: Path) -> None:
    """Empty the folder of a database whose lock is held.

    Raises:
        StoreUnusable: it cannot be emptied.
    """
    folder = copies_folder(database)
    try:
        empty(folder)
    except OSError as error:
        raise StoreUnusable(f"{folder} cannot be emptied ({error.strerror}): delete it") from None
