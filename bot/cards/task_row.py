"""The texts about one watch, used by a card with one task, a row of a larger card, and an entry of the list.

Failures of the whole task API are shown once, by the card. These texts mention only failures of the task.
"""

from dataclasses import dataclass, replace
from typing import Final

from bot import messages
from bot.cards.render_parts import (
    ENDING_STYLES,
    Style,
    ending_lines,
    heading,
    progress_line,
    state_title,
)
from bot.cards.text import NAME_LIMIT, plain, relative, short_id, unbroken
from bot.core.events import ErrorKind
from bot.core.health import Health
from bot.core.names import row_label, row_name
from bot.core.observed import Observed
from bot.core.outcome import Ending, Outcome
from bot.core.policy import PollPolicy
from bot.core.task import Task, TaskState
from bot.core.watch import Watch
from bot.messages import say

MESSAGE_LIMIT: Final = 300
"""Characters of the API's message on a card with one task; the result shows more."""
ROWS_MESSAGE_LIMIT: Final = 800
"""The same of all rows of a card together: ten rows must fit into one layout."""

_FAILURES: Final = {
    ErrorKind.UNAVAILABLE: messages.TASK_SILENT,
    ErrorKind.BROKEN: messages.TASK_SILENT,
    ErrorKind.TASK_REFUSED: messages.TASK_REFUSED,
    ErrorKind.KEY_REFUSED: messages.TASK_KEY_REFUSED,
    ErrorKind.RATE_LIMITED: messages.TASK_LIMITED,
}


@dataclass(frozen=True, slots=True)
class TaskRow:
    """The texts about one watch; empty ones are left out. `note` adds to the state."""

    task_id: str
    style: Style
    title: str
    progress: str = ""
    message: str = ""
    note: str = ""
    name: str = ""
    number: int = 1
    """Its place on the card, from 1."""

    @property
    def whole(self) -> tuple[str, str]:
        """The heading and the body of a card with one task."""
        render = f"`{self.task_id}`"
        if self.name:
            render = f"**{plain(self.name, NAME_LIMIT)}**\n-# {render}"
        body = "\n".join(line for line in (self.progress, self.message, self.note) if line)
        return f"{heading(self.style, self.title)}\n{render}", body

    @property
    def headline(self) -> str:
        """The headline in a larger card: the name instead of the id, because both would not fit."""
        name = plain(row_name(self.name), NAME_LIMIT)
        return self._first_line(unbroken(f"**{name}**") if name else f"`{self.task_id}`")

    @property
    def short(self) -> str:
        """At most two lines, the second with the most important fact."""
        first = self._first_line(unbroken(row_title(self.name, self.number, self.task_id)))
        second = self.note.rpartition("\n")[2] or self.progress or self.message
        return f"{first}\n{second}" if second else first

    def _first_line(self, label: str) -> str:
        # The state first: its word stays with its sign, also where a long name breaks the line.
        return f"{self.style.sign} {self.title} · {label}"


def row_title(name: str, number: int, task_id: str) -> str:
    """Return what a row is called: its number and its name, or its number and the start of its id."""
    if not name:
        return f"**{number}** · {short_id(task_id)}"
    return f"**{plain(row_label(name, number), NAME_LIMIT)}**"


def task_row(
    watch: Watch, observed: Observed, language: str, health: Health, policy: PollPolicy, *, message_limit: int
) -> TaskRow:
    """Return the row of a watch; `observed` is what polling knows of its task while the watch is live."""
    if watch.outcome is not None:
        row = _ended(watch, watch.outcome, language, policy, message_limit)
    else:
        row = _live(watch, observed, language, health, message_limit)
    return replace(row, name=watch.name, number=watch.position + 1)


def _live(watch: Watch, observed: Observed, language: str, health: Health, message_limit: int) -> TaskRow:
    if (task := observed.task) is not None:
        row = _known(watch.task_id, task, observed, language, health, message_limit=message_limit)
    else:
        row = _unknown(watch, observed, language, health)
    if health.paused or not observed.is_failing or observed.error is None or observed.failing_since is None:
        return row
    note = say(language, _FAILURES[observed.error], when=relative(observed.failing_since))
    if message := plain(observed.message, message_limit):
        note = f"{note} {say(language, messages.LAST_MESSAGE, message=message)}"
    return replace(row, style=Style.ODD, note=f"{row.note}\n{note}" if row.note else note)


def _known(
    task_id: str, task: Task, observed: Observed, language: str, health: Health, *, message_limit: int
) -> TaskRow:
    style, title = state_title(language, task)
    note = ""
    if task.state is TaskState.SUCCEEDED:
        style, note = Style.MOVING, say(language, messages.WAITING_FOR_VIDEO)
    message = plain(task.message, message_limit)
    since = None if health.paused or observed.is_failing else observed.no_change_since
    if since is not None:
        style = Style.ODD
    progress = _progress(language, task, observed, health, since)
    return TaskRow(task_id, style, title, progress, f"> {message}" if message else "", note)


def _unknown(watch: Watch, observed: Observed, language: str, health: Health) -> TaskRow:
    if watch.seen_at is None and observed.missing:
        title, note = messages.NOT_VISIBLE_YET, messages.WAITING_FOR_TASK
    else:
        known = watch.seen_at is not None
        title, note = (
            messages.NO_ANSWER_YET,
            messages.WAITING_AFTER_RESTART if known else messages.WAITING_FOR_ANSWER,
        )
    row = TaskRow(watch.task_id, Style.WAITING, say(language, title))
    # During a pause of polling the card explains for all rows why nothing is known; after failed polls, the
    # next line does.
    if health.paused or (observed.is_failing and note == messages.WAITING_FOR_ANSWER):
        return row
    return replace(row, note=say(language, note))


def _progress(
    language: str, task: Task, observed: Observed, health: Health, no_change_since: float | None
) -> str:
    """Return the bar, and the expected end if the task is being polled, or since when it has not changed."""
    line = progress_line(task) or ""
    if no_change_since is not None:
        warning = say(language, messages.NO_CHANGE, when=relative(no_change_since))
        return f"{line} · {warning}" if line else warning
    if not line or observed.expected_end is None or health.paused or observed.is_failing:
        return line
    return f"{line} · {say(language, messages.EXPECTED, when=relative(observed.expected_end))}"


def _ended(watch: Watch, outcome: Outcome, language: str, policy: PollPolicy, message_limit: int) -> TaskRow:
    style, title = ENDING_STYLES[outcome.ending]
    progress = ""
    if outcome.task is not None and outcome.ending not in {Ending.SUCCEEDED, Ending.EMPTY}:
        progress = progress_line(outcome.task) or ""
    message = plain(outcome.last_message, message_limit)
    note = "\n".join(ending_lines(language, outcome, policy, message))
    return TaskRow(watch.task_id, style, say(language, title), progress, note=note)
