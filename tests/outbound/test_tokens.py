"""Which token edits a card."""

from bot.outbound.tokens import PAUSE_SECONDS, REFUSED_IN_A_ROW, TOKEN_SECONDS, Tokens


def lent(now: list[float], number: int = 100) -> Tokens:
    tokens = Tokens(lambda: now[0])
    for message_id in range(number):
        tokens.lend(message_id, 1, "secret")
    return tokens


def test_a_token_is_used_until_it_ends_or_is_refused() -> None:
    now = [0.0]
    tokens = lent(now)
    tokens.refused(1)
    assert tokens.of(1) is None
    assert tokens.of(2) is not None
    now[0] = TOKEN_SECONDS
    assert tokens.of(2) is None
    assert tokens.of(500) is None


def test_many_refusals_in_a_row_end_the_use_of_all_for_a_while() -> None:
    now = [0.0]
    tokens = lent(now)
    refused = 0
    for message_id in range(100):
        if tokens.of(message_id) is not None:
            tokens.refused(message_id)
            refused += 1
    assert refused == REFUSED_IN_A_ROW
    tokens.lend(1_000, 1, "secret")
    assert tokens.of(1_000) is None
    now[0] = PAUSE_SECONDS
    assert tokens.of(1_000) is not None


def test_refusals_now_and_then_end_nothing() -> None:
    tokens = lent([0.0])
    for message_id in range(0, 90, REFUSED_IN_A_ROW - 1):
        for refused in range(message_id, message_id + REFUSED_IN_A_ROW - 1):
            tokens.refused(refused)
        tokens.accepted()
    assert tokens.of(99) is not None
