"""Words of others can stand in a message of ours and do nothing."""

import re
import unicodedata
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made import MARKUP, texts

from bot.chat.text import bar, code, mention, plain, relative, visible

LIVE: Final = re.compile(r"[\\`*_~|<>\[\]()#@:+-]")
"""What Discord reads as markup unless a backslash stands before it."""
ESCAPED: Final = re.compile(r"\\([^0-9A-Za-z\s])")


def unescaped(text: str) -> str:
    return ESCAPED.sub(r"\1", text)


@given(texts, st.integers(2, 2_500))
@example(MARKUP, 2_000)
@example("1. one", 60)
@example("\\" * 9, 5)
def test_nothing_in_a_text_of_others_is_markup(text: str, limit: int) -> None:
    shown = plain(text, limit)
    assert len(shown) <= limit
    assert not LIVE.search(ESCAPED.sub("", shown))
    assert not re.match(r"\d+\.( |$)", shown)
    assert shown == visible(shown)
    whole = visible(text)
    if unescaped(shown) != whole:
        assert shown.endswith("…")
        assert whole.startswith(unescaped(shown[:-1]))


@given(texts, st.integers(3, 200))
def test_code_holds_its_text_and_is_never_empty(text: str, limit: int) -> None:
    shown = code(text, limit)
    assert 3 <= len(shown) <= limit
    assert shown.startswith("`")
    assert shown.endswith("`")
    assert "`" not in shown[1:-1]
    assert shown[1:-1] == visible(shown[1:-1]) or shown[1:-1] != shown[1:-1].strip()


@given(texts)
def test_what_cannot_be_seen_is_gone_and_the_rest_is_on_one_line(text: str) -> None:
    shown = visible(text)
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"}
    assert shown == " ".join(shown.split())
    assert visible(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        (" a \n\t b\u2028c ", "a b c"),
        ("\u202egpj.exe\u2066\u200b\ufeff", "gpj.exe"),
        ("a\x00\x1b[31mb", "a[31mb"),
        ("e" + "\u0301" * 50, "e" + "\u0301" * 4),
        ("\ud800\U000e0041", ""),
        ("生成中 – ñ 🎬", "生成中 – ñ 🎬"),
    ],
)
def test_what_is_visible_of_a_text(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("hello", 5, "hello"),
        ("hello!", 5, "hell…"),
        ("@everyone <@1>", 99, r"\@everyone \<\@1\>"),
        ("[a](https://b.c)", 99, r"\[a\]\(https\://b.c\)"),
        ("10. a 2. b", 99, r"10\. a 2. b"),
        ("1.5 a", 99, "1.5 a"),
        ("-# s", 99, r"\-\# s"),
        ("***", 4, r"\*…"),
        ("***", 5, r"\*\*…"),
        ("\\\\\\", 5, "…"),
        ("a b c", 4, "a b…"),
    ],
)
def test_a_text_of_others_is_shown_letter_by_letter(text: str, limit: int, shown: str) -> None:
    assert plain(text, limit) == shown


@pytest.mark.parametrize(
    ("progress", "filled"), [(-5, 0), (0, 0), (9, 0), (10, 1), (99, 9), (100, 10), (500, 10)]
)
def test_a_step_of_the_bar_is_filled_when_it_is_wholly_reached(progress: int, filled: int) -> None:
    assert bar(progress) == "█" * filled + "░" * (10 - filled)


def test_times_and_people_are_written_as_discord_reads_them() -> None:
    assert (relative(1.9), mention(7)) == ("<t:1:R>", "<@7>")
