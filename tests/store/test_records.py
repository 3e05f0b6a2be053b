"""Values to rows and back: what is stored is read as the very same value."""

import json
from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st
from made import ids, links, outcomes

from bot.core.outcome import Delivery, Ending, Message, Outcome
from bot.core.task import Task, TaskState
from bot.store.deliveries import delivery_from
from bot.store.records import outcome_from, outcome_record

messages = st.builds(Message, st.text(max_size=2_000), st.lists(ids, max_size=5).map(tuple), links)


@given(outcomes)
def test_an_outcome_is_read_as_it_was_stored(outcome: Outcome) -> None:
    assert outcome_from(json.loads(json.dumps(outcome_record(outcome)))) == outcome


@given(messages, st.integers(1, 9), st.none() | st.floats(0, 4e9), st.none() | ids)
def test_a_message_is_read_as_it_was_stored(
    message: Message, part: int, at: float | None, message_id: int | None
) -> None:
    record = json.loads(json.dumps(asdict(message)))
    row = {"part": part, "message": record, "intended_at": at, "message_id": message_id}
    assert delivery_from(row) == Delivery(part, message, at, message_id)


def test_a_fingerprint_stays_in_its_process() -> None:
    failed = Task("t", TaskState.ERROR, fingerprint=12_345)
    assert "12345" not in json.dumps(outcome_record(Outcome(Ending.FAILED, 1.0, failed)))
