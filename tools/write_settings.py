"""Write docs/settings.md's table and `.env.example` from the settings: `python -m tools.write_settings`.

The docstring of each setting is its description. A test compares the files with what this writes.
"""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from bot.config import Settings

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


def settings() -> list[tuple[str, FieldInfo]]:
    """Return the settings by their variables' names, the required ones first."""
    fields = [(name.upper(), field) for name, field in Settings.model_fields.items()]
    return sorted(fields, key=lambda item: not item[1].is_required())


def page(text: str) -> str:
    """Return the page with its table written again."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    rows = ["| variable | default | accepts | meaning |", "|---|---|---|---|"]
    for name, field in settings():
        default = "required" if field.is_required() else _code(_default(field))
        rows.append(f"| `{name}` | {default} | {_accepts(field)} | {_description(name, field)} |")
    return "\n".join([before + BEGIN, *rows, END]) + after


def example() -> str:
    """Return the text of `.env.example`."""
    parts = [_comment(HEADER)]
    for name, field in settings():
        words = _description(name, field).replace("`", "").replace("**", "")
        assignment = f"{name}=" if field.is_required() else f"# {name}={_default(field)}"
        parts.append(f"{_comment(words)}{assignment}\n")
    return "\n".join(parts)


def _description(name: str, field: FieldInfo) -> str:
    if not field.description:
        raise SystemExit(f"{name} has no docstring in bot/config")
    return " ".join(field.description.split())


def _comment(words: str) -> str:
    paragraphs = words.splitlines()
    return "".join(f"# {line}\n" for text in paragraphs for line in textwrap.wrap(text, 118))


def _default(field: FieldInfo) -> str:
    match field.default:
        case None | frozenset():
            return ""
        case bool(value):
            return str(value).lower()
        case float(value):
            return f"{value:g}"
        case SecretStr():
            return field.default.get_secret_value()
        case value:
            return str(value)


def _accepts(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return ", ".join(map(_code, get_args(field.annotation)))
    if field.annotation is bool:
        return "`true`, `false`"
    return " ".join(_bounds(field.metadata))


def _bounds(metadata: list[Any]) -> Iterator[str]:
    for bound in metadata:
        match bound:
            case Ge(value):
                yield f"{value}"
            case Gt(value):
                yield f"more than {value}"
            case Le(value):
                yield f"to {value}"


def _code(value: str) -> str:
    return f"`{value}`" if value else "–"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    EXAMPLE.write_text(example(), "utf-8")
