"""What progress may take of a channel's limit on edits."""

from dataclasses import replace
from typing import Any

import pytest

from bot.core.card import Card
from bot.outbound.desk import Desk
from bot.outbound.room import OLD_AFTER, YOUNG, Room

NOW = 1_767_225_600.0
CARD = Card(1, 1, 2, 3, 4, "en", NOW)
OLD = replace(CARD, created_at=NOW - OLD_AFTER - 1)


@pytest.mark.parametrize(("card", "edits", "seconds"), [(CARD, 4, 5.0), (OLD, 2, 6.0)], ids=["young", "old"])
def test_the_last_edit_of_a_window_is_kept_for_ends(card: Card, edits: int, seconds: float) -> None:
    room = Room()
    for number in range(edits):
        assert room.free_at(card, NOW) <= NOW
        room.take(card, NOW + number / 10)
    assert room.free_at(card, NOW + 1) == NOW + seconds
    room.take(card, NOW + seconds)
    assert room.free_at(card, NOW + seconds) == NOW + 0.1 + seconds


def test_old_cards_have_a_limit_of_their_own() -> None:
    room = Room()
    for _ in range(4):
        room.take(CARD, NOW)
    assert room.free_at(OLD, NOW) <= NOW


def test_a_channels_room_outlives_its_sender_and_is_forgotten_once_it_rested() -> None:
    now = [NOW]
    nothing: Any = None
    desk = Desk(nothing, nothing, nothing, lambda: now[0], nothing, nothing, nothing, 0.0)
    room = desk.room(1)
    room.take(CARD, now[0])
    now[0] += YOUNG[1] - 0.1
    assert desk.room(1) is room
    desk.room(2)
    now[0] += 0.1
    desk.room(2)
    assert desk.rooms.keys() == {2}
