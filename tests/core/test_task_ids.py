"""Which texts are task ids: in what people type, in what others wrote, in a request path."""

import string
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import LONGEST_ID, TASK, task_ids

from bot.core.task_ids import (
    LEFT_OUT_LENGTH,
    Found,
    find_task_ids,
    is_task_id,
    quoted_task_ids,
    read_task_id,
    read_task_ids,
)

OTHER = "11111111-2222-4333-8444-555555555555"
LINK = f"https://duomiapi.com/v1/videos/tasks/{TASK}"
STUDIO = "https://studio.example"

NO_IDS = [
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
    "-a",
    ".a",
    ":a",
    "_a",
    "<@1>",
    "@everyone",
    "٣٣٣",
    "ａｂｃ",
    "i\u200bd",
    LONGEST_ID + "x",
    "x" * 1_000_000,
]


class Case(NamedTuple):
    """A text, what it means where somebody typed it, and which ids it holds where others wrote it."""

    text: str
    typed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    of_others: tuple[str, ...] | None = None
    """As `typed`, if None."""


CASES = [
    # One id, in what chats, keyboards and copying put around it.
    Case(TASK, (TASK,)),
    Case(TASK.upper(), (TASK.upper(),)),
    Case(f"“{TASK}”", (TASK,)),
    Case(f"「{TASK}」", (TASK,)),
    Case(f"『{TASK}』，", (TASK,)),
    Case(f"„{TASK}“", (TASK,)),
    Case(f"«\u202f{TASK}\u202f»", (TASK,)),
    Case(f"**{TASK}**", (TASK,)),
    Case(f"__{TASK}__", (TASK,)),
    Case(f"_{TASK}_", (TASK,)),
    Case(f"||`{TASK}`||", (TASK,)),
    Case(f"- {TASK}", (TASK,)),
    Case(f"-{TASK}", (TASK,)),
    Case(f"\u200b{TASK}\ufeff", (TASK,)),
    Case(f"\u202e{TASK}\u2069", (TASK,)),
    Case(f"\xa0{TASK}", (TASK,)),
    Case(f"{TASK}.", (TASK,)),
    Case(f"{TASK}。", (TASK,)),
    Case(f"({TASK})?!", (TASK,)),
    Case(f"task_id: {TASK}", (TASK,), ("task_id:",)),
    Case(f"task_id={TASK}", (TASK,)),
    Case(f"渲染{TASK}完成", (TASK,)),
    Case(f'{{"taskId":"{TASK}"}}', (TASK,)),
    Case("“render-77”", ("render-77",), of_others=()),
    Case("‹render-77›", ("render-77",), of_others=()),
    Case("【render-77】。", ("render-77",), of_others=()),
    Case("＂render-77＂", ("render-77",), of_others=()),
    Case("~~__render-77__~~", ("render-77",), of_others=()),
    Case("\u200e\u2066render-77\u2069\u00ad\ufe0f", ("render-77",), of_others=()),
    Case("\u3164render-77\u2800", ("render-77",), of_others=()),
    Case("(render-77)…", ("render-77",), of_others=()),
    Case("render-77؟", ("render-77",), of_others=()),
    Case("{task}", ("task",), of_others=()),
    Case("a_b:c-d_", ("a_b:c-d_",), of_others=()),
    # Links.
    Case(LINK, (TASK,)),
    Case(f"<{LINK}/>", (TASK,)),
    Case(f"[the render]({LINK}).", (TASK,), ("[the", "render](")),
    Case(f"**{LINK}**", (TASK,)),
    Case(f"_{LINK}_", (TASK,)),
    Case(f"{LINK}?key=1#{OTHER}", (TASK,)),
    Case(LINK.replace("https", "HTTPS"), (TASK,)),
    Case(f"链接：{LINK}。谢谢", (TASK,), ("链接：", "。谢谢")),
    Case(f"{STUDIO}/v1/videos/tasks/render-77（完成）", ("render-77",), ("（完成）",)),
    Case(f"{LINK},{LINK}?x=1,2 c", (TASK,), ("c",)),
    Case(f"{LINK} {LINK}", (TASK,)),
    Case(f"{STUDIO}/v1/videos/tasks/render-77", ("render-77",)),
    Case(f"{STUDIO}/v1/videos/tasks/X", ("X",)),
    Case(f"{STUDIO}/v1/videos/tasks/render-77/content?a=b", ("render-77",)),
    Case(f"{STUDIO}/a_(b)/tasks/render-77", ("render-77",)),
    Case("http://[::1]:8080/tasks/render-77", ("render-77",)),
    Case(f"{STUDIO}/tasks/8cb280b3%2D442e-1db2-43f0-6e73616eb474", (TASK,)),
    Case(f"{STUDIO}/api/record-info?taskId={TASK}", (TASK,)),
    Case(f"{STUDIO}/p/{OTHER}/record-info?task_id=render-77", ("render-77",)),
    Case(f"{STUDIO}/p/{OTHER}?id={OTHER}&taskId={TASK}", (TASK,)),
    Case(f"{STUDIO}/v1/videos/{TASK}/content", (TASK,)),
    Case(f"{STUDIO}/p/{OTHER}/videos/{TASK}", (TASK,)),
    Case(f"{STUDIO}/p/{OTHER}/#/videos/{TASK}", (TASK,)),
    Case(f"{STUDIO}/{OTHER}/v1/videos/tasks/{TASK}?trace={OTHER}", (TASK,)),
    Case(f"{STUDIO}/videos?v={TASK}", (TASK,)),
    Case(f"{STUDIO}/videos?v={TASK}&trace={OTHER}"),
    Case(f"{STUDIO}/videos?api_key={TASK}"),
    Case(f"https://{TASK}:x@studio.example/videos"),
    Case(f"{STUDIO}/renders/short-id"),
    Case(f"{STUDIO}/tasks/.."),
    Case(f"{STUDIO}/tasks/%2e%2e"),
    Case(f"{STUDIO}/tasks/a%2Fb"),
    Case(f"{STUDIO}/tasks/"),
    Case("https://"),
    Case("https://[::bad/tasks/a"),
    Case("https://x℀y/tasks/a"),
    # Several ids, and what is none.
    Case(f"{TASK} {OTHER}", (TASK, OTHER)),
    Case(f"{OTHER},{LINK}", (TASK,), ("11111111",)),
    Case(
        "render-2026-11-25-a render-2026-11-25-b",
        ("render-2026-11-25-a", "render-2026-11-25-b"),
        of_others=(),
    ),
    Case("a1, a2 ,a3\r\na4，a5、a6；a7", tuple(f"a{n}" for n in range(1, 8)), of_others=()),
    Case(", ,b2,,a1, b2", ("b2", "a1"), of_others=()),
    Case('`a1` <b2>, "c3"', ("a1", "b2", "c3"), of_others=()),
    Case("- a1\n- a2", ("a1", "a2"), of_others=()),
    Case("a1 ../b2 c3", ("a1", "c3"), ("../b2",), of_others=()),
    Case('"" abc ``, <>', ("abc",), of_others=()),
    Case("not an id!!"),
    Case("not an"),
    Case("render-1 and render-2"),
    Case("any word would fit the alphabet of a typed id"),
    Case(f"token {OTHER} {LINK}", (TASK,), ("token", "11111111")),
    Case(
        f"curl -H 'Authorization: Bearer sk-0123456789' {STUDIO}/v1/videos/tasks/{TASK}",
        (TASK,),
        ("curl", "-H", "'Authori", "Bearer", "sk-01234"),
    ),
    Case("curl -H 'Authorization: sk-0123456789' https://studio.example/v1/videos"),
    Case("sk-0123456789 https://studio.example/v1/videos"),
    Case("abc1 https://studio.example/v1"),
    Case(f"veo-{TASK}", (f"veo-{TASK}",), of_others=()),
    Case(f"a{TASK}", (f"a{TASK}",), of_others=()),
    Case(f"{TASK}0", (f"{TASK}0",), of_others=()),
    Case(f"{TASK}-{OTHER}", (f"{TASK}-{OTHER}",), of_others=()),
    Case("8cb280b3442e1db243f06e73616eb474", ("8cb280b3442e1db243f06e73616eb474",), of_others=()),
    *map(Case, NO_IDS),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case.text[:40]))
def test_which_text_is_an_id(case: Case) -> None:
    assert read_task_ids(case.text) == Found(case.typed, case.left_out)
    of_others = case.typed if case.of_others is None else case.of_others
    assert find_task_ids([case.text]).task_ids == of_others
    one = Found(case.typed, case.left_out) if len(case.typed) == 1 else Found()
    assert read_task_id(case.text) == one


def test_in_a_message_as_a_whole_task_links_count_before_uuids() -> None:
    assert find_task_ids([f"the key is {OTHER}", LINK]) == Found((TASK,), ("11111111",))
    assert find_task_ids([TASK, f"and {OTHER}"]) == Found((TASK, OTHER))


@pytest.mark.parametrize("text", [*NO_IDS, "a\n", " a", "a\x00", "id\u200b", "\u202eid", "{task}"])
def test_nothing_else_than_an_id_may_stand_in_a_path(text: str) -> None:
    assert not is_task_id(text)


@pytest.mark.parametrize("text", [TASK, "0", "a", "a.b", "a_b:c-d", LONGEST_ID, "a-", "a_"])
def test_an_id_is_one(text: str) -> None:
    assert is_task_id(text)
    assert read_task_id(text) == Found((text,))


def test_a_full_stop_may_end_an_id_but_not_one_that_is_typed() -> None:
    assert is_task_id("a.")
    assert read_task_id("a.") == Found(("a",))


@given(task_ids)
def test_every_id_survives_being_pasted(task_id: str) -> None:
    kept = task_id.rstrip(".,:;!?")
    assert kept in read_task_id(task_id).task_ids or TASK in task_id
    in_link = task_id.rstrip(string.punctuation)
    assert read_task_id(f"https://duomiapi.com/v1/videos/tasks/{task_id}") == Found((in_link,))


@given(st.lists(st.text() | st.sampled_from([TASK, LINK, f"{STUDIO}/tasks/{TASK}%00", "https://[", "?id="])))
def test_whatever_is_read_or_found_is_a_safe_id(texts: list[str]) -> None:
    text = "".join(texts)
    for found in (find_task_ids([text, *texts]), read_task_ids(text), read_task_id(text)):
        assert all(map(is_task_id, found.task_ids))
        assert len({*found.task_ids}) == len(found.task_ids)
        assert all(len(beginning) <= LEFT_OUT_LENGTH for beginning in found.left_out)
    assert all(map(is_task_id, quoted_task_ids([text])))


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
