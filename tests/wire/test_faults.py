"""Where to look: everything that can go wrong, and the tests that show what then happens."""

from typing import Final

import pytest
from named import existing_tests

from bot.outbound.discord_errors import _BY_CODE

ROWS: Final = {
    "a malformed id": "responses::test_a_malformed_id_is_refused_without_asking_the_api",
    "an unknown id, asked for": "responses::test_only_the_asker_sees_the_error_of_a_poll",
    "an unknown id, watched": "watching::test_an_unknown_task_is_polled_for_and_ends_without_a_ping",
    "a new task that is late": "watching::test_a_task_that_appears_late_is_watched",
    "a task that was seen and is gone": (
        "watching::test_other_ends_are_announced_as_well"
        " delivery::test_a_task_known_before_a_restart_vanishes_after_it"
    ),
    "one task's bad answers": (
        "faults_api::test_a_bad_answer_is_told_on_its_own_card_and_costs_nothing"
        " outages::test_one_bad_task_never_pauses_the_others"
    ),
    "the task API is down for all": (
        "outages::test_an_outage_pauses_everybody_and_drops_nothing"
        " several::test_an_outage_is_shown_once_on_a_card_of_several"
    ),
    "the task API is down when a watch begins": (
        "outages::test_a_watch_begun_during_an_outage_waits_for_the_api"
    ),
    "the task API is down when somebody asks": (
        "responses::test_only_the_asker_sees_the_error_of_a_poll"
        " responses::test_an_api_that_never_answers_ends_in_a_private_answer"
    ),
    "the task API is down at the start": "hard_times::test_a_restart_into_an_outage_says_nothing_untrue",
    "bodies made to hurt": "faults_api::test_bombs_and_floods_cost_the_bot_no_memory",
    "the key is refused": "outages::test_a_refused_key_pauses_everybody_and_names_the_operator",
    "the key is refused for one task": "outages::test_a_refusal_of_one_task_is_that_tasks_alone",
    "the task API limits us": (
        "outages::test_retry_after_holds_the_task_it_was_given_for"
        " outages::test_a_short_limit_makes_no_poll_come_sooner"
        " hard_times::test_after_a_limit_the_looks_come_spread"
    ),
    "no progress for a long time": "watching::test_other_ends_are_announced_as_well",
    "past the age limit": "watching::test_a_watch_ends_when_it_is_too_old",
    "the bot lacks a permission": (
        "watching::test_what_is_missing_is_named_before_a_watch_is_made"
        " several::test_several_need_the_channels_permissions_as_one_does"
    ),
    "the card is deleted while running": (
        "refusals::test_a_card_deleted_while_running_ends_the_watch_quietly"
    ),
    "the card is deleted at the end": "refusals::test_a_card_deleted_at_the_end_does_not_cost_the_result",
    "the channel is gone or closed": (
        "faults_discord::test_a_card_that_cannot_be_reached_is_let_go_after_one_refused_call"
        " faults_discord::test_a_result_that_nobody_can_see_is_dropped_after_one_refused_call"
        " hard_times::test_a_channel_that_is_gone_is_asked_once_also_while_the_disk_takes_nothing"
    ),
    "the bot is removed": "refusals::test_a_bot_thrown_out_drops_its_watches",
    "an archived thread": (
        "watching::test_an_archived_thread_is_reopened_by_the_result"
        " faults_discord::test_a_card_in_an_archived_thread_rests_until_its_result_reopens_it"
    ),
    "a locked thread": "access::test_a_thread_that_is_unlocked_gets_its_result_at_once",
    "access to a channel is taken away": (
        "access::test_a_closed_channel_is_tried_after_1_5_15_and_then_every_30_minutes"
        " access::test_what_opens_a_channel_again_is_noticed_at_once"
        " access::test_without_access_for_a_day_the_watch_ends"
    ),
    "Discord's edge refuses everything": (
        "edge::test_an_edge_that_refuses_everything_for_a_while_costs_nothing"
    ),
    "a machine that slept": "history::test_a_machine_that_slept_doubles_no_result",
    "a crash in a busy channel": (
        "history::test_a_search_through_slow_pages_goes_on_where_it_stopped"
        " history::test_a_search_that_comes_to_no_end_is_logged_and_the_result_posted"
    ),
    "a server in an outage": "servers::test_an_outage_of_a_server_costs_nothing",
    "Discord's limits": (
        "connection::test_the_cards_of_one_channel_share_its_limit_and_results_go_first"
        " connection::test_a_hundred_cards_that_move_at_once_stay_below_the_global_limit"
        " refusals::test_an_old_cards_limit_is_waited_for_and_the_newest_form_wins"
        " faults_discord::test_a_result_that_has_to_wait_comes_once_when_it_may"
    ),
    "Discord's errors and lost answers": (
        "delivery::test_whatever_happens_to_the_request_the_result_comes_once"
        " faults_discord::test_an_edit_that_cannot_be_made_now_is_made_later_in_its_newest_form"
        " faults_answers::test_an_answer_that_is_taken_in_the_end_is_gone_on_with_and_nothing_is_added"
    ),
    "a long outage of Discord": "hard_times::test_a_busy_channel_and_a_long_outage_double_nothing",
    "the gateway is gone": "connection::test_results_come_although_the_gateway_is_gone",
    "the gateway is down at the first connect": (
        "hard_times::test_a_bot_starts_however_long_the_gateway_is_down"
    ),
    "Discord is down at the start": "connection::test_a_bot_starts_although_discord_is_down",
    "an invalidated session": ("connection::test_an_invalidated_session_begins_again_at_the_same_discord"),
    "a restart": (
        "delivery::test_watches_go_on_after_a_crash"
        " together::test_buttons_work_after_a_restart_and_on_old_cards"
    ),
    "a crash at any moment": (
        "delivery::test_a_message_sent_before_a_crash_is_found_in_the_history"
        " delivery::test_a_message_that_arrives_after_a_crash_is_not_sent_twice"
        " delivery::test_a_crash_between_two_parts_repeats_none_and_loses_none"
        " kill::test_each_result_comes_once_through_kills_and_lost_answers"
    ),
    "a disk that takes nothing": (
        "delivery::test_a_disk_that_takes_no_writes_delays_and_loses_nothing"
        " responses::test_a_watch_that_cannot_be_saved_is_not_promised"
    ),
}
"""What can go wrong, and who shows it; `responses::test_x` is `test_x` of `test_responses.py` here."""

_GONE: Final = (
    "faults_discord::test_a_card_that_cannot_be_reached_is_let_go_after_one_refused_call"
    " faults_discord::test_a_result_that_nobody_can_see_is_dropped_after_one_refused_call"
)
_CLOSED: Final = (
    "access::test_a_closed_channel_is_tried_after_1_5_15_and_then_every_30_minutes"
    " access::test_a_result_comes_once_when_the_channel_is_open_again"
)
_UNTAKEN: Final = (
    "faults_answers::test_an_answer_that_is_not_taken_promises_nothing_and_is_not_repeated"
    " faults_answers::test_what_cannot_follow_a_placeholder_is_tried_once_and_nothing_false_is_promised"
)
_PLAINLY: Final = (
    "faults_discord::test_a_form_that_is_refused_is_tried_plainly_then_ever_more_rarely_and_costs_no_result"
    " faults_discord::test_a_result_that_is_refused_is_tried_once_with_less"
    " refusals::test_a_card_whose_form_is_refused_is_shown_plainly"
)
_TOKEN: Final = f"connection::test_a_token_that_dies_early_costs_nothing {_UNTAKEN}"
CODES: Final = {
    10003: f"{_GONE} {_UNTAKEN}",
    10004: _GONE,
    10008: f"{_GONE} {_UNTAKEN}",
    10015: _TOKEN,
    10062: _UNTAKEN,
    20016: "faults_discord::test_a_result_that_has_to_wait_comes_once_when_it_may",
    30046: "faults_discord::test_an_edit_that_cannot_be_made_now_is_made_later_in_its_newest_form",
    40005: f"{_PLAINLY} video_copies::test_videos_that_discord_refuses_leave_the_links",
    40060: f"{_UNTAKEN} responses::test_a_command_delivered_twice_is_carried_out_once",
    50001: _CLOSED,
    50006: f"{_PLAINLY} {_UNTAKEN}",
    50013: _CLOSED,
    50027: _TOKEN,
    50035: f"{_PLAINLY} {_UNTAKEN} video_copies::test_videos_that_discord_refuses_leave_the_links",
    50083: (
        "faults_discord::test_a_card_in_an_archived_thread_rests_until_its_result_reopens_it"
        " access::test_an_archived_thread_that_takes_no_message_costs_no_result"
    ),
    160002: (
        "hard_times::test_a_result_comes_without_being_a_reply_where_history_may_not_be_read"
        " faults_discord::test_a_result_that_is_refused_is_tried_once_with_less"
    ),
    160005: _CLOSED,
}
"""The same by the code with which Discord refuses."""


@pytest.mark.parametrize("what", [*ROWS, *CODES])
def test_whatever_goes_wrong_has_a_test_that_shows_it(what: str | int) -> None:
    shown_by = ROWS[what] if isinstance(what, str) else CODES[what]
    named = {f"tests/wire/test_{test}".replace("::", ".py::") for test in shown_by.split()}
    assert named
    assert named - existing_tests() == set()


def test_every_code_that_the_bot_knows_has_its_row() -> None:
    assert _BY_CODE.keys() - CODES.keys() == set()
