"""The pages agree with each other and with the code: links, anchors, pictures, commands, quoted sentences."""

import ast
import re
import shlex
from collections.abc import Iterator
from typing import Final

import pytest
from pages import PAGES, ROOT, anchors, anchors_of, commands_of, first_cells, links_of, targets, text_of

from bot import command_line
from bot.core.liveness import BEAT, SILENT, TRUSTED, VANISHED
from bot.core.shards import Holding
from bot.metrics import Metrics, Snapshot

START: Final = "README.md"
NAMED: Final = re.compile(r"\b((?:docs/)[\w/-]+\.(?:md|json|yml|png|svg))(?:#([\w-]+))?")
"""A page named in a text: `docs/setup.md#permissions`."""
PLACE: Final = re.compile(r"((?:bot|bench|demo|deploy|docs|sim|tests|tools)/[\w./-]*)(?:::.*|\*.*)?")
"""A file or folder of the repository."""
OURS: Final = re.compile(
    r"(?:(?:^|bin/|exec veo-watch-bot )veo-watch-bot|python -m bot"
    r"|docker (?:compose )?run (?!.*--entrypoint).*bot)(?: (.*))?$"
)
"""A command line of the bot and its arguments."""


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("# Back up and restore", ["back-up-and-restore"]),
        ("## What `check` finds", ["what-check-finds"]),
        ("## On `/readyz` and `/healthz`", ["on-readyz-and-healthz"]),
        ("## Discord's limits, again: 45 a second", ["discords-limits-again-45-a-second"]),
        ("## A ✗ B", ["a--b"]),
        ("## snake_case - and *emphasis*", ["snake_case---and-emphasis"]),
        ("## [A link](x.md) & more", ["a-link--more"]),
        ("## 卡片，结果和列表", ["卡片结果和列表"]),
        ("## 名称 Names", ["名称-names"]),
        ("# Same\n## Same\n### Same-1\n## Same", ["same", "same-1", "same-1-1", "same-2"]),
        ("Title\n=====\n```\n# not a heading\n```", ["title"]),
    ],
)
def test_anchors_are_made_by_githubs_rule(markdown: str, expected: list[str]) -> None:
    assert anchors(markdown) == expected


def test_links_are_read_from_text_images_references_and_html_but_not_from_code() -> None:
    page = '[a](b.md#c) ![d](e.png) [f][g] <img src="h.svg"> `[i](j.md)`\n\n[g]: k.md\n\n```\n[l](m.md)\n```'
    assert targets(page) == ["b.md#c", "e.png", "k.md", "h.svg"]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings_that_exist(page: str) -> None:
    for link in links_of(page):
        assert (ROOT / link.file).exists(), f"{page} links to {link.file}"
        if link.anchor:
            assert link.anchor in anchors_of(link.file), f"{page} links to {link.file}#{link.anchor}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, left = {START}, [START]
    while left:
        new = {link.file for link in links_of(left.pop()) if link.file in PAGES} - reached
        reached |= new
        left += new
    assert reached == set(PAGES)


def test_every_file_of_the_docs_is_shown_or_linked() -> None:
    linked = {link.file for page in PAGES for link in links_of(page)}
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*") if path.is_file()}
    assert files - linked == set()


def test_pages_named_in_code_and_configuration_exist() -> None:
    places = [".env.example", "Makefile", "Dockerfile", "pyproject.toml"]
    texts = [*map(ROOT.joinpath, places), *ROOT.glob("compose*.yaml")]
    texts += [*(ROOT / "bot").rglob("*.py"), *(ROOT / ".github").rglob("*.yml")]
    texts += [
        *(ROOT / "docs").glob("*.yml"),
        *(path for path in (ROOT / "deploy").iterdir() if path.is_file()),
    ]
    for path in texts:
        for page, anchor in NAMED.findall(path.read_text("utf-8")):
            assert (ROOT / page).exists(), f"{path} names {page}"
            assert not anchor or anchor in anchors_of(page), f"{path} names {page}#{anchor}"


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_files_that_a_page_names_exist(page: str) -> None:
    named = {found[1] for command in commands_of(text_of(page)) if (found := PLACE.fullmatch(command))}
    assert [place for place in named if not (ROOT / place).exists()] == []


def test_the_readme_is_short_and_its_picture_fits_a_screen() -> None:
    assert text_of(START).count("\n") <= 130
    (picture,) = (link.file for link in links_of(START) if link.file.endswith(".png"))
    header = (ROOT / picture).read_bytes()[:24]
    assert int.from_bytes(header[20:24], "big") <= 1000, "no taller than a screen"


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_the_pages_exist(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    targets_of_make = set(re.findall(r"(?m)^([a-z-]+):", text_of("Makefile")))
    for name in ("_run", "_on_the_data", "_check"):
        monkeypatch.setattr(command_line, name, lambda *_, **__: 0)
    for command in commands_of(text_of(page)):
        if make := re.match(r"make ([a-z-]+)", command):
            assert make[1] in targets_of_make
        if ours := OURS.search(command):
            assert _exit_code(shlex.split(ours[1] or "")) == 0, command


def _exit_code(arguments: list[str]) -> object:
    try:
        return command_line.main(arguments)
    except SystemExit as error:  # of `--version`, or of a command that does not exist
        return error.code


def test_the_page_on_monitoring_lists_every_metric() -> None:
    metrics = Metrics()
    metrics.add_snapshot(lambda: Snapshot(disk=(2, 1), holding=Holding(1, 2, 2)))
    exported = set(re.findall(rb"(?m)^# TYPE (veobot_\w+)", metrics.scrape()))
    cells = " ".join(first_cells(text_of("docs/monitoring.md")))
    assert set(re.findall(r"veobot_\w+", cells)) == {name.decode() for name in exported}


def test_exit_codes_of_the_pages_are_those_of_the_command_line() -> None:
    codes = {int(code) for code in re.findall(r"(?m)^\| (\d+) \|", text_of("docs/operating.md"))}
    assert codes == {code.value for code in command_line.Exit}


@pytest.mark.parametrize("seconds", [BEAT, TRUSTED, VANISHED, SILENT])
def test_the_page_on_scaling_has_the_leases_times(seconds: float) -> None:
    assert f" {seconds:g} s" in text_of("docs/scaling.md")


def _sentences() -> Iterator[str]:
    """Yield every text in the bot's code, with a mark in place of each value that is filled in."""
    for path in (ROOT / "bot").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(v.value) if isinstance(v, ast.Constant) else "\0" for v in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.sub(r"\{\w*\}|%s", "\0", node.value)


@pytest.mark.slow
def test_the_sentences_of_the_troubleshooting_page_are_the_bots_own() -> None:
    ours, page = "\n".join(_sentences()), text_of("docs/troubleshooting.md")
    quoted = [text for cell in first_cells(page) for text in re.findall(r"`([^`]+)`|“([^”]+)”", cell)]
    parts = [part.strip(" .:()") for one, two in quoted for part in (one or two).split("…")]
    assert len(parts) > 60
    assert [part for part in parts if part not in ours] == []
