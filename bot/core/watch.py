"""A watch as a value: one task on one card, and what its polls have told so far."""

from dataclasses import dataclass
from typing import Final

from bot.core.estimate import Mark
from bot.core.events import PollError
from bot.core.outcome import Outcome
from bot.core.task import Task
from bot.core.value import frozen_by_types

SHOWN_TROUBLES: Final = 3
"""Failed polls in a row from which the card speaks of them."""


@frozen_by_types
@dataclass(frozen=True, slots=True)
class Watch:
    """One task on one card. Times are Unix seconds.

    Durable are the ids, the position, `started_at`, `seen_at` and `outcome`; the rest is seen anew after
    a restart.
    """

    id: int
    card_id: int
    task_id: str
    position: int
    """The row on the card, from 0."""
    started_at: float
    seen_at: float | None = None
    """When the API first knew the task."""
    task: Task | None = None
    """The newest answer, its progress never lower than an earlier one's."""
    changed_at: float | None = None
    looked_at: float | None = None
    """When the newest answer came."""
    quiet: float = 0.0
    """Seconds without a change, polls that failed included; a pause for all, or a limit, does not count."""
    missing_looks: int = 0
    """Looks in a row that said "missing", since `missing_since`: a proxy may say so for a while, too."""
    missing_since: float | None = None
    empty_looks: int = 0
    """Looks in a row that said "succeeded" without a video."""
    troubles: int = 0
    trouble: PollError | None = None
    trouble_since: float | None = None
    failed_at: float | None = None
    """When the newest poll failed, if it did."""
    refused_for: float = 0.0
    """Seconds in which its polls were refused; a pause for all does not count."""
    message: str = ""
    """What the API last said instead of an answer about the task, if that is the last that it said."""
    began_at: float | None = None
    """When it began to be rendered, as far as that is known; None while it is not."""
    marks: tuple[Mark, ...] = ()
    """The newest moves of its progress."""
    ends_at: float | None = None
    """When it may end, as far as its recent moves tell."""
    outcome: Outcome | None = None

    @property
    def in_trouble(self) -> bool:
        """Whether so many looks failed in a row that the card should say so."""
        return self.troubles >= SHOWN_TROUBLES
