"""A text is cut where nothing that is seen as one character is cut in two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from linear import linear
from made import texts, typed_names

from bot.core.characters import boundary, shortened

WHOLE = (
    "👩\u200d🚀",
    "👩🏽\u200d🚀",
    "❤️\u200d🔥",
    "1️⃣",
    "🇩🇪",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "e\u0301",
    "葛\U000e0100",
)


@pytest.mark.parametrize("whole", WHOLE)
def test_what_is_seen_as_one_is_not_cut_in_two(whole: str) -> None:
    text = whole * 12
    cuts = {boundary(text, at) for at in range(len(whole), len(text))}
    assert cuts == {len(whole) * count for count in range(1, 12)}


@given(
    texts | typed_names,
    st.integers(1, 100),
)
def test_a_text_is_cut_to_its_limit(text: str, limit: int) -> None:
    cut = shortened(text, limit)
    assert len(cut) <= limit
    if cut != text:
        assert cut.endswith("…")
        assert text.startswith(cut[:-1])


@pytest.mark.parametrize("char", ["🇩", "\u0301", "\u200d", "👩\u200d"])
def test_a_long_run_of_what_belongs_together_is_cut_all_the_same(char: str) -> None:
    text = "a" + char * 100_000
    with linear():
        assert len(shortened(text, 50_000)) in range(1, 50_001)
