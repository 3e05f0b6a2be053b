"""What readiness says about the key and the task API."""

from dataclasses import replace

import pytest
from made import NOW

from bot.core.health import Health, Mode
from bot.core.shards import Holding
from bot.monitoring.health_checks import check_api, check_key, check_shards, worst

ASKED = Health(answered_at=NOW - 300, accepted_at=NOW - 300)
FAILING = replace(ASKED, failing_since=NOW - 10)


@pytest.mark.parametrize(
    ("health", "ok", "state"),
    [
        (Health(), True, "not asked yet"),
        (ASKED, True, "answering"),
        (FAILING, True, "answering"),
        (replace(FAILING, answered_at=None), False, "has never answered"),
        (replace(ASKED, mode=Mode.OPEN, since=NOW - 5), False, "silent"),
        (replace(ASKED, limited_until=NOW + 5), True, "rate limited"),
        (replace(FAILING, mode=Mode.OPEN, limited_until=NOW + 5), False, "silent"),
        (replace(ASKED, mode=Mode.REFUSED, since=NOW), True, "answering"),
        (replace(ASKED, accepted_at=None, refused_since=NOW), True, "answering"),
    ],
)
def test_the_state_of_the_api_follows_from_the_polls(health: Health, ok: bool, state: str) -> None:
    api = check_api(health, NOW)
    assert (api.ok, api.state) == (ok, state)


def test_a_key_is_accepted_once_something_was_answered() -> None:
    assert [check_key(health).state for health in (Health(), ASKED)] == ["not tried yet", "accepted"]
    key = check_key(replace(ASKED, mode=Mode.REFUSED, since=NOW - 7))
    assert (key.ok, key.state, key.since) == (False, "refused", NOW - 7)


def test_of_several_apps_the_one_that_is_not_ready_is_reported() -> None:
    idle, asked, silent = Health(), ASKED, replace(ASKED, mode=Mode.OPEN, since=NOW - 5)
    assert worst([check_api(health, NOW) for health in (idle, asked)]).state == "answering"
    assert worst([check_api(health, NOW) for health in (idle, asked, silent)]).state == "silent"
    assert worst([check_key(health) for health in (idle, asked)]).state == "accepted"


def test_a_process_is_ready_once_it_shares_the_shards_even_without_one() -> None:
    found = [check_shards(Holding(*numbers)) for numbers in ((0, 0, 0), (0, 1, 2), (2, 4, 2))]
    assert [(shards.ok, shards.state) for shards in found] == [
        (False, "not joined yet"),
        (True, "standby, 0 of 1 held"),
        (True, "2 of 4 held"),
    ]
