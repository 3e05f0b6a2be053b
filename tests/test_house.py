"""The rules of the house, read from its files: what must agree with what."""

import ast
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar

import pytest

import bot
from tools import write_settings

ROOT: Final = Path(__file__).parents[1]
FILES: Final = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "bot").rglob("*.py"))
}
TREES: Final = {name: ast.parse(path.read_text("utf-8")) for name, path in FILES.items()}
PYPROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT: Final = PYPROJECT["project"]
BUILD: Final = PYPROJECT["dependency-groups"]["build"]
DEMO: Final = PYPROJECT["dependency-groups"]["demo"]
PINNED: Final = {
    "requirements.txt": [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["postgres"]],
    "requirements-build.txt": BUILD,
    "requirements-bench.txt": PYPROJECT["dependency-groups"]["bench"],
    "requirements-dev.txt": [
        *PROJECT["dependencies"],
        *PROJECT["optional-dependencies"]["dev"],
        *DEMO,
        *BUILD,
    ],
    "requirements-demo.txt": [*PROJECT["dependencies"], *DEMO],
}
"""The files of pins, and what each must at least pin."""
MAX_LINES: Final = 250

Node = TypeVar("Node", bound=ast.AST)

CORE_MAY_IMPORT: Final = (
    "bisect collections collections.abc dataclasses enum functools heapq itertools math operator re"
    " statistics string typing unicodedata urllib.parse"
)
CATALOGUE: Final = {"messages", "answers"}
SPEAKING: Final = ("bot.commands", "bot.cards", "bot.outbound", "bot.gateway", "bot.engine")
FOR_THE_LOG: Final = {"describe", "_find_response", "gateway_state"}
"""Functions whose words end in the log or in `/readyz`."""


def _within(name: str, parts: str) -> bool:
    """Tell whether a module is one of the parts or lies in one; `bot` is the package's own module alone."""
    return any(name == part or (part != "bot" and name.startswith(f"{part}.")) for part in parts.split())


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole path"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in FILES else str(node.module)


@pytest.mark.parametrize("module", [name for name in FILES if _within(name, "bot.core")])
def test_the_core_reads_no_clock_draws_no_number_and_talks_to_nobody(module: str) -> None:
    outside = {name for name in _imports(TREES[module]) if not _within(name, "bot.core")}
    assert outside <= set(CORE_MAY_IMPORT.split())
    called = {node.func.id for node in _nodes(module, ast.Call) if isinstance(node.func, ast.Name)}
    assert not called & {"open", "print", "input", "exec", "eval", "__import__"}


@pytest.mark.parametrize("module", FILES)
def test_a_module_opens_with_its_purpose_is_short_and_finished(module: str) -> None:
    text = FILES[module].read_text("utf-8")
    assert ast.get_docstring(TREES[module])
    assert text.count("\n") <= MAX_LINES
    assert not re.search(r"TODO|FIXME|XXX|raise NotImplementedError", text)


def test_every_sentence_of_the_catalogue_is_said_somewhere() -> None:
    names = [*_nodes("bot.messages", ast.Name), *_nodes("bot.answers", ast.Name)]
    sentences = {name.id for name in names if isinstance(name.ctx, ast.Store) and name.id.isupper()}
    said = {name.id for name in names if isinstance(name.ctx, ast.Load)}
    for module in FILES:
        said |= {node.attr for node in _nodes(module, ast.Attribute) if ast.unparse(node.value) in CATALOGUE}
    assert sentences - said == set()


@pytest.mark.parametrize("module", [name for name in FILES if _within(name, " ".join(SPEAKING))])
def test_sentences_for_people_stand_in_the_catalogue_alone(module: str) -> None:
    # Two words in a row are a sentence, unless they are a docstring, for the log or for a traceback.
    assert [text for text in _texts(TREES[module]) if re.search(r"[^\W\d_]{2} [^\W\d_]", text)] == []


def _texts(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Raise() | ast.Expr(value=ast.Constant()):
            return
        case ast.FunctionDef(name=name) | ast.Call(func=ast.Attribute(attr=name)) if name in FOR_THE_LOG:
            return
        case ast.Call(func=ast.Attribute(value=ast.Name(id="log"))):
            return
        case ast.Constant(value=str(text)):
            yield text
    for child in ast.iter_child_nodes(node):
        yield from _texts(child)


def _nodes(module: str, kind: type[Node]) -> Iterator[Node]:
    return (node for node in ast.walk(TREES[module]) if isinstance(node, kind))


def test_the_settings_page_and_the_example_are_written_from_the_settings() -> None:
    written = "run: python -m tools.write_settings"
    text = write_settings.PAGE.read_text("utf-8")
    assert text == write_settings.page(text), written
    assert write_settings.EXAMPLE.read_text("utf-8") == write_settings.example(), written


def test_the_workflow_calls_what_people_call_on_every_supported_python() -> None:
    workflow = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")
    assert "- run: make check\n" in workflow
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert re.findall(r'"(3\.\d+)"', workflow) == [oldest, "3.12", "3.13"]


def test_the_map_of_the_house_names_what_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    places = re.findall(r"(?m)^((?:bot|tests|sim|demo)/[\w./]+)", text)
    assert len(places) > 10
    assert [place for place in places if not (ROOT / place).exists()] == []


@pytest.mark.parametrize("name", PINNED)
def test_requirements_are_pinned_with_hashes_and_name_no_address(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert not re.search(r"://|--index|--extra|--find", text)
    for requirement in text.replace("\\\n", "").splitlines():
        assert re.match(r"[a-z0-9._-]+==[^\s]+ .*--hash=sha256:[0-9a-f]{64}", requirement)
    for package in PINNED[name]:
        pinned = re.split(r"[\[<>=]", package)[0].replace(".", "-")
        assert re.search(rf"(?m)^{pinned}==", text)


@pytest.mark.parametrize(
    ("goal", "developing", "environment", "pins"),
    [
        ("demo", False, ".venv-demo", "requirements-demo.txt"),
        ("demo", True, ".venv", None),
        ("test", False, ".venv", "requirements-dev.txt"),
        ("test", True, ".venv", None),
    ],
)
def test_a_first_look_at_the_demo_installs_only_what_it_needs(
    goal: str, developing: bool, environment: str, pins: str | None, tmp_path: Path
) -> None:
    for name in ("Makefile", *PINNED):
        shutil.copy(ROOT / name, tmp_path)
    if developing:
        (tmp_path / ".venv").mkdir()
        (tmp_path / ".venv" / ".ready").touch()
    command = ["make", "--dry-run", "--directory", str(tmp_path), goal]
    planned = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert re.findall(r"--require-hashes -r (\S+)", planned) == ([pins] if pins else [])
    assert re.search(rf"(?m)^{re.escape(environment)}/bin/python -m (?:demo|pytest)", planned)


def test_the_pins_of_the_build_are_those_of_the_build_backend() -> None:
    assert sorted(PYPROJECT["build-system"]["requires"]) == sorted(BUILD)


def test_one_version() -> None:
    newest, *_ = re.findall(r"(?m)^## \[(\d.*?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"))
    assert bot.__version__ == PROJECT["version"] == newest
