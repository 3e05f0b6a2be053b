"""What progress may take of a channel's limit on edits."""

from dataclasses import replace

import pytest

from bot.core.watch import Card
from bot.outbound.rate_limits import OLD_AFTER, EditBudget

NOW = 1_767_225_600.0
CARD = Card(1, 1, 2, 3, 4, "en", NOW)
OLD = replace(CARD, created_at=NOW - OLD_AFTER - 1)


@pytest.mark.parametrize(("card", "edits", "seconds"), [(CARD, 4, 5.0), (OLD, 2, 6.0)], ids=["young", "old"])
def test_the_last_edit_of_a_window_is_kept_for_ends(card: Card, edits: int, seconds: float) -> None:
    budget = EditBudget()
    for number in range(edits):
        assert budget.available_at(card, NOW) <= NOW
        budget.spend(card, NOW + number / 10)
    assert budget.available_at(card, NOW + 1) == NOW + seconds
    budget.spend(card, NOW + seconds)
    assert budget.available_at(card, NOW + seconds) == NOW + 0.1 + seconds


def test_old_cards_have_a_limit_of_their_own() -> None:
    budget = EditBudget()
    for _ in range(4):
        budget.spend(CARD, NOW)
    assert budget.available_at(OLD, NOW) <= NOW


def test_a_budget_has_recovered_once_its_last_edits_are_too_long_ago_to_matter() -> None:
    budget = EditBudget()
    assert budget.recovers_at <= NOW
    budget.spend(CARD, NOW)
    budget.spend(OLD, NOW + 1)
    budget.spend(CARD, NOW + 1)
    assert budget.recovers_at == NOW + 7
