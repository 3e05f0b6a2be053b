"""Which texts are task ids: what people type and paste, and what may stand in a request path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import LONGEST_ID, TASK, task_ids

from bot.core.task_ids import (
    Typed,
    find_task_ids,
    is_task_id,
    quoted_task_ids,
    read_task_id,
    read_task_ids,
)

HOSTILE = [
    "",
    " ",
    "..",
    "a..b",
    "../admin",
    "a/b",
    "a\\b",
    "%2e%2e",
    "a%2fb",
    "a?b=c",
    "a#b",
    "a b",
    "a\nb",
    "\x00",
    "a\x00",
    "-a",
    ".a",
    ":a",
    "_a",
    "<@1>",
    "@everyone",
    "{task}",
    "٣٣٣",
    "ａｂｃ",
    "id\u200b",
    "\u202eid",
    LONGEST_ID + "x",
    "x" * 1_000_000,
]


@pytest.mark.parametrize("text", [*HOSTILE, "a\n", " a"])
def test_nothing_else_than_an_id_may_stand_in_a_path(text: str) -> None:
    assert not is_task_id(text)


@pytest.mark.parametrize("text", [TASK, "0", "a", "a.b", "a_b:c-d", LONGEST_ID, "a.", "a-"])
def test_an_id_is_one(text: str) -> None:
    assert is_task_id(text)
    assert read_task_id(text) == text


@pytest.mark.parametrize(
    "typed",
    [
        f" {TASK}\n",
        f"`{TASK}`",
        f"<{TASK}>",
        f'"{TASK}"',
        f"https://duomiapi.com/v1/videos/tasks/{TASK}",
        f"<https://duomiapi.com/v1/videos/tasks/{TASK}/>",
        f"http://x/{TASK}?a=b/c#d/e",
        "https://x/tasks/8cb280b3%2D442e-1db2-43f0-6e73616eb474",
    ],
)
def test_an_id_is_found_in_what_people_paste(typed: str) -> None:
    assert read_task_id(typed) == TASK


@pytest.mark.parametrize(
    "typed",
    [
        *HOSTILE,
        "https://",
        "https://x",
        "https://x/",
        "https://x/..",
        "https://x/%2e%2e",
        "https://x/a%2Fb",
        "https://x/a%0Ab",
        "https://[::bad/id",
        "https://x℀y/id/ /",
        f"https://x/{TASK} https://x/other",
        f"https://x/{TASK}\nhttps://x/other",
        "https://x/ab\ncd",
        f"{TASK} {TASK}",
        f"{TASK},other",
    ],
)
def test_what_is_no_id_or_more_than_one_is_refused(typed: str) -> None:
    assert read_task_id(typed) is None


@given(st.text())
def test_whatever_is_typed_the_answer_is_a_safe_id_or_none(typed: str) -> None:
    for text in (typed, f"https://x/{typed}", f"://{typed}"):
        found = read_task_id(text)
        assert found is None or is_task_id(found)


@given(task_ids)
def test_every_id_survives_being_pasted_as_a_link(task_id: str) -> None:
    assert read_task_id(f"https://duomiapi.com/v1/videos/tasks/{task_id}") == task_id


OTHER = "11111111-1111-4111-8111-111111111111"
LINK = f"https://duomiapi.com/v1/videos/tasks/{TASK}"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (TASK, Typed((TASK,))),
        ("a b", Typed(("a", "b"))),
        ("a,b", Typed(("a", "b"))),
        ("a, b ,c", Typed(("a", "b", "c"))),
        ("a\nb\r\nc", Typed(("a", "b", "c"))),
        ("a，b、c；d", Typed(("a", "b", "c", "d"))),
        (", ,a,,b,", Typed(("a", "b"))),
        ("b a b a", Typed(("b", "a"))),
        ('`a` <b>, "c"', Typed(("a", "b", "c"))),
        (f"{LINK},{LINK}?x=1,2 c", Typed((TASK, "c"))),
        (f"{OTHER},{LINK}", Typed((OTHER, TASK))),
        ("a ../b c", Typed(("a", "c"), ("../b",))),
        ("../b, ../b", Typed((), ("../b",))),
        (f"{LINK},a", Typed((), (f"{LINK},a",))),
        ("", Typed()),
        (" , \n", Typed()),
    ],
)
def test_several_ids_are_read_each_once_and_a_bad_one_spoils_none(typed: str, expected: Typed) -> None:
    assert read_task_ids(typed) == expected


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"look: {TASK}.", (TASK,)),
        (f"`{TASK}`, **{OTHER}** and {TASK}", (TASK, OTHER)),
        (f"渲染{TASK}完成", (TASK,)),
        (TASK.upper(), (TASK.upper(),)),
        (LINK, (TASK,)),
        (f"[the render]({LINK}).", (TASK,)),
        (f"<{LINK}/>", (TASK,)),
        (f"{LINK}?key=1#{OTHER}", (TASK,)),
        ("http://x/v1/videos/tasks/short-id_1,", ("short-id_1",)),
        (f"https://studio.example/renders/{TASK}", (TASK,)),
        (f"https://cdn.example/{TASK}/video.mp4", ()),
        ("https://studio.example/renders/short-id", ()),
        ("https://x/tasks/..", ()),
        ("https://x/tasks/", ()),
        ("https://[::bad/tasks/a", ()),
        ("any word would fit the alphabet of a typed id", ()),
        (f"a{TASK}", ()),
        (f"{TASK}0", ()),
        (f"{TASK}-{OTHER}", ()),
        ("8cb280b3442e1db243f06e73616eb474", ()),
        ("", ()),
    ],
)
def test_in_texts_of_others_only_uuids_and_task_links_count(text: str, found: tuple[str, ...]) -> None:
    assert find_task_ids([text]) == found


@given(st.lists(st.text() | st.sampled_from([TASK, LINK, f"https://x/tasks/{TASK}%00", "https://["])))
def test_whatever_is_read_or_found_is_a_safe_id(texts: list[str]) -> None:
    text = "".join(texts)
    found = (*find_task_ids([text, *texts]), *read_task_ids(text).task_ids, *quoted_task_ids([text]))
    assert all(map(is_task_id, found))
    assert len(set(find_task_ids([text, text]))) == len(find_task_ids([text, text]))


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        (f"### 🎬 Rendering\n`{TASK}`\n`a.b:c`", (TASK, "a.b:c")),
        ("`/veo watch` follows it", ()),
        (r"> \`a\` and \`b` c", ()),
        ("```a```", ()),
        ("`a..b`", ()),
    ],
)
def test_the_ids_in_messages_of_ours_stand_in_backticks(text: str, quoted: tuple[str, ...]) -> None:
    assert quoted_task_ids([text]) == quoted


def test_a_long_row_of_commas_is_judged_at_once() -> None:
    """By a pattern that tries anew at each of them it would take minutes."""
    typed = read_task_ids("https://" + "，" * 200_000)
    assert typed.task_ids == ()


def test_empty_quotes_are_neither_an_id_nor_something_else() -> None:
    assert read_task_ids('"" abc ``, <>') == Typed(("abc",), ())


def test_an_id_of_one_letter_in_a_task_link_is_found() -> None:
    assert find_task_ids(["https://api.example/v1/videos/tasks/X"]) == ("X",)
