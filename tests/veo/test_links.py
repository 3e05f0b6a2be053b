"""Which links may be printed in a channel."""

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from linear import linear

from bot.veo.links import NAMED, printable_link, sort_links

SIGNED = "https://b.s3.eu-west-1.amazonaws.com/a/b.mp4?X-Amz-Credential=A%2FB&X-Amz-Signature=0aF~-_.!*'();:@$,[]=+%20"


@pytest.mark.parametrize(
    "link",
    [
        "https://a.b",
        "http://a.b/",
        "https://a.b:8443/x.mp4",
        "https://a.b?x=/../y",
        "https://a.b#t=1",
        "http://127.0.0.1:80/x",
        "https://[2001:db8::1]:8080/x",
        "https://user:pa%20ss@a.b/x",
        "https://a_b.example./x",
        "https://a.b/x?u=https://c.d/@e",
        SIGNED,
        "https://a.b/" + "x" * 500_000,
    ],
)
def test_a_web_link_stays_as_it_came(link: str) -> None:
    assert printable_link(link) == link
    assert printable_link(f" \n{link}\t") == link


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("https://a.b/x y", "https://a.b/x%20y"),
        ("https://a.b/<@1>|`", "https://a.b/%3C@1%3E%7C%60"),
        ("https://a.b/\u202egpm.4", "https://a.b/%E2%80%AEgpm.4"),
        ("https://a.b/\n@everyone", "https://a.b/%0A@everyone"),
        ("https://a.b/\x00\x7f", "https://a.b/%00%7F"),
        ("https://a.b/视频.mp4?q=é", "https://a.b/%E8%A7%86%E9%A2%91.mp4?q=%C3%A9"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://例え.jp:81/x", "https://xn--r8jz45g.jp:81/x"),
    ],
)
def test_what_would_end_a_link_or_hide_in_it_is_encoded(given: str, shown: str) -> None:
    assert printable_link(given) == shown


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        True,
        ["https://a.b"],
        {"url": "https://a.b"},
        b"https://a.b",
        "",
        "https://",
        "https:///x",
        "https:a.b",
        "//a.b/x",
        "/x.mp4",
        "a.b/x.mp4",
        "javascript:alert(1)//https://a.b",
        "data:text/html,https://a.b",
        "file:///etc/passwd",
        "discord://a.b",
        "ftp://a.b/x",
        "x https://a.b",
        "[x](https://a.b)",
        "<https://a.b>",
        "https://a b/x",
        "https://a.b\n.c/x",
        "https://a.b\\@c.d/x",
        "https://-a.b/x",
        "https://a.b:x/",
        "https://a.b:123456/",
        "https://a@b@c.d/",
        "https://@everyone/",
        "https://ü@a.b/x",
        "https://a.b＠c.d/x",
        "https://a℀b.c/",
        "https://" + "ü" * 64 + ".com/",
        "https://" + "a" * 400 + ".com/",
        "https://[x]/",
        "https://a.b/\ud800",
    ],
)
def test_nothing_else_is_shown(value: Any) -> None:
    if value == "https://@everyone/":
        assert printable_link(value) == value  # a link to the host "everyone"; it mentions nobody
        return
    assert printable_link(value) is None


def test_each_link_is_shown_once_in_order_and_the_refused_are_named() -> None:
    given = [
        "https://b.c/2",
        "ftp://x/" + "y" * 99,
        "https://b.c/1",
        7,
        "https://b.c/2 ",
        {"a": 1},
        "ftp://z",
        8,
    ]
    assert sort_links(given) == (
        ("https://b.c/2", "https://b.c/1"),
        (("ftp://x/" + "y" * 99)[:NAMED], "int", "dict", "ftp://z"),
    )


@given(st.one_of(st.text(), st.text().map("https://a.b/".__add__), st.text().map("https://".__add__)))
def test_a_shown_link_is_one_printable_word_that_leads_where_it_says(value: str) -> None:
    link = printable_link(value)
    if link is None:
        return
    assert link.isascii()
    assert link.isprintable()
    assert not set(link) & set(' <>`|"\\{}^')
    assert urlsplit(link).hostname
    assert printable_link(link) == link
    if value.startswith("https://a.b/"):
        assert urlsplit(link).hostname == "a.b"


@pytest.mark.parametrize("start", ["https://", "https://a.b/"])
@pytest.mark.parametrize("piece", ["a", "ü", "a@", "ü.", "a:", "%", "[", "a-", "a.", "/<", ":", ".)"])
def test_a_link_as_long_as_an_answer_may_be_is_judged_at_once(start: str, piece: str) -> None:
    with linear():
        printable_link(start + piece * (1024 * 1024 // len(piece)) + "!")


@pytest.mark.parametrize("tail", [".", ",", ":", ";", "'", "]", ")", "...", ").", "?x=(1)"])
def test_a_link_does_not_end_in_what_discord_takes_for_punctuation(tail: str) -> None:
    link = printable_link(f"https://a.b/c{tail}")
    assert link is not None
    assert link[-1] not in ".,:;'])"
    assert unquote(link) == f"https://a.b/c{tail}"
