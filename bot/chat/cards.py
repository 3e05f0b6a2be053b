"""How a card looks: a pure function from the card's state to a form, and from a form to Discord's layout.

A form is compared before anything is sent: a card that already shows it is not touched. So nothing in it may
depend on the present time; Discord's own timestamps tick by themselves.
"""

from dataclasses import dataclass, replace
from typing import Final

import discord

from bot import words
from bot.chat.buttons import Action, CardButton
from bot.chat.lines import ENDING_LOOKS, Look, ending_line, heading, progress_line, state_words
from bot.chat.text import LAYOUT_LIMIT, mention, plain, relative
from bot.core.card import Card, CardState
from bot.core.events import Trouble
from bot.core.health import Health, Mode
from bot.core.outcome import Ending, Outcome
from bot.core.pace import Pace
from bot.core.task import Task, TaskState
from bot.core.watch import Watch
from bot.words import say

MESSAGE_LIMIT: Final = 300
"""Characters of the API's message on a card; the result has room for more."""
PLAIN_LIMIT: Final = 200
"""Characters of the least that a card can show."""


@dataclass(frozen=True, slots=True)
class CardForm:
    """What a card shows: its texts from top to bottom, the colour of its edge, its buttons by action."""

    texts: tuple[str, ...]
    colour: int
    buttons: tuple[tuple[Action, str], ...] = ()
    card_id: int = 0


def card_form(state: CardState, health: Health, pace: Pace) -> CardForm:
    """Return what a card shows of its watches and of the task API's health."""
    watch = state.watches[0]
    if watch.outcome is not None:
        return _final_form(state.card, watch, watch.outcome, pace)
    form = _live_form(state.card, watch, health)
    return replace(form, buttons=_buttons(state), card_id=state.card.id)


def plain_form(form: CardForm) -> CardForm:
    """Return the least that a card can show, for when Discord refuses its form: one line, no markup."""
    return replace(form, texts=(plain(form.texts[0], PLAIN_LIMIT),))


def layout(form: CardForm) -> discord.ui.LayoutView:
    """Return a form as Discord's Components V2."""
    view = discord.ui.LayoutView(timeout=None)
    container: discord.ui.Container[discord.ui.LayoutView] = discord.ui.Container(accent_colour=form.colour)
    room = LAYOUT_LIMIT
    for text in form.texts:
        container.add_item(discord.ui.TextDisplay(text[:room]))
        room -= len(text)
        if room <= 0:
            break
    view.add_item(container)
    if form.buttons:
        row: discord.ui.ActionRow[discord.ui.LayoutView] = discord.ui.ActionRow()
        for action, label in form.buttons:
            row.add_item(CardButton(action, form.card_id, label))
        view.add_item(row)
    return view


def _buttons(state: CardState) -> tuple[tuple[Action, str], ...]:
    language, count = state.card.language, len(state.followers)
    notify = words.NOTIFY_ME_TOO if count else words.NOTIFY_ME
    return (
        (Action.NOTIFY, say(language, notify, count=count)),
        (Action.STOP, say(language, words.STOP)),
    )


def _live_form(card: Card, watch: Watch, health: Health) -> CardForm:
    language, task = card.language, watch.task
    lines: list[str | None] = []
    if task is not None:
        look, title = state_words(language, task)
        message = plain(task.message, MESSAGE_LIMIT)
        lines += [_progress(language, task, watch, health), f"> {message}" if message else None]
        if task.state is TaskState.SUCCEEDED:
            look = Look.MOVING
            lines.append(say(language, words.WAITING_FOR_VIDEO))
    elif watch.seen_at is None and watch.missing_looks:
        look, title = Look.WAITING, say(language, words.NOT_VISIBLE_YET)
        lines.append(say(language, words.WAITING_FOR_TASK))
    else:
        look, title = Look.WAITING, say(language, words.NO_ANSWER_YET)
        known = watch.seen_at is not None
        lines.append(say(language, words.WAITING_AFTER_RESTART if known else words.WAITING_FOR_ANSWER))
    if (trouble := _trouble(language, watch, health)) is not None:
        look = Look.ODD
        lines.append(trouble)
    elif (
        health.since is not None
        and (watch.changed_at or 0.0) < health.since
        and watch.started_at < health.since
    ):
        lines.append(say(language, words.API_BACK, when=relative(health.since)))
    if task is not None and task.created_at is not None:
        details = [say(language, words.STARTED, when=relative(task.created_at))]
    else:
        details = [say(language, words.WATCHED_SINCE, when=relative(card.created_at))]
    if task is not None and (action := plain(task.action, 60)):
        details.append(say(language, words.ACTION, action=action))
    foot = f"-# {' · '.join(details)}\n-# {say(language, words.WATCHING, starter=mention(card.starter_id))}"
    return _form(look, title, watch.task_id, lines, foot)


def _progress(language: str, task: Task, watch: Watch, health: Health) -> str | None:
    """Return the bar, and when the end is expected if that is known; while nobody looks it is not."""
    line = progress_line(task)
    if line is None or watch.ends_at is None or health.paused or watch.in_trouble:
        return line
    return f"{line} · {say(language, words.EXPECTED, when=relative(watch.ends_at))}"


def _trouble(language: str, watch: Watch, health: Health) -> str | None:
    """Return what the card says of trouble: everybody's first, else this task's own."""
    if health.paused and health.since is not None:
        sentence = words.API_REFUSED if health.mode is Mode.REFUSED else words.API_SILENT
        return say(language, sentence, when=relative(health.since))
    if watch.in_trouble and watch.trouble_since is not None:
        refused = watch.trouble is Trouble.KEY_REFUSED
        sentence = words.TASK_REFUSED if refused else words.TASK_SILENT
        return say(language, sentence, when=relative(watch.trouble_since))
    return None


def _final_form(card: Card, watch: Watch, outcome: Outcome, pace: Pace) -> CardForm:
    language, task = card.language, outcome.task
    look, sentence = ENDING_LOOKS[outcome.ending]
    lines: list[str | None] = []
    if task is not None and outcome.ending not in {Ending.SUCCEEDED, Ending.EMPTY}:
        lines.append(progress_line(task))
    lines.append(ending_line(language, outcome, pace, MESSAGE_LIMIT))
    foot = f"-# {say(language, words.ENDED, when=relative(outcome.at))}"
    if outcome.ending.announced:
        see = words.SEE_RESULT if outcome.ending is Ending.SUCCEEDED else words.SEE_REPLY
        foot += f" · {say(language, see)}"
    return _form(look, say(language, sentence), watch.task_id, lines, foot)


def _form(look: Look, title: str, task_id: str, lines: list[str | None], foot: str) -> CardForm:
    body = "\n".join(line for line in lines if line)
    texts = (heading(look, title, task_id), body, foot)
    return CardForm(tuple(text for text in texts if text), look.colour)
