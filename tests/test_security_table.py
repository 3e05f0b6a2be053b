"""The table of SECURITY.md: every test that it names exists, and every row names one."""

import re
from pathlib import Path
from typing import Final

import pytest
from named import existing_tests

ROOT: Final = Path(__file__).parents[1]
ROWS: Final = re.findall(
    r"(?m)^\| (?!who |-)(.+) \| (.+) \| (.+) \|$", (ROOT / "SECURITY.md").read_text("utf-8")
)

FOR_THE_WHEEL: Final = {
    *("!requirements.txt", "!requirements-build.txt"),
    *("!pyproject.toml", "!hatch_build.py", "!README.md", "!LICENSE", "!bot"),
}
FOR_THE_DEMO: Final = {"!requirements-demo.txt", "!demo", "!sim"}
"""All that the builds of the images see."""


def lines_of(name: str) -> list[str]:
    return (ROOT / name).read_text("utf-8").splitlines()


@pytest.mark.parametrize(("threat", "shown_by"), [pytest.param(a, c, id=a) for a, _, c in ROWS])
def test_a_threat_names_tests_that_exist(threat: str, shown_by: str) -> None:
    named = re.findall(r"`([^`]+)`", shown_by)
    assert named
    assert " ".join(f"`{test}`" for test in named) == shown_by
    assert set(named) - existing_tests() == set()


def test_the_table_is_read_whole() -> None:
    table = [line for line in lines_of("SECURITY.md") if line.startswith("|")]
    assert len(ROWS) == len(table) - 2 > 20


def test_secrets_and_data_stay_with_their_owner() -> None:
    assert {".env", "data/"} <= set(lines_of(".gitignore"))
    first, *let_in = [
        line for line in lines_of(".dockerignore") if line[:1] in {"*", "!"} and "/" not in line
    ]
    assert (first, set(let_in)) == ("*", FOR_THE_WHEEL | FOR_THE_DEMO)
    image = "\n".join(lines_of("Dockerfile"))
    assert re.search(r"install -d -o bot -g bot -m 0700 /data\b", image)
    assert re.search(r"(?m)^USER (\d+):(\d+)$", image)
    assert "chmod 600 .env" in (ROOT / "README.md").read_text("utf-8")
