"""The errors of the database and its folder.

StoreError
├── StoreUnusable     the folder or the file cannot be used; the process ends with this line
├── AnotherBot        a running bot holds the data
├── BackupFailed      no copy was made (`bot.backups.backup`)
├── RestoreFailed     no backup was restored (`bot.backups.restore`)
├── LeaseLost         another process has taken over what this one held; it must end
├── ShardCountDiffers another number of shards is set than processes that run use
├── AlreadyWatched    the channel already watches the task
├── TooManyWatches    the person has as many live watches as are allowed
└── StoreFailed       a read or a write failed now: a full disk, a lost volume
"""


class StoreError(Exception):
    """Any error of the data."""


class StoreUnusable(StoreError):
    """The data cannot be used; the text says why and what to do."""


class AnotherBot(StoreError):
    """Another bot is running on the same data."""


class LeaseLost(StoreError):
    """Another process took this one for dead; it can write nothing more and must end."""


class ShardCountDiffers(StoreError):
    """Another number of shards is set here than the processes that run use."""


class AlreadyWatched(StoreError):
    """The channel already has a live watch of the task."""

    def __init__(self, task_id: str, card_id: int) -> None:
        super().__init__(f"task {task_id} is watched on card {card_id}")
        self.task_id = task_id
        self.card_id = card_id


class TooManyWatches(StoreError):
    """The watches would be more than a person may have; `count` are live now."""

    def __init__(self, count: int) -> None:
        super().__init__(f"the person has {count} live watches")
        self.count = count


class StoreFailed(StoreError):
    """A read or a write failed, and its transaction was rolled back."""
