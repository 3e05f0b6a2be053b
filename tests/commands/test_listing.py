"""Pages of the list and labels of choices, for whatever the API tells."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import LONGEST_ID, MARKUP, NOW, STARTER, cards, healths, moments, outcomes, running, tasks, watch

from bot.commands.autocomplete import LENGTH_LIMIT, label
from bot.commands.listing import PAGE_SIZE, list_page
from bot.core.card import Card
from bot.core.health import Health
from bot.core.observed import Observed
from bot.core.outcome import Outcome
from bot.core.policy import PollPolicy
from bot.core.task import Task, TaskState
from bot.core.watch import Watch
from bot.messages import LANGUAGES

CARD = Card(1, 2**63 - 1, 2**63 - 1, 2**63 - 1, STARTER, "en", NOW)
live = st.builds(lambda seen: replace(watch(LONGEST_ID), seen_at=seen), st.none() | moments)
answers = st.none() | tasks()


@given(cards, st.lists(live, max_size=20), answers, st.integers(0, 10**18), healths)
def test_a_page_keeps_the_limits_whatever_is_watched(
    card: Card, rows: list[Watch], answer: Task | None, page: int, health: Health
) -> None:
    known = {LONGEST_ID: Observed(answer)}
    entries = [(card, row) for row in rows]
    for language in LANGUAGES:
        form = list_page(entries, known, language, health, PollPolicy(), page=page)
        assert 0 < sum(map(len, form.texts)) <= 4_000
        assert all(form.texts)
        assert 1 + len(form.texts) + 1 + len(form.buttons) <= 40
        assert all(0 <= button.number * PAGE_SIZE < len(rows) for button in form.buttons)


@pytest.mark.parametrize(
    ("count", "page", "buttons"), [(8, 0, []), (9, 0, [1]), (25, 1, [0, 2]), (25, 9, [2])]
)
def test_buttons_lead_to_the_pages_that_are_there(count: int, page: int, buttons: list[int]) -> None:
    entries = [(CARD, watch())] * count
    form = list_page(entries, {}, "en", Health(), PollPolicy(), page=page)
    assert [button.number for button in form.buttons] == buttons


@given(live, answers, st.none() | outcomes, st.floats(0, 4e9), st.sampled_from(LANGUAGES))
def test_a_label_fits_one_line_of_plain_text(
    row: Watch, answer: Task | None, outcome: Outcome | None, now: float, language: str
) -> None:
    text = label(replace(row, outcome=outcome), answer, now, language)
    assert 0 < len(text) <= LENGTH_LIMIT
    assert len(text.splitlines()) == 1


def test_a_label_shows_a_strange_state_as_it_came() -> None:
    strange = Task("a", TaskState.UNKNOWN, MARKUP[:50])
    assert label(watch("a"), strange, NOW, "en").startswith("a · State “@everyone @here <@10”")


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(-5, "just now"), (59, "just now"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (86_400 * 3, "3 d")],
)
def test_an_age_is_shown_in_its_largest_unit(seconds: float, age: str) -> None:
    assert label(watch("a"), running(5), NOW + seconds, "en") == f"a · Rendering 5 % · {age}"
