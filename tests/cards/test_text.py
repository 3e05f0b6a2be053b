"""Words of others can stand in a message of ours and do nothing."""

import re
import unicodedata
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made import MARKUP, texts

from bot.cards.text import bar, code, mention, plain, relative
from bot.core.characters import JOINERS, is_invisible, is_variation_selector, visible

LIVE: Final = re.compile(r"[\\`*_~|<>\[\]()#@:+-]")
"""What Discord reads as markup unless a backslash stands before it."""
ESCAPED: Final = re.compile(r"\\([^0-9A-Za-z\s])")


FLAG: Final = re.compile("\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f")


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


@given(
    texts
    | st.text(st.sampled_from("a#1ن‌‍️\U0001f469\U0001f680\U0001f3f4\U000e0067\U000e007f\u0301\u20e3 \u200b"))
)
def test_what_cannot_be_seen_is_gone_and_the_rest_is_on_one_line(text: str) -> None:
    shown = visible(text)
    alone = "".join(char for char in shown if char not in JOINERS and not is_variation_selector(char))
    assert not any(is_invisible(char) for char in FLAG.sub("", alone))
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
        ("e" + "\u0301\u200d" * 50, "e" + "\u0301" * 4),
        ("\ud800\U000e0041", ""),
        ("生成中 – ñ 🎬", "生成中 – ñ 🎬"),
        # Joiners that join nothing, selectors of nothing, tags without a flag, fillers.
        ("\u200da\u200d b\u200c", "a b"),
        ("a\u200d\u200d\u200db", "a\u200db"),
        ("a\ufe0fb", "ab"),
        ("1\ufe0f2", "12"),
        ("🎬\ufe0f\ufe0f\ufe0f", "🎬\ufe0f"),
        ("a\U000e0067\U000e0062\U000e007f", "a"),
        ("\U0001f3f4\U000e0067" + "\U000e0067" * 50, "\U0001f3f4"),
        ("\u115f\u3164\uffa0\u2800a\u034f", "a"),
        ("a\ufdd0\uffff\U0010ffffb", "ab"),
        ("a\u2065\ufff0\U000e0fffb", "ab"),
    ],
)
def test_what_is_visible_of_a_text(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",  # Persian needs the non-joiner in a word
        "ക്\u200dഷ",
        "auf\u200clage",
        "👩\u200d🚀",
        "👩🏽\u200d🚀",
        "👁️\u200d🗨️",
        "🏴\u200d☠️",
        "🏃\u200d♂️\u200d➡️",
        "❤️\u200d🔥",
        "1️⃣ #️⃣",
        "↔️",
        "🇩🇪",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "葛\U000e0100",
        "ᠠ\u180b",
        "\U0001fadf\U0001faff\U0001faea",  # newer than Python 3.11
        "\u0560\u1c89\U00011380\U0001e5d0",
        "\U00032000\u05ff",  # no character yet, in any Unicode
        "👩\u200d\U0001fadf",
    ],
)
def test_everything_printable_stays_in_any_version_of_unicode(text: str) -> None:
    assert visible(text) == text
    assert unescaped(plain(text, 100)) == text


@given(st.text())
def test_nothing_that_can_be_seen_is_lost(text: str) -> None:
    def seen(text: str) -> list[str]:
        plain_ = (char for char in text if not is_invisible(char) and not char.isspace())
        return [char for char in plain_ if unicodedata.category(char) not in {"Mn", "Me"}]

    assert seen(visible(text)) == seen(text)


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
