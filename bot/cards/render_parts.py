"""Parts shared by cards, results and responses: headlines, progress bars, titles of states and endings."""

import re
from collections.abc import Sequence
from enum import Enum
from typing import Final

from bot import messages
from bot.cards.text import bar, code, mention, plain
from bot.core.outcome import Ending, Outcome
from bot.core.policy import PollPolicy
from bot.core.task import Task, TaskState
from bot.core.watch import REFUSED_AFTER
from bot.messages import say

# Not `urlsplit`: it raises on addresses in brackets that are none.
_HOST: Final = re.compile(r"https?://(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)", re.IGNORECASE)


class Style(Enum):
    """A sign and a colour; the colour alone never carries a meaning."""

    WAITING = ("⏳", 0x95A5A6)
    MOVING = ("🎬", 0x5865F2)
    GOOD = ("✅", 0x2ECC71)
    BAD = ("❌", 0xE74C3C)
    ODD = ("⚠️", 0xF1C40F)
    OVER = ("⏹️", 0x95A5A6)

    @property
    def sign(self) -> str:
        return self.value[0]

    @property
    def colour(self) -> int:
        return self.value[1]


STATE_STYLES: Final = {
    TaskState.PENDING: (Style.WAITING, messages.QUEUED),
    TaskState.RUNNING: (Style.MOVING, messages.RENDERING),
    TaskState.SUCCEEDED: (Style.GOOD, messages.FINISHED),
    TaskState.ERROR: (Style.BAD, messages.FAILED),
    TaskState.UNKNOWN: (Style.ODD, messages.STATE_UNKNOWN),
}
ENDING_STYLES: Final = {
    Ending.SUCCEEDED: (Style.GOOD, messages.FINISHED),
    Ending.FAILED: (Style.BAD, messages.FAILED),
    Ending.EMPTY: (Style.ODD, messages.FINISHED_EMPTY),
    Ending.VANISHED: (Style.ODD, messages.VANISHED),
    Ending.REFUSED: (Style.ODD, messages.REFUSED),
    Ending.STALLED: (Style.OVER, messages.TIMED_OUT),
    Ending.TOO_OLD: (Style.OVER, messages.TIMED_OUT),
    Ending.STOPPED: (Style.OVER, messages.STOPPED),
    Ending.NO_SUCH_TASK: (Style.ODD, messages.NO_SUCH_TASK),
    # For rows of a card that was deleted or became inaccessible while other results were being posted.
    Ending.CARD_DELETED: (Style.OVER, messages.TIMED_OUT),
    Ending.ACCESS_LOST: (Style.OVER, messages.TIMED_OUT),
}


def heading(style: Style, title: str) -> str:
    """Return the large headline of a card."""
    return f"### {style.sign} {title}"


def headline(style: Style, title: str, render: str) -> str:
    """Return the headline of a row, a result or a list's entry; `render` is its name or id, if any."""
    return f"{style.sign} **{title}** · {render}" if render else f"{style.sign} **{title}**"


def progress_line(task: Task) -> str | None:
    """Return the bar and the percentage from the API, None if there is nothing to show yet."""
    if task.progress is None or (task.state is TaskState.PENDING and task.progress == 0):
        return None
    return f"{bar(task.progress)} **{task.progress} %**"


def state_title(language: str, task: Task) -> tuple[Style, str]:
    style, sentence = STATE_STYLES[task.state]
    return style, say(language, sentence, state=plain(task.state_text, 60))


def ending_lines(language: str, outcome: Outcome, policy: PollPolicy, message: str) -> list[str]:
    """Return the sentence that explains an ending, if it needs one, and the API's last message, escaped."""
    sentence = _explained(language, outcome, policy)
    if not outcome.ending.announced:
        message = ""
    if outcome.ending is Ending.FAILED and not message:
        sentence = say(language, messages.FAILED_WITHOUT_REASON)
    return [line for line in (sentence, f"> {message}" if message else "") if line]


def _explained(language: str, outcome: Outcome, policy: PollPolicy) -> str:
    match outcome.ending:
        case Ending.EMPTY:
            return say(language, messages.END_EMPTY)
        case Ending.VANISHED:
            return say(language, messages.END_VANISHED)
        case Ending.REFUSED:
            return say(language, messages.END_REFUSED, minutes=f"{REFUSED_AFTER / 60:g}")
        case Ending.STALLED:
            return say(language, messages.END_STALLED, hours=f"{policy.stalled_after / 3600:g}")
        case Ending.TOO_OLD:
            return say(language, messages.END_TOO_OLD, hours=f"{policy.too_old_after / 3600:g}")
        case Ending.STOPPED:
            return say(language, messages.END_STOPPED, person=mention(outcome.by or 0))
        case Ending.NO_SUCH_TASK:
            return say(language, messages.END_NO_SUCH_TASK)
        case _:
            return ""


def refused_links(language: str, task: Task) -> str | None:
    """Return the line that names values from the API that are not web links, None if there are none."""
    if not task.refused_videos:
        return None
    names = [code(name, 45) for name in task.refused_videos]
    return say(language, messages.LINKS_REFUSED, names=listed(language, names, 3))


def took_line(language: str, task: Task, seen_at: float) -> str | None:
    """Return how long an ended render took, None if that is not known; `seen_at` is when we saw its end."""
    seconds = task.seconds_taken(seen_at)
    if seconds is None:
        return None
    minutes = round(seconds / 60)
    if seconds < 59.5:  # noqa: PLR2004  # of 59.7 s a reader would see "60 s"
        time = say(language, messages.SECONDS, count=max(1, round(seconds)))
    else:
        hours, minutes = divmod(minutes, 60)
        parts = [say(language, messages.AGE_HOURS, count=hours)] if hours else []
        parts += [say(language, messages.AGE_MINUTES, count=minutes)] if minutes else []
        time = " ".join(parts)
    return f"-# {say(language, messages.TOOK, time=time)}"


def short_link(language: str, number: int, url: str) -> str:
    """Return the link of an attached video, `number` from 1: a reader sees where it leads, not all of it.

    A label with `https://` in it would keep Discord from showing a link (discord-api-docs#7721).
    """
    label = say(language, messages.VIDEO, number=number)
    # A bracket would end the link's target.
    target = url.replace("(", "%28").replace(")", "%29")
    host = _HOST.match(url)
    return f"[{label}](<{target}>) · {plain(host[1].lower(), len(url) * 2)}" if host else f"<{url}>"


def listed(language: str, names: Sequence[str], limit: int) -> str:
    """Return the first `limit` names, and how many more there are."""
    more = len(names) - limit
    rest = [say(language, messages.AND_MORE, count=more)] if more > 0 else []
    return ", ".join([*names[:limit], *rest])
