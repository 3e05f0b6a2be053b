"""`restored TIME`: data that other tools restored is as unconfirmed as a restored backup."""

from datetime import UTC, datetime

import pytest
from made import NOW
from store.places import add, sql, stored

from bot.backups.restored import BadTime, mark_restored, read_time
from bot.store.location import Location


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("2026-01-01T00:00Z", 0),
        ("2026-01-01 00:00", 0),
        (" 2026-01-01T02:00+02:00 ", 0),
        ("2026-01-01T00:00:30.5", 30.5),
        ("20260101T010000", 3600),
        ("2026-01-02", 86_400),
    ],
)
def test_a_time_is_in_utc_unless_it_says_otherwise(given: str, seconds: float) -> None:
    assert read_time(given, 4e9) == datetime(2026, 1, 1, tzinfo=UTC).timestamp() + seconds


@pytest.mark.parametrize("given", ["yesterday", "", "2999-01-01", "1900-01-01", "9" * 5_000])
def test_what_is_no_time_or_in_the_future_is_refused(given: str) -> None:
    with pytest.raises(BadTime, match=r"is no time|is not in the past"):
        read_time(given, NOW)


async def test_every_unfinished_watch_is_unconfirmed_since_then(place: Location) -> None:
    assert "has no unfinished watch" in await mark_restored(place, "2026-01-01T00:00Z", NOW + 60)
    async with stored(place) as store:
        await add(store, "a", "b")
    said = await mark_restored(place, "2026-01-01T00:00:10Z", NOW + 60)
    assert "sent since 2026-01-01T00:00:10+00:00 are searched for" in said
    assert sql(place, "SELECT value FROM meta WHERE key = 'unconfirmed'") == [(f"{NOW + 10} 2",)]
    await mark_restored(place, "2026-01-01T00:00:50Z", NOW + 60)
    assert sql(place, "SELECT value FROM meta WHERE key = 'unconfirmed'") == [(f"{NOW + 10} 2",)], (
        "the earlier"
    )
