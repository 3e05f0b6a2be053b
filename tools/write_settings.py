"""Write docs/settings.md's table and `.env.example` from the settings: `python -m tools.write_settings`.

The docstring of each setting is its description. A test compares the files with what this writes.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, Final

from bot.config import DataSettings, Settings
from bot.config.values import Choice, Number, switch

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs/settings.md"
EXAMPLE: Final = ROOT / ".env.example"
BEGIN: Final = "<!-- written by: python -m tools.write_settings -->"
END: Final = "<!-- end of what was written -->"
HEADER: Final = """\
Copy this file to .env and fill in the first two; everything else has a default that works.
One NAME=value a line, without quotes or a comment behind it: Docker's --env-file takes both literally.
Docker Compose takes a $ for the start of a variable: put a secret with one into a file (docs/setup.md).
"""


def settings() -> list[tuple[str, Field[Any]]]:
    """Return the settings by their variables' names, the required ones first."""
    named = [(field.name.upper(), field) for field in fields(Settings)]
    return sorted(named, key=lambda item: item[1].default is not MISSING)


def docstrings() -> Iterator[tuple[str, str]]:
    """Yield the settings' variables, each with its docstring."""
    for kind in (DataSettings, Settings):
        (tree,) = ast.parse(inspect.getsource(kind)).body
        assert isinstance(tree, ast.ClassDef)
        for statement, after in zip(tree.body, tree.body[1:], strict=False):
            match statement, after:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    yield name.upper(), " ".join(text.split())


DESCRIPTIONS: Final = dict(docstrings())


def page(text: str) -> str:
    """Return the page with its table written again."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    rows = ["| variable | default | accepts | meaning |", "|---|---|---|---|"]
    for name, field in settings():
        default = "required" if field.default is MISSING else _code(_default(field))
        rows.append(f"| `{name}` | {default} | {_accepts(field)} | {DESCRIPTIONS[name]} |")
    return "\n".join([before + BEGIN, *rows, END]) + after


def example() -> str:
    """Return the text of `.env.example`."""
    parts = [_comment(HEADER)]
    for name, field in settings():
        words = DESCRIPTIONS[name].replace("`", "").replace("**", "")
        assignment = f"{name}=" if field.default is MISSING else f"# {name}={_default(field)}"
        parts.append(f"{_comment(words)}{assignment}\n")
    return "\n".join(parts)


def _comment(words: str) -> str:
    paragraphs = words.splitlines()
    return "".join(f"# {line}\n" for text in paragraphs for line in textwrap.wrap(text, 118))


def _default(field: Field[Any]) -> str:
    match field.default:
        case None | frozenset():
            return ""
        case bool(value):
            return str(value).lower()
        case float(value):
            return f"{value:g}"
        case value:
            return str(value)


def _accepts(field: Field[Any]) -> str:
    match field.metadata["read"]:
        case Choice(words):
            return ", ".join(map(_code, words))
        case Number(_, low, high, lowest):
            return f"{'' if lowest else 'more than '}{low} to {high}"
        case read if read is switch:
            return "`true`, `false`"
        case _:
            return ""


def _code(value: str) -> str:
    return f"`{value}`" if value else "–"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    EXAMPLE.write_text(example(), "utf-8")
