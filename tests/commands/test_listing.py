"""Pages of the list and labels of choices, for whatever the API tells."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import (
    LONGEST_ID,
    MARKUP,
    NOW,
    STARTER,
    TASK,
    cards,
    healths,
    ids,
    moments,
    names,
    outcomes,
    running,
    tasks,
    watch,
)

from bot import answers
from bot.cards.cards import CardForm
from bot.cards.text import bar
from bot.commands.autocomplete import LENGTH_LIMIT, label
from bot.commands.listing import PAGE_SIZE, ListPage, list_page
from bot.core.health import Health
from bot.core.names import clean_name, numbered, row_name
from bot.core.observed import Observed
from bot.core.outcome import Ending, Outcome
from bot.core.policy import PollPolicy
from bot.core.task import Task, TaskState
from bot.core.watch import Card, Listed, Watch
from bot.messages import LANGUAGES

MOST = 2**63 - 1
CARD = Card(1, MOST, MOST, MOST, STARTER, "en", NOW)
live = st.builds(
    lambda seen, name: replace(watch(LONGEST_ID), seen_at=seen, name=name), st.none() | moments, names
)
rows = st.builds(lambda row, outcome: replace(row, outcome=outcome), live, st.none() | outcomes)
observations = st.none() | tasks()


def check(form: CardForm) -> None:
    assert 0 < sum(map(len, form.texts)) <= 4_000
    assert all(form.texts)
    assert 1 + len(form.texts) + 1 + len(form.buttons) <= 40


@pytest.mark.slow
@given(
    cards,
    st.lists(st.tuples(rows, st.none() | ids), min_size=1, max_size=PAGE_SIZE),
    observations,
    st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6)),
    healths,
)
def test_a_page_keeps_the_limits_whatever_is_watched(
    card: Card,
    found: list[tuple[Watch, int | None]],
    answer: Task | None,
    numbers: tuple[int, int, int],
    health: Health,
) -> None:
    known = {LONGEST_ID: Observed(answer)}
    entries = sorted(
        (Listed(card, *each) for each in found), key=lambda entry: entry.watch.outcome is not None
    )
    for language in LANGUAGES:
        check(list_page(ListPage(entries, *numbers), known, language, health, PollPolicy()))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("end", [None, *Ending])
def test_a_page_fits_when_everything_is_as_long_as_it_can_be(language: str, end: Ending | None) -> None:
    stars, last = "*" * 2_000, 4_102_444_799
    task = Task(LONGEST_ID, TaskState.UNKNOWN, stars[:50], 100, stars[:60], stars)
    outcome = None if end is None else Outcome(end, last, task, MOST, stars)
    row = Watch(1, 1, LONGEST_ID, 0, last, last, outcome, numbered(clean_name(stars), 10))
    shown = ListPage([Listed(CARD, row, MOST)] * PAGE_SIZE, 10**6, 10**6, 10**5)
    known = {LONGEST_ID: Observed(task)}
    form = list_page(shown, known, language, Health(), PollPolicy(), closed=[CARD.channel_id])
    check(form)
    assert len(form.texts) == PAGE_SIZE + 2


@pytest.mark.parametrize(
    ("count", "page", "buttons"), [(8, 0, []), (9, 0, [1]), (25, 1, [0, 2]), (25, 3, [2])]
)
@pytest.mark.parametrize("live_ones", [0, 8])
def test_buttons_lead_to_the_pages_that_are_there(
    count: int, page: int, buttons: list[int], live_ones: int
) -> None:
    shown = ListPage([Listed(CARD, watch())], live_ones, count - live_ones, page)
    form = list_page(shown, {}, "en", Health(), PollPolicy())
    assert [button.number for button in form.buttons] == buttons


def test_what_has_ended_stands_below_what_is_live_with_links_to_results_and_cards() -> None:
    def entry(number: int, end: Ending | None = None, result: int | None = None) -> Listed:
        outcome = None if end is None else Outcome(end, NOW + number, running(40), STARTER)
        row = replace(watch(f"task-{number}"), outcome=outcome, name="Shot *12*" if number == 1 else "")
        return Listed(Card(number, 1, 2, 100 + number, STARTER, "en", NOW), row, result)

    entries = [
        entry(0),
        entry(1, Ending.SUCCEEDED, 777),
        entry(2, Ending.STOPPED),
        entry(3, Ending.ACCESS_LOST),
    ]
    form = list_page(ListPage(entries, 1, 3, 0), {}, "en", Health(), PollPolicy())
    to, half = "https://discord.com/channels/1/2", f"{bar(40)} **40 %**"
    lost = answers.ACCESS_WAS_LOST
    ended = [f"Ended <t:{int(NOW) + number}:R>" for number in range(4)]
    assert form.texts == (
        "### Live watches: 1",
        f"⏳ No answer yet · `task-0`\n<#2> · <t:{int(NOW)}:R> · [open]({to}/100)",
        "### Ended in the last 24 hours: 3",
        f"✅ Finished · **Shot \\*12\\***\n<#2> · {ended[1]} · [result]({to}/777)",
        f"⏹️ Stopped · `task-2`\n{half} · <#2> · {ended[2]} · [open]({to}/102)",
        f"⏹️ No longer watched · `task-3`\n{half} · <#2> · {ended[3]} · [open]({to}/103)\n-# {lost}",
    )
    form = list_page(ListPage(entries[1:2], 0, 1, 0), {}, "en", Health(), PollPolicy())
    assert form.texts[:2] == (answers.NOTHING_WATCHED, "### Ended in the last 24 hours: 1")


@given(rows, observations, st.floats(0, 4e9), st.sampled_from(LANGUAGES))
def test_a_label_fits_one_line_of_plain_text(
    row: Watch, answer: Task | None, now: float, language: str
) -> None:
    text = label(row, answer, now, language)
    assert 0 < len(text) <= LENGTH_LIMIT
    assert len(text.splitlines()) == 1
    assert text.startswith(row_name(row.name))


def test_a_label_begins_with_the_name_and_cuts_the_id() -> None:
    named = replace(watch(), name="*" * 85)
    assert label(named, running(40), NOW, "en") == f"{'*' * 39}… · {TASK} · Rendering 40 %"
    long = replace(watch("x" * 100), name="*" * 85)
    assert label(long, running(40), NOW, "en") == f"{'*' * 39}… · {'x' * 39}… · Rendering 40 %"


def test_a_label_shows_a_strange_state_as_it_came() -> None:
    strange = Task("a", TaskState.UNKNOWN, MARKUP[:50])
    assert label(watch("a"), strange, NOW, "en").startswith("a · State “@everyone @here <@10”")


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(-5, "just now"), (59, "just now"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (86_400 * 3, "3 d")],
)
def test_an_age_is_shown_in_its_largest_unit(seconds: float, age: str) -> None:
    assert label(watch("a"), running(5), NOW + seconds, "en") == f"a · Rendering 5 % · {age}"
