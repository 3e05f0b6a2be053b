"""What a card shows: pure functions from its state to a form, and from a form to Discord's components.

A card is edited only when its form differs from the form it shows. So a form must not depend on the current
time; Discord's own timestamps update by themselves.

A row is rendered by `task_row`, a headline by `render_parts`, a button is a `Button` in the form.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any, Final

import discord
from discord import ComponentType

from bot import messages
from bot.cards.buttons import Action, Button, button_component
from bot.cards.render_parts import Style, heading
from bot.cards.summary import counts
from bot.cards.task_row import MESSAGE_LIMIT, ROWS_MESSAGE_LIMIT, TaskRow, task_row
from bot.cards.text import LAYOUT_LIMIT, NAME_LIMIT, mention, plain, relative
from bot.core.health import Health, Mode
from bot.core.names import common_name
from bot.core.observed import UNOBSERVED, Observed
from bot.core.outcome import Ending
from bot.core.policy import PollPolicy
from bot.core.task import TaskState
from bot.core.watch import CardState, Watch
from bot.messages import say

PLAIN_LIMIT: Final = 200
"""Characters of a plain form."""
ACTION_LIMIT: Final = 60
COMPONENT_LIMIT: Final = 40
"""Components in one layout, including nested ones."""
FOLLOWERS_NAMED: Final = 5
_WORST_FIRST: Final = (Style.ODD, Style.BAD, Style.WAITING, Style.MOVING)
"""The styles of rows that have not ended."""


@dataclass(frozen=True, slots=True)
class CardForm:
    """What a card or a private layout shows: its texts from top to bottom, its colour, its buttons."""

    texts: tuple[str, ...]
    colour: int
    buttons: tuple[Button, ...] = ()
    separated: bool = False
    """Whether to draw lines between the texts, if the limit on components allows it."""
    pointer: str = ""
    """Added to the last text once the results of the card are posted."""

    @property
    def answerless(self) -> "CardForm":
        """The form while a result has not been sent yet."""
        return replace(self, pointer="") if self.pointer else self


def card_form(
    state: CardState, observed: Mapping[str, Observed], health: Health, policy: PollPolicy
) -> CardForm:
    """Return what a card shows of its watches, their observed tasks, and the task API's health."""
    language, alone = state.card.language, len(state.watches) == 1
    limit = min(MESSAGE_LIMIT, ROWS_MESSAGE_LIMIT // len(state.watches))
    known = [observed.get(watch.task_id, UNOBSERVED) for watch in state.watches]
    rows = [
        task_row(watch, about, language, health, policy, message_limit=limit)
        for watch, about in zip(state.watches, known, strict=True)
    ]
    news = "" if state.ended else _news(state, known, health)
    style = rows[0].style if alone else _common_style(state, rows)
    if news and health.paused:
        style = Style.ODD
    foot = _last_words(state) if state.ended else _details(state, known[0] if alone else UNOBSERVED)
    if alone:
        head, body = replace(rows[0], style=style).whole
        texts = [head, "\n".join(text for text in (body, news) if text), foot]
    else:
        texts = [_headline(state, style), *(row.short for row in rows), news, foot]
    buttons = () if state.ended else _buttons(state)
    pointer = _pointer(state) if state.ended else ""
    shown = tuple(text for text in texts if text)
    return CardForm(shown, style.colour, buttons, separated=not alone, pointer=pointer)


def plain_form(form: CardForm) -> CardForm:
    """Return a fallback for a form that Discord refuses: one line without markup."""
    # Without the name: of all that stands here, people chose only that.
    lines = [line for line in form.texts[0].splitlines() if not line.startswith("**")]
    words = " · ".join(line.removeprefix("### ").removeprefix("-# ").strip("`") for line in lines)
    return replace(form, texts=(plain(words, PLAIN_LIMIT),), pointer="")


def components(form: CardForm) -> list[dict[str, Any]]:
    """Return a form as Discord's Components V2."""
    texts: list[dict[str, Any]] = []
    space = LAYOUT_LIMIT
    *first, last = form.texts
    count = 2 * len(form.texts) + (1 + len(form.buttons) if form.buttons else 0)
    separated = form.separated and count <= COMPONENT_LIMIT
    for text in (*first, f"{last} · {form.pointer}" if form.pointer else last):
        if separated and texts:
            texts.append({"type": ComponentType.separator.value})
        texts.append({"type": ComponentType.text_display.value, "content": text[:space]})
        space -= len(text)
        if space <= 0:
            break
    container = {
        "type": ComponentType.container.value,
        "accent_color": form.colour,
        "components": texts,
    }
    if not form.buttons:
        return [container]
    row = {"type": ComponentType.action_row.value, "components": [*map(button_component, form.buttons)]}
    return [container, row]


class Layout(discord.ui.LayoutView):
    """A form as discord.py sends it. It needs no items: the custom_id of a pressed button says it all."""

    def __init__(self, form: CardForm) -> None:
        super().__init__(timeout=None)
        self.form: Final = form

    def to_components(self) -> list[dict[str, Any]]:
        return components(self.form)

    def has_components_v2(self) -> bool:
        return True


def _buttons(state: CardState) -> tuple[Button, ...]:
    card, language, count = state.card.id, state.card.language, len(state.followers)
    notify = messages.NOTIFY_ME_TOO if count else messages.NOTIFY_ME
    return (
        Button(Action.NOTIFY, card, say(language, notify, count=count)),
        Button(Action.STOP, card, say(language, messages.STOP)),
    )


def _common_style(state: CardState, rows: Sequence[TaskRow]) -> Style:
    """Return the style of a card of several: its worst live row's; once all ended, of how they did."""
    live = {row.style for row, watch in zip(rows, state.watches, strict=True) if watch.outcome is None}
    if live:
        return next(style for style in _WORST_FIRST if style in live)
    ready = all(watch.outcome is not None and watch.outcome.ending.ready for watch in state.watches)
    return Style.GOOD if ready else Style.ODD


def _headline(state: CardState, style: Style) -> str:
    """Return the headline of a card of several: how they stand, and what they were named together."""
    name = plain(common_name([watch.name for watch in state.watches]), NAME_LIMIT)
    endings = [watch.outcome.ending for watch in state.watches if watch.outcome is not None]
    first = heading(style, counts(state.card.language, endings, len(state.watches)))
    return f"{first}\n**{name}**" if name else first


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


def _details(state: CardState, observed: Observed) -> str:
    """Return the foot of a live card; `observed` is its task, if it has only one."""
    language, task = state.card.language, observed.task
    if task is None or task.created_at is None:
        details = [say(language, messages.WATCH_STARTED, when=relative(state.card.created_at))]
    elif task.state is TaskState.RUNNING:
        began_at = observed.began_at or task.created_at
        details = [say(language, messages.STARTED, when=relative(began_at))]
    else:
        details = [say(language, messages.CREATED, when=relative(task.created_at))]
    if task is not None and (action := plain(task.action, ACTION_LIMIT)):
        details.append(say(language, messages.ACTION, action=action))
    return f"-# {' · '.join(details)}\n-# {_promise(state)}"


def _promise(state: CardState) -> str:
    """Return the line that says what a live card will do, and who will be notified."""
    language = state.card.language
    if state.card.batch and state.summary is None:
        promise = say(language, messages.SUMMARY_WILL_COME)
    elif len(state.watches) > 1:
        promise = say(language, messages.RESULTS_WILL_COME)
    else:
        promise = say(language, messages.RESULT_WILL_COME)
    people = [mention(user_id) for user_id in state.followers[:FOLLOWERS_NAMED]]
    if (more := len(state.followers) - FOLLOWERS_NAMED) > 0:
        people.append(say(language, messages.AND_MORE_PEOPLE, count=more))
    return say(language, messages.WATCHING, people=" ".join(people), promise=promise) if people else promise


def _last_words(state: CardState) -> str:
    outcomes = [watch.outcome for watch in state.watches if watch.outcome is not None]
    ended = relative(max(outcome.at for outcome in outcomes))
    return f"-# {say(state.card.language, messages.ENDED, when=ended)}"


def _pointer(state: CardState) -> str:
    """Return the text with which an ended card links to its results, "" if it has none."""
    endings = [watch.outcome.ending for watch in state.watches if watch.outcome is not None]
    announced = [ending for ending in endings if ending.announced]
    if not announced:
        return ""
    if len(announced) > 1:
        see = messages.SEE_REPLIES
    else:
        see = messages.SEE_RESULT if announced == [Ending.SUCCEEDED] else messages.SEE_REPLY
    return say(state.card.language, see)
