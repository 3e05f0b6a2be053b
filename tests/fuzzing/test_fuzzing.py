"""Each surface with its worst case and with invented texts; `make fuzz MINUTES=60` tries many more."""

import pytest
from fuzzing.__main__ import Tally, fuzz, measure, round_of
from fuzzing.surfaces import SURFACES, TOKENS, timed
from linear import linear

ENDS = ("", " ", "!")
CANDIDATES = 3
LENGTH = 100_000


@pytest.mark.slow
@pytest.mark.parametrize("name", SURFACES)
def test_a_long_text_takes_linear_time(name: str) -> None:
    """Of all tokens, those that take longest when they are repeated are tried at length."""
    surface = SURFACES[name]
    tried = [
        (timed(surface, token * (500 // len(token) + 1) + end), token, end)
        for token in TOKENS
        for end in ENDS
    ]
    for _, token, end in sorted(tried, reverse=True)[:CANDIDATES]:
        with linear():
            surface(token * (LENGTH // len(token)) + end)


@pytest.mark.parametrize("name", SURFACES)
def test_invented_texts_break_nothing(name: str) -> None:
    tally = Tally()
    round_of(SURFACES[name], tally, seed=0, texts=100, timing=False)
    assert tally.texts >= 100


@pytest.mark.slow
def test_what_grows_too_fast_or_breaks_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("fuzzing.__main__.growth", lambda *_, **__: (1.0, 4.0))
        with pytest.raises(AssertionError, match="4 times as long"):
            measure(void, "x", Tally())
    monkeypatch.setitem(SURFACES, "broken", lambda text: void(text.encode("ascii")))
    assert fuzz(1, 1, ["broken"]) == 1
    assert "broken, seed 1: UnicodeEncodeError" in capsys.readouterr().out


def void(_: object) -> None:
    """Take a value that nobody needs."""
