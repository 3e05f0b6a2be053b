"""What is read aloud: a sign never stands for a word, on cards, results, lists, buttons and answers."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from made import NOW, STARTER, TASK, VIDEO

from bot import answers, messages
from bot.cards.cards import CardForm, card_form
from bot.cards.results import answer_message, result_messages
from bot.cards.summary import summary_messages
from bot.commands.listing import ListPage, list_page
from bot.core.events import ErrorKind
from bot.core.health import Health, Mode
from bot.core.observed import UNOBSERVED, Observed
from bot.core.outcome import Ending, Outcome, Summary
from bot.core.policy import PollPolicy
from bot.core.summary import Summarized
from bot.core.task import Task, TaskState
from bot.core.watch import Card, CardState, Listed, Watch
from bot.messages import LANGUAGES, say

POLICY = PollPolicy()
WORDS = re.compile(r"[^\W\d_]{2,}")
BAR = str.maketrans("", "", "█░·")


def signs(line: str) -> list[str]:
    return [sign for sign in line.translate(BAR) if unicodedata.category(sign) == "So"]


def wordless(lines: list[str]) -> list[str]:
    """Return the lines that say nothing to somebody who hears them, or less than who sees them.

    Names, ids and links do not count as words: they are what the words are about.
    """
    silent = []
    for line in lines:
        said = re.sub(r"`[^`]*`|<[^>]*>|\[[^]]*\]\([^)]*\)|Shot", "", line)
        if signs(line) and not WORDS.search(said):
            silent.append(line)
    return silent


def task(state: TaskState, **fields: Any) -> Task:
    return Task(TASK, state, "reviewing", 40, created_at=int(NOW) - 60, updated_at=int(NOW), **fields)


def observations() -> Iterator[Observed]:
    yield UNOBSERVED
    yield Observed(missing=1)
    for state in TaskState:
        yield Observed(task=task(state), changed_at=NOW, expected_end=NOW + 60)
        yield Observed(task=task(state), changed_at=NOW, no_change_since=NOW - 600)
    for error in ErrorKind:
        yield Observed(task=task(TaskState.RUNNING), failures=9, error=error, failing_since=NOW - 60)


def ends() -> Iterator[Outcome]:
    for ending in Ending:
        ended = task(TaskState.SUCCEEDED if ending.ready else TaskState.ERROR, videos=(VIDEO,))
        yield Outcome(ending, NOW, ended, by=STARTER, message="boom")


def batch(*, early: bool) -> Summarized:
    outcomes = [*ends(), None] if early else [*ends()]
    watches = tuple(Watch(n, 1, TASK, n, NOW, outcome=outcome) for n, outcome in enumerate(outcomes))
    results = {watch.id: 100 + watch.id for watch in watches}
    return Summarized(Summary(len(watches) - 1, NOW, early=early), (STARTER,), watches, results)


def cards(language: str) -> Iterator[CardForm]:
    card = Card(1, 10, 20, 30, STARTER, language, NOW)
    healths = [Health(), *(Health(mode, NOW - 60) for mode in Mode)]
    for observed, health, name in product(observations(), healths, ("", "Shot")):
        one = Watch(1, 1, TASK, 0, NOW, name=name)
        for watches in ((one,), (one, Watch(2, 1, "other", 1, NOW))):
            yield card_form(CardState(card, watches, (STARTER,)), {TASK: observed}, health, POLICY)
    for outcome, name in product(ends(), ("", "Shot")):
        one = Watch(1, 1, TASK, 0, NOW, outcome=outcome, name=name)
        for watches in ((one,), (one, Watch(2, 1, "other", 1, NOW, outcome=outcome))):
            yield card_form(CardState(card, watches, ()), {}, Health(), POLICY)


def lists(language: str) -> Iterator[CardForm]:
    card = Card(1, 10, 20, 30, STARTER, language, NOW)
    live = [Listed(card, Watch(1, 1, TASK, 0, NOW, name=name)) for name in ("", "Shot")]
    over = [Listed(card, Watch(1, 1, TASK, 0, NOW, outcome=outcome)) for outcome in ends()]
    for observed in observations():
        shown = ListPage([*live, *over], len(live), 30, 1)
        yield list_page(shown, {TASK: observed}, language, Health(), POLICY, closed=[20])


@pytest.mark.parametrize("language", LANGUAGES)
def test_on_cards_and_lists_every_sign_has_words_on_its_line(language: str) -> None:
    forms = [*cards(language), *lists(language)]
    lines = {line for form in forms for text in (*form.texts, form.pointer) for line in text.splitlines()}
    assert sum(bool(signs(line)) for line in lines) > 50
    assert wordless(sorted(lines)) == []
    labels = {button.label for form in forms for button in form.buttons}
    assert [label for label in labels if not WORDS.search(label)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_results_and_answers_every_sign_has_words_on_its_line(language: str) -> None:
    said = [answer_message(task(state, videos=(VIDEO,)), language, NOW) for state in TaskState]
    for outcome, name in product(ends(), ("", "Shot")):
        said += result_messages(TASK, outcome, (STARTER,), language, POLICY, name=name)
    for early in (True, False):
        said += summary_messages(Card(1, 10, 20, 30, STARTER, language, NOW, batch=True), batch(early=early))
    lines = {line for message in said for line in message.content.splitlines()}
    for name, sentence in {**vars(answers), **vars(messages)}.items():
        if name.isupper() and isinstance(sentence, str):
            values = dict.fromkeys(re.findall(r"{(\w+)", sentence), 1)
            lines.add(say(language, sentence, **values))
    assert wordless(sorted(lines)) == []
