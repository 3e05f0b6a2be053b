"""What all apps of a process share: limits are those of a token and of a key, not of a shard."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from bot.clock import Clock, WaitHook, plain_wait
from bot.config import Settings
from bot.core.budget import RequestBudget
from bot.core.shards import Holding
from bot.engine.poll_turns import PollTurns
from bot.engine.tuner import PollTuner
from bot.gateway.traffic import Traffic
from bot.metrics import Snapshot
from bot.monitoring.health_checks import Checked, HealthChecks
from bot.outbound.uploads import UploadSlots
from bot.store.data_folder import disk_space
from bot.store.database import Database
from bot.videos.downloader import VideoDownloader

if TYPE_CHECKING:  # one process with a file needs none of it
    from bot.engine.shared_tasks import SharedTaskReader


class RunningApp(Checked, Protocol):
    """An app, from outside."""

    def snapshot(self) -> Snapshot:
        """Return its part of the gauges."""


class Shared:
    """Everything that there is once in a process; `apps` are those that run now."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        traffic: Traffic,
        *,
        clock: Clock,
        wait: WaitHook = plain_wait,
        downloader: VideoDownloader | None = None,
    ) -> None:
        self.settings: Final = settings
        self.database: Final = database
        self.clock: Final = clock
        self.wait: Final = wait
        self.downloader: Final = downloader
        self.traffic: Final = traffic
        traffic.limiter.take_turn = database.take_turn
        self.metrics: Final = traffic.metrics
        per_minute, take_turn = settings.poll_per_minute, database.take_turn
        self.budget: Final = RequestBudget(per_minute, takes_turns=take_turn is not None)
        self.poll_turns: PollTurns | None = None
        if per_minute is not None and take_turn is not None:
            self.poll_turns = PollTurns(take_turn, self.budget, per_minute, clock, wait)
        self.task_reader: SharedTaskReader | None = None
        """Set where tasks may be watched in several shards, before there are apps."""
        self.tuner: Final = PollTuner(settings.poll_policy, wait=wait)
        self.upload_slots: Final = UploadSlots()
        self.apps: Final[list[RunningApp]] = []
        self.may_poll: Callable[[], bool] = lambda: True
        """Whether it is certain that no other process polls for the apps of this one."""
        self.holding: Callable[[], Holding | None] = lambda: None
        """Returns what this process holds, where several share a bot."""
        self.health: Final = HealthChecks(database, self.apps, clock, lambda: self.holding())  # noqa: PLW0108 it is set later
        if downloader is not None:
            database.on_failure = downloader.drop
        database.on_transaction = self.metrics.store_seconds.observe
        self.metrics.add_snapshot(self._snapshot)

    def _snapshot(self) -> Snapshot:
        return Snapshot.total(
            [app.snapshot() for app in self.apps],
            ready=self.health.ready,
            holding=self.holding(),
            disk=disk_space(self.database.video_folder.parent),
        )
