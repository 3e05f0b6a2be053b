"""Trackers full of made-up watches, and what stands in for the parts that a test leaves out."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bot.clock import Clock
from bot.core.outcome import Ending, Outcome, Summary
from bot.core.policy import PollPolicy
from bot.core.task import Task, TaskState
from bot.core.watch import Card, CardState, Watch
from bot.engine.registry import Registry
from bot.engine.tracker import Tracker
from bot.engine.tuner import PollTuner
from bot.store.errors import StoreFailed

GUILD: Final = 1_100_000_000_000_000_000
CHANNELS: Final = 50
ANSWER: Final = (
    '{{"id": "{name}", "state": "running", "data": {{"videos": []}}, "progress": 40,'
    ' "create_time": {created_at}, "update_time": {updated_at}, "message": "", "action": "generate"}}'
)
"""What the API tells of a render under way."""


class NullAudience:
    """Shows nothing; counts what it would have shown."""

    def __init__(self) -> None:
        self.shown = 0
        self.ended: list[Ending] = []
        self.summarized: list[CardState] = []

    def show(self, _state: CardState) -> None:
        self.shown += 1

    def summarize(self, state: CardState) -> None:
        self.summarized.append(state)

    def announce(self, _state: CardState, watch: Watch) -> None:
        self.shown += 1
        if watch.outcome is not None:
            self.ended.append(watch.outcome.ending)


class NullStore:
    """Saves nothing; counts what it would have saved."""

    def __init__(self) -> None:
        self.saved = 0
        self.full = False

    async def save_seen(self, _watch_ids: Iterable[int], _at: float) -> None:
        self._save()

    async def save_outcomes(
        self, _outcomes: Iterable[tuple[int, Outcome]], _due: Mapping[int, Summary]
    ) -> None:
        self._save()

    async def rename(self, _watch_id: int, _name: str) -> None:
        self._save()

    def _save(self) -> None:
        if self.full:
            raise StoreFailed("full")
        self.saved += 1


def task_id(number: int) -> str:
    return f"bbbbbbbb-0000-4000-8000-{number:012}"


def render(name: str, progress: int, created_at: float) -> Task:
    """Return an answer about a render under way."""
    return Task(
        id=name,
        state=TaskState.RUNNING,
        state_text="running",
        progress=progress,
        action="generate",
        created_at=int(created_at),
        updated_at=int(created_at),
    )


def filled_tracker(
    count: int, clock: Clock, policy: PollPolicy | None = None
) -> tuple[Tracker, NullAudience, NullStore]:
    """Return a tracker with so many cards of one live watch each."""
    audience, store = NullAudience(), NullStore()
    anything: Any = store
    tracker = Tracker(Registry(), anything, audience, PollTuner(policy or PollPolicy()), clock=clock)
    now = clock()
    for number in range(1, count + 1):
        tracker.registry.add(card_state(number, now))
    return tracker, audience, store


def card_state(number: int, now: float) -> CardState:
    card = Card(
        id=number,
        guild_id=GUILD,
        channel_id=GUILD + 1 + number % CHANNELS,
        message_id=GUILD + 1000 + number,
        starter_id=GUILD + 500 + number % 100,
        language="en",
        created_at=now,
    )
    watch = Watch(id=number, card_id=number, task_id=task_id(number), position=0, started_at=now, seen_at=now)
    return CardState(card, (watch,), (card.starter_id,))
