"""Every sentence in every language: none is missing, none says something else, and Discord takes each."""

import importlib.util
import re
import shutil
import string
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

from bot import answers, messages
from bot.messages import ENGLISH, LANGUAGES, LOCALES, language_for, say

OTHERS: Final = [language for language in LANGUAGES if language != ENGLISH]
SENTENCES: Final = answers.PERMISSIONS | {
    name: text
    for name, text in (vars(messages) | vars(answers)).items()
    if re.match(r"(?!ENGLISH$)[A-Z][A-Z_]*$", name) and isinstance(text, str)
}
KEPT: Final = re.compile(r"\{\w*\}|`[^`]*`|/veo \w+|\*\*|<[^>]*>|🔔")
"""What stands in a sentence for others than its reader: values, markup, and what is typed."""
SPAN: Final = re.compile(r"`[^`]*`|\{\w+\}")
COMPILE: Final = "`make test` compiles the catalogues; or run: pybabel compile -D bot -d bot/locale"
LONGEST_LABEL: Final = 80
LONGEST_DESCRIPTION: Final = 100
LONGEST_MENU: Final = 32


def source(language: str) -> Path:
    return LOCALES / language.replace("-", "_") / "LC_MESSAGES" / "bot.po"


@cache
def catalogue(language: str) -> Catalog:
    with source(language).open("rb") as file:
        return read_po(file, abort_invalid=True)


def translations(language: str) -> dict[str, str]:
    return {str(entry.id): str(entry.string) for entry in catalogue(language) if entry.id}


def test_there_is_a_catalogue_for_each_language_and_no_other() -> None:
    assert sorted(LOCALES.glob("*/LC_MESSAGES/*.po")) == sorted(map(source, OTHERS))


def test_a_new_catalogue_is_a_new_language(tmp_path: Path) -> None:
    shutil.copy(str(messages.__file__), tmp_path / "messages.py")
    folder = tmp_path / "locale" / "pt_BR" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    portuguese = Catalog(locale="pt_BR")
    portuguese.add(messages.QUEUED, "Na fila")
    with (folder / "bot.mo").open("wb") as file:
        write_mo(file, portuguese)
    spec = importlib.util.spec_from_file_location("copied_messages", tmp_path / "messages.py")
    assert spec is not None
    assert spec.loader is not None
    copied = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copied)
    assert copied.LANGUAGES == ("en", "pt-BR")
    assert copied.uncompiled_languages() == []
    assert copied.say(copied.language_for("pt-BR"), messages.QUEUED) == "Na fila"


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_has_every_sentence_and_no_other(language: str) -> None:
    translated = translations(language)
    missing = [f"{name}: {text}" for name, text in SENTENCES.items() if not translated.get(text)]
    superfluous = sorted(translated.keys() - set(SENTENCES.values()))
    assert not missing, f"{source(language)} lacks these sentences"
    assert not superfluous, f"{source(language)} has sentences that the bot does not"


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_holds_nothing_unfinished(language: str) -> None:
    assert [entry.id for entry in catalogue(language) if entry.fuzzy and entry.id] == []
    assert not catalogue(language).fuzzy
    assert not catalogue(language).obsolete


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_keeps_its_values_its_markup_and_what_is_typed(language: str) -> None:
    for english, translated in translations(language).items():
        assert Counter(KEPT.findall(translated)) == Counter(KEPT.findall(english))


@pytest.mark.parametrize("language", OTHERS)
def test_the_compiled_catalogue_is_that_of_the_source(language: str) -> None:
    path = source(language).with_suffix(".mo")
    assert path.is_file(), COMPILE
    with path.open("rb") as file:
        compiled = {str(entry.id): str(entry.string) for entry in read_mo(file) if entry.id}
    assert compiled == translations(language), COMPILE


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", SENTENCES)
def test_a_sentence_can_be_said_on_one_line_with_all_its_values(name: str, language: str) -> None:
    fields = [field for _, field, form, _ in string.Formatter().parse(SENTENCES[name]) if field is not None]
    assert all(field.isidentifier() for field in fields)
    said = say(language, SENTENCES[name], **{field: f"~{field}~" for field in fields})
    assert all(f"~{field}~" in said for field in fields)
    assert said == said.strip() != ""
    assert not re.search(r"[{}\n]", said)


@pytest.mark.parametrize("text", translations("zh-CN").values())
def test_chinese_has_full_width_punctuation_and_a_calm_voice(text: str) -> None:
    assert re.search(r"[\u4e00-\u9fff]", text)
    own = SPAN.sub("x", text)
    assert not re.search(r"[,;:?!]|\.(?!\w)|[！～]", own)
    # Latin letters, code and values stand a space apart from the characters around them.
    assert not re.search(r"[\u4e00-\u9fff][A-Za-z]|[A-Za-z][\u4e00-\u9fff]", own.replace("“x”", ""))
    assert not re.search(r"\{link\}\S", text), "Discord takes a full-width sign for a part of the link"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_discord_limits_is_short_enough(language: str) -> None:
    for name, text in SENTENCES.items():
        said = say(language, text, count=99_999) if name.startswith("NOTIFY_ME") else None
        if name.endswith("_DESCRIPTION"):
            assert len(say(language, text)) <= LONGEST_DESCRIPTION
        if name.endswith("_MENU"):
            assert len(say(language, text)) <= LONGEST_MENU
        assert said is None or len(said) <= LONGEST_LABEL


def test_the_chinese_states_are_called_as_the_task_api_calls_them() -> None:
    states = (messages.QUEUED, messages.RENDERING, messages.FINISHED, messages.FAILED)
    assert [say("zh-CN", state) for state in states] == ["队列中", "生成中", "已成功", "失败"]


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("zh-CN", "zh-CN"),
        ("en-US", "en"),
        ("en-GB", "en"),
        ("zh-TW", "en"),
        ("ja", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_a_reader_is_spoken_to_in_their_language_or_else_in_english(
    locale: str | None, language: str
) -> None:
    assert language_for(locale) == language


def test_a_sentence_that_a_catalogue_lacks_is_said_in_english() -> None:
    assert say("zh-CN", "Not in it: {name}", name="x") == "Not in it: x"
