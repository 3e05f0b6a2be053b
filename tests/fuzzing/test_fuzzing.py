"""Each surface with its worst case and with invented texts; `make fuzz MINUTES=60` tries many more."""

import pytest
from fuzzing.__main__ import Tally, fuzz, measure, round_of
from fuzzing.surfaces import SURFACES, TOKENS, growth, timed

ENDS = ("", " ", "!")
CANDIDATES = 3


@pytest.mark.parametrize("name", SURFACES)
def test_twice_the_text_takes_about_twice_the_time(name: str) -> None:
    """Of all tokens, those that take longest when they are repeated are measured as the rule says."""
    surface = SURFACES[name]
    tried = [
        (timed(surface, token * (500 // len(token) + 1) + end), token, end)
        for token in TOKENS
        for end in ENDS
    ]
    for _, token, end in sorted(tried, reverse=True)[:CANDIDATES]:
        _, grew = growth(surface, token, end)
        assert grew <= 2.5, (token, end)


@pytest.mark.parametrize("name", SURFACES)
def test_invented_texts_break_nothing(name: str) -> None:
    tally = Tally()
    round_of(SURFACES[name], tally, seed=0, texts=100)
    assert tally.texts >= 100


def test_what_grows_too_fast_or_breaks_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AssertionError, match="times as long"):
        measure(lambda text: void(sum(range(len(text) ** 2 // 50))), "x", Tally())
    monkeypatch.setitem(SURFACES, "broken", lambda text: void(text.encode("ascii")))
    assert fuzz(1, 1, ["broken"]) == 1
    assert "broken, seed 1: UnicodeEncodeError" in capsys.readouterr().out


def void(_: object) -> None:
    """Take a value that nobody needs."""
