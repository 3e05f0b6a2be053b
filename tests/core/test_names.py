"""What a name is, whatever somebody gives, and where a message gives one."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from linear import linear
from made import FAMILY, LONGEST_ID, MARKUP, TASK, names, task_ids, texts, typed_names

from bot.core.characters import visible
from bot.core.names import (
    NAME_LIMIT,
    ROW_LIMIT,
    clean_name,
    common_name,
    file_stem,
    names_in,
    numbered,
    row_name,
)

OTHER = "00000000-442e-1db2-43f0-6e73616eb474"
LINK = f"https://relay.example/v1/tasks/{TASK}"


@given(typed_names)
@example(MARKUP)
@example("ﷺ\u0958" * 80)
@example("\u0958" + "\u0301" * 4)
def test_a_name_is_one_visible_line_of_at_most_eighty_characters(text: str) -> None:
    name = clean_name(text)
    assert len(name) <= NAME_LIMIT
    assert name == visible(name) == clean_name(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("  Shot 12\n\ttake 3 ", "Shot 12 take 3"),
        ("\u202egnp.exe\u2066", "gnp.exe"),
        ("\u200b\u2800\n", ""),
        ("e\u0301", "é"),
        ("Z" + "\u0300" * 60, "Z" + "\u0300" * 4),
        ("a" * 80, "a" * 80),
        ("a" * 81, "a" * 79 + "…"),
        (FAMILY * 20, FAMILY * 11 + "…"),
        ("<@101> **b**", "<@101> **b**"),
    ],
)
def test_a_name_is_kept_as_it_reads(text: str, name: str) -> None:
    assert clean_name(text) == unicodedata.normalize("NFC", name)


def test_several_tasks_named_together_are_numbered() -> None:
    rows = [numbered("Shot 12", number) for number in range(1, 11)]
    assert (rows[0], rows[9]) == ("Shot 12 · 1", "Shot 12 · 10")
    assert common_name(rows) == "Shot 12"
    assert common_name([*rows[:4], "The dog", ""]) == "Shot 12"
    assert numbered("", 3) == ""


@pytest.mark.parametrize("given_names", [[], [""], ["Shot"], ["Shot 12", "Shot 13"], ["Shot · 1", "Cat · 2"]])
def test_tasks_that_were_not_named_together_have_no_common_name(given_names: list[str]) -> None:
    assert common_name(given_names) == ""


@given(names, st.integers(1, 10))
def test_a_name_in_a_row_is_short_and_keeps_its_number(name: str, number: int) -> None:
    row = row_name(numbered(name, number))
    assert len(row) <= ROW_LIMIT
    assert bool(row) == bool(name)
    assert not name or row.endswith(f" · {number}")
    assert len(row_name(name)) <= ROW_LIMIT


def test_a_name_that_fits_a_row_is_whole() -> None:
    assert row_name("a" * 36 + " · 1") == "a" * 36 + " · 1"
    assert row_name("a" * 80 + " · 1") == "a" * 35 + "… · 1"
    assert row_name("a" * 80) == "a" * 39 + "…"


# In a message


@pytest.mark.parametrize("end", [":", "：", " -", " –", " |", ": ", " ： ", ":\t"])
@pytest.mark.parametrize("mark", ["{}", "`{}`", "**{}**", "<{}>"])
@pytest.mark.parametrize("task", [TASK, LINK])
def test_a_name_stands_before_the_id_on_its_line(end: str, mark: str, task: str) -> None:
    assert names_in([f"Here they are\nShot 12{end}{mark.format(task)} please"]) == {TASK: "Shot 12"}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("- Shot 12: {}", "Shot 12"),
        ("* **Shot 12**: {}", "Shot 12"),
        ("1. Shot 12 - {}", "Shot 12"),
        ("> - [x] Shot 12: {}", "Shot 12"),
        ("### Shot 12 – {}", "Shot 12"),
        ("| Shot 12 | {} |", "Shot 12"),
        ("**Shot 12:** {}", "Shot 12"),
        ("Shot 12: ||{}||", "Shot 12"),
        ("镜头十二：{}", "镜头十二"),
        ("Шот 12:{}", "Шот 12"),
        ("Cat: dog: {}", "Cat: dog"),
        ("\u202eShot\u200b 12: {}", "Shot 12"),
        (f"{'word ' * 15}abcde: {{}}", f"{'word ' * 15}abcde"),
        ("a" * 19 + ": {}", "a" * 19),
        ("🎬 Cat: {}", "🎬 Cat"),
    ],
)
def test_bullets_and_marks_are_no_part_of_a_name(line: str, name: str) -> None:
    assert names_in([line.format(TASK)]) == {TASK: name}
    assert names_in([line.format(LINK)]) == {TASK: name}


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "Shot 12 {}",
        "Shot 12, {}",
        "Shot 12 — {}",
        ": {}",
        "- {}",
        "1. - {}",
        "🎬: {}",
        f"{'word ' * 16}a: {{}}",
        f"{'a' * 20}: {{}}",
        f"{'ａ' * 20}: {{}}",
        "a\u200b" + "a" * 19 + ": {}",
        "see https://example.com - {}",
        "see www.example.com - {}",
        '"shot": {}',
        "'Shot': {}",
        "“Shot”: {}",
        "«Shot»: {}",
        "„Shot: {}",
        "「镜头」：{}",
        "Anna's: {}",
        "run `x` it: {}",
        "shot=12: {}",
        "shot＝12: {}",
        "Authorization: {}",
        "Bearer: {}",
        "my KEY: {}",
        "ｔｏｋｅｎ: {}",
        "x-api-key: {}",
        "to\u200bken: {}",
        f"Shot: {OTHER} | {{}}",
        f"Shot: {{}} {OTHER}",
        f"Shot: {{}} https://relay.example/tasks/{OTHER}",
    ],
)
def test_in_any_doubt_there_is_no_name(line: str) -> None:
    for task in (TASK, LINK):
        assert TASK not in names_in([line.format(task)])


def test_each_line_names_its_own_task() -> None:
    assert names_in([f"Cat: {TASK}\nDog: {OTHER}"]) == {TASK: "Cat", OTHER: "Dog"}


@pytest.mark.parametrize(
    "texts_", [(f"Cat: {TASK}\nDog: {TASK}",), (f"Cat: {TASK}", TASK), (f"Cat: {TASK}\n{TASK} {OTHER}",)]
)
def test_a_task_on_several_lines_has_a_name_only_if_they_agree(texts_: tuple[str, ...]) -> None:
    assert names_in(texts_) == {}
    assert names_in([f"Cat: {TASK}", f"- Cat: {LINK}"]) == {TASK: "Cat"}


@given(st.lists(texts | texts.map(lambda text: f"{text}: {TASK}"), max_size=3))
def test_a_name_from_a_message_is_a_name(texts_: list[str]) -> None:
    for name in names_in(texts_).values():
        assert name == clean_name(name) != ""
        assert not set(name) & set("\"'=")
        assert "://" not in name


@pytest.mark.parametrize(
    "part", ["- ", "> ", "*", "a", ": ", "[ ] ", "1. ", "\u200d", "e\u0301", "https://a "]
)
def test_reading_names_takes_linear_time(part: str) -> None:
    with linear():
        names_in([part * 200_000 + TASK])


# Files


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("shot 12, take 3", "shot-12-take-3"),
        ("Shot 12 · 2", "Shot-12-2"),
        ("../../etc/passwd", "etc-passwd"),
        ("镜头 12", "镜头-12"),
        ("किताब", "किताब"),
        ("e\u0301a", "éa"),
        ("", "8cb280b3"),
        ("🎬 / \\ : * ?", "8cb280b3"),
        ("a" * 100, "a" * 53),
        ("镜" * 80, "镜" * 17),
        ("a" * 52 + " b", "a" * 52),
    ],
)
def test_files_are_called_like_their_render(name: str, stem: str) -> None:
    assert file_stem(name, TASK) == unicodedata.normalize("NFC", stem)


@given(typed_names, task_ids | st.just(LONGEST_ID))
def test_a_file_name_is_short_and_harmless(name: str, task_id: str) -> None:
    stem = file_stem(name, task_id)
    assert stem
    assert len(f"{stem}-9.webm".encode()) <= 60
    assert all(char.isalnum() or char == "-" or unicodedata.category(char) in {"Mn", "Mc"} for char in stem)
    assert stem == stem.strip("-")
