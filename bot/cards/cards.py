"""What a card shows: pure functions from its state to a form, and from a form to Discord's layout.

A card is edited only when its form differs from the form it shows. So nothing in a form may depend on the
present time; Discord's own timestamps tick by themselves.

A row is rendered by `task_row`, a headline by `render_parts`, a button is a `Button` in the form.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Final

import discord

from bot import messages
from bot.cards.buttons import Action, Button, CardButton
from bot.cards.render_parts import Style, heading
from bot.cards.task_row import MESSAGE_LIMIT, ROW_MESSAGE_LIMIT, TaskRow, task_row
from bot.cards.text import LAYOUT_LIMIT, NAME_LIMIT, mention, plain, relative
from bot.core.health import Health, Mode
from bot.core.names import common_name
from bot.core.observed import UNOBSERVED, Observed
from bot.core.outcome import Ending
from bot.core.policy import PollPolicy
from bot.core.task import Task
from bot.core.watch import CardState, Watch
from bot.messages import say

PLAIN_LIMIT: Final = 200
"""Characters of a plain form."""
ACTION_LIMIT: Final = 60
_LOUDEST_FIRST: Final = (Style.ODD, Style.BAD, Style.MOVING, Style.WAITING, Style.OVER, Style.GOOD)


@dataclass(frozen=True, slots=True)
class CardForm:
    """What a card or a private layout shows: its texts from top to bottom, its colour, its buttons."""

    texts: tuple[str, ...]
    colour: int
    buttons: tuple[Button, ...] = ()
    pointer: str = ""
    """What is added to the last text once the results of the card are in the channel."""

    @property
    def answerless(self) -> "CardForm":
        """The form while a result has not been sent yet."""
        return replace(self, pointer="") if self.pointer else self


def card_form(
    state: CardState, observed: Mapping[str, Observed], health: Health, policy: PollPolicy
) -> CardForm:
    """Return what a card shows of its watches, their observed tasks, and the task API's health."""
    language, alone = state.card.language, len(state.watches) == 1
    limit = MESSAGE_LIMIT if alone else ROW_MESSAGE_LIMIT
    known = [observed.get(watch.task_id, UNOBSERVED) for watch in state.watches]
    rows = [
        task_row(watch, about, language, health, policy, message_limit=limit)
        for watch, about in zip(state.watches, known, strict=True)
    ]
    news = "" if state.ended else _news(state, known, health)
    style = Style.ODD if news and health.paused else _style(state, rows)
    foot = _last_words(state) if state.ended else _details(state, known[0].task if alone else None)
    if alone:
        head, body = replace(rows[0], style=style).whole
        texts = [head, "\n".join(text for text in (body, news) if text), foot]
    else:
        texts = [heading(style, _headline(state)), *(row.short for row in rows), news, foot]
    buttons = () if state.ended else _buttons(state)
    pointer = _pointer(state) if state.ended else ""
    return CardForm(tuple(text for text in texts if text), style.colour, buttons, pointer)


def plain_form(form: CardForm) -> CardForm:
    """Return the form for when Discord refuses another one: one line, no markup."""
    return replace(form, texts=(plain(form.texts[0], PLAIN_LIMIT),), pointer="")


def layout(form: CardForm) -> discord.ui.LayoutView:
    """Return a form as Discord's Components V2."""
    view = discord.ui.LayoutView(timeout=None)
    container: discord.ui.Container[discord.ui.LayoutView] = discord.ui.Container(accent_colour=form.colour)
    space = LAYOUT_LIMIT
    *texts, last = form.texts
    for text in (*texts, f"{last} · {form.pointer}" if form.pointer else last):
        container.add_item(discord.ui.TextDisplay(text[:space]))
        space -= len(text)
        if space <= 0:
            break
    view.add_item(container)
    if form.buttons:
        row: discord.ui.ActionRow[discord.ui.LayoutView] = discord.ui.ActionRow()
        for button in form.buttons:
            row.add_item(CardButton(*button))
        view.add_item(row)
    return view


def _buttons(state: CardState) -> tuple[Button, ...]:
    card, language, count = state.card.id, state.card.language, len(state.followers)
    notify = messages.NOTIFY_ME_TOO if count else messages.NOTIFY_ME
    return (
        Button(Action.NOTIFY, card, say(language, notify, count=count)),
        Button(Action.STOP, card, say(language, messages.STOP)),
    )


def _style(state: CardState, rows: Sequence[TaskRow]) -> Style:
    """Return the style of a whole card: the loudest of its live rows, else of its ended ones."""
    live = {row.style for row, watch in zip(rows, state.watches, strict=True) if watch.outcome is None}
    shown = live or {row.style for row in rows}
    return next(style for style in _LOUDEST_FIRST if style in shown)


def _headline(state: CardState) -> str:
    name = plain(common_name([watch.name for watch in state.watches]), NAME_LIMIT)
    return f"{name} · {_count(state)}" if name else _count(state)


def _count(state: CardState) -> str:
    language, total = state.card.language, len(state.watches)
    endings = [watch.outcome.ending for watch in state.watches if watch.outcome is not None]
    count = say(language, messages.SOME_FINISHED, done=len(endings), total=total)
    failed = endings.count(Ending.FAILED)
    return f"{count} · {say(language, messages.SOME_FAILED, count=failed)}" if failed else count


def _news(state: CardState, known: Sequence[Observed], health: Health) -> str:
    """Return what the card says of the task API as a whole: that it is down, or that it is back."""
    if health.since is None:
        return ""
    if health.paused:
        sentence = messages.API_REFUSED if health.mode is Mode.REFUSED else messages.API_SILENT
    elif any(map(_unchanged_since, repeat(health.since), state.watches, known)):
        sentence = messages.API_BACK
    else:
        return ""
    return say(state.card.language, sentence, when=relative(health.since))


def _unchanged_since(at: float, watch: Watch, observed: Observed) -> bool:
    """Return whether a watch is older than the end of an outage, and its task unchanged since."""
    if watch.outcome is not None or observed.is_failing:
        return False
    return (observed.changed_at or 0.0) < at and watch.started_at < at


def _details(state: CardState, task: Task | None) -> str:
    """Return the foot of a live card; `task` is its only task by the last poll."""
    language, card = state.card.language, state.card
    if task is not None and task.created_at is not None:
        details = [say(language, messages.STARTED, when=relative(task.created_at))]
    else:
        details = [say(language, messages.WATCH_STARTED, when=relative(card.created_at))]
    if task is not None and (action := plain(task.action, ACTION_LIMIT)):
        details.append(say(language, messages.ACTION, action=action))
    promise = messages.WATCHING_SEVERAL if len(state.watches) > 1 else messages.WATCHING
    return f"-# {' · '.join(details)}\n-# {say(language, promise, starter=mention(card.starter_id))}"


def _last_words(state: CardState) -> str:
    outcomes = [watch.outcome for watch in state.watches if watch.outcome is not None]
    ended = relative(max(outcome.at for outcome in outcomes))
    return f"-# {say(state.card.language, messages.ENDED, when=ended)}"


def _pointer(state: CardState) -> str:
    """Return the words by which an ended card points to its results, "" if it has none."""
    endings = [watch.outcome.ending for watch in state.watches if watch.outcome is not None]
    announced = [ending for ending in endings if ending.announced]
    if not announced:
        return ""
    if len(announced) > 1:
        see = messages.SEE_REPLIES
    else:
        see = messages.SEE_RESULT if announced == [Ending.SUCCEEDED] else messages.SEE_REPLY
    return say(state.card.language, see)
