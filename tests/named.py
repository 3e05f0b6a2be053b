"""The tests that there are, each by the name under which pytest runs it: `tests/test_log.py::test_…`."""

import ast
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]


@cache
def existing_tests() -> frozenset[str]:
    """Return every test function, read from the files: a table may name tests without importing them."""
    return frozenset(
        f"{path.relative_to(ROOT).as_posix()}::{node.name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )
