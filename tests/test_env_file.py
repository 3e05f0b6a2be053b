"""What people put into `.env`, from reports about other bots and tools, and what the bot says to each."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from bot.config import SETTINGS, DataSettings, InvalidSettings, Settings
from bot.config.env_file import MAX_BYTES, MAX_FAULTS, MAX_LINE, misspelled, read_env_file

SECRET: Final = "sEcReT.x.1"
NAMES: Final = SETTINGS


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.lower() in NAMES:
            monkeypatch.delenv(name)
    return tmp_path / ".env"


def faults(file: Path, content: str | bytes) -> list[str]:
    """Return the faults of a file without its path; none repeats the secret."""
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    read = read_env_file(file, NAMES)
    assert SECRET not in str(read.faults)
    return [fault.text.removeprefix(str(file)).lstrip(":, ") for fault in read.faults]


# What is understood


@pytest.mark.parametrize(
    "content",
    [
        f"DISCORD_TOKEN={SECRET}",
        f"\ufeffDISCORD_TOKEN={SECRET}\n",  # theskumar/python-dotenv#637, docker/compose#5220
        f"\r\n# Schlüssel\r\nDISCORD_TOKEN={SECRET}\r\n\r\n",
        f"DISCORD_TOKEN={SECRET}\r",  # the ends of lines of old Macs
        f"DISCORD_TOKEN = {SECRET}",  # docker refuses these spaces
        f"  export DISCORD_TOKEN={SECRET}",
        f"DISCORD_TOKEN='{SECRET}'",
        f'DISCORD_TOKEN="{SECRET}"  # from the portal',
        f"DISCORD_TOKEN={SECRET} # from the portal",
        f"discord_token={SECRET}",
        f"DISCORD_TOKEN=\nDISCORD_TOKEN={SECRET}",  # the example's line left in place: the last one counts
        f"VEO_API_KEY={SECRET}\nDISCORD_TOKEN=${{VEO_API_KEY}}",
    ],
)
def test_a_token_is_read_from(file: Path, content: str) -> None:
    assert faults(file, content) == []
    assert read_env_file(file, NAMES).values["discord_token"] == SECRET


def test_the_line_that_leaves_a_required_setting_empty_is_named(file: Path) -> None:
    file.write_text("# copied\n\nDISCORD_TOKEN=\nVEO_API_KEY=''\n")
    with pytest.raises(InvalidSettings) as error:
        Settings.load(file)
    assert error.value.errors == (
        "DISCORD_TOKEN: required but not set (empty in line 3 of .env)",
        "VEO_API_KEY: required but not set (empty in line 4 of .env)",
    )


# Lines that say nothing usable

NOTHING_ELSE: Final = "without quotes and with nothing else on the line"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (f"DISCORD_TOKEN: {SECRET}", f"must be DISCORD_TOKEN=value, {NOTHING_ELSE}"),  # as in YAML
        (f"DISCORD_TOKEN {SECRET}", f"must be DISCORD_TOKEN=value, {NOTHING_ELSE}"),
        (f'DISCORD_TOKEN="{SECRET}', f"must be DISCORD_TOKEN=value, {NOTHING_ELSE}"),
        (f"DISCORD_TOKEN='{SECRET}' {SECRET}", f"must be DISCORD_TOKEN=value, {NOTHING_ELSE}"),
        (f"set DISCORD_TOKEN={SECRET}", f"must be DISCORD_TOKEN=value, {NOTHING_ELSE}"),  # cmd.exe
        (
            f'$env:DISCORD_TOKEN="{SECRET}"',
            "this is not a setting; did you mean DISCORD_TOKEN?",
        ),
        (f"DISCORD-TOKEN={SECRET}", "this is not a setting; did you mean DISCORD_TOKEN?"),
        (f"DISCORD_BOT_TOKEN={SECRET}", "DISCORD_BOT_TOKEN is not a setting; did you mean DISCORD_TOKEN?"),
        (f"VEO_KEY={SECRET}", "VEO_KEY is not a setting; did you mean VEO_API_KEY?"),
        ("POLL_MIN_SECOND=3", "POLL_MIN_SECOND is not a setting; did you mean POLL_MIN_SECONDS?"),
        ("POLL_MIN=3", "POLL_MIN is not a setting; did you mean POLL_MIN_SECONDS?"),
        ("VEO_API=3", "VEO_API is not a setting; did you mean VEO_API_KEY?"),
        (f"export = {SECRET}", f"must be NAME=value, {NOTHING_ELSE}"),
        (f"={SECRET}", f"must be NAME=value, {NOTHING_ELSE}"),
        (f"{{{SECRET}}}", "must be NAME=value"),
        (SECRET, "must be NAME=value"),
        (f"{SECRET}==", "must be NAME=value"),
        (f"{SECRET}=abc", "this is not a setting; remove the line (docs/settings.md has all settings)"),
        ("TZ=Europe/Berlin", "TZ is not a setting; remove the line (docs/settings.md has all settings)"),
        ("DISCORD_TOKEN=" + "x" * MAX_LINE, f"is longer than {MAX_LINE} characters"),
        (" " * MAX_LINE * 10, f"is longer than {MAX_LINE} characters"),
    ],
)
def test_a_line_is_named_by_its_number_with_what_it_should_be(file: Path, line: str, fault: str) -> None:
    assert faults(file, f"# settings\n\n{line}\nLOG_LEVEL=INFO\n") == [f"line 3: {fault}"]
    assert read_env_file(file, NAMES).values == {"log_level": "INFO"}


def test_a_name_that_a_secret_has_grown_onto_is_not_repeated(file: Path) -> None:
    assert len(faults(file, f"VEO_API_KEY-{SECRET}==\nDISCORD_TOKEN{SECRET}=\n")) == 2


def test_what_a_faulty_line_was_meant_to_set_is_not_also_reported_as_missing(file: Path) -> None:
    file.write_text(f"DISCORD_TOKEN: {SECRET}\nVEO_KEY={SECRET}\n")
    with pytest.raises(InvalidSettings) as error:
        Settings.load(file)
    assert [line.split(": ")[0] for line in error.value.errors] == [f"{file}, line 1", f"{file}, line 2"]


def test_python_dotenv_says_nothing_itself(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    faults(file, f"DISCORD_TOKEN: {SECRET}\n")
    assert caplog.records == []


def test_another_kind_of_file_is_not_listed_line_by_line(file: Path) -> None:
    *lines, more = faults(file, "{\n" * 100)
    assert len(lines) == MAX_FAULTS
    assert more == "90 more lines are not usable"


# Files that are no text


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        # Windows PowerShell's `echo … > .env`: motdotla/dotenv#445
        (f"DISCORD_TOKEN={SECRET}".encode("utf-16"), "is UTF-16 text or no text"),
        (f"DISCORD_TOKEN={SECRET}".encode("utf-16-be"), "is UTF-16 text or no text"),
        (f"DISCORD_TOKEN={SECRET}\0".encode(), "is UTF-16 text or no text"),
        (f"DISCORD_TOKEN={SECRET}\n# Schlüssel".encode("latin-1"), "line 2 is not UTF-8 text"),
        (b"x" * (MAX_BYTES + 1), "is too long to be a file of settings"),
    ],
)
def test_a_file_that_cannot_be_read_says_how_to_save_it(file: Path, content: bytes, fault: str) -> None:
    (found,) = faults(file, content)
    assert found.startswith(fault)
    assert ": " in found or "write one NAME=value" in found


def test_a_folder_in_its_place_is_named_and_nothing_is_called_missing(file: Path) -> None:
    file.mkdir()  # what Docker mounts for a file that does not exist
    with pytest.raises(InvalidSettings) as error:
        Settings.load(file)
    (fault,) = error.value.errors
    assert fault.endswith(
        "is a folder, which Docker creates if there is no such file: remove it, write the file"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes with names here")
def test_a_pipe_is_read(file: Path) -> None:
    os.mkfifo(file)  # through which 1Password serves it
    with ThreadPoolExecutor() as pool:
        written = pool.submit(file.write_text, f"DISCORD_TOKEN={SECRET}\n")
        assert read_env_file(file, NAMES).values == {"discord_token": SECRET}
        written.result()


@pytest.mark.parametrize("name", [".env.txt", "env.txt", "env"])
def test_a_file_that_an_editor_named_is_found(file: Path, name: str) -> None:
    file.with_name(name).touch()
    with pytest.raises(InvalidSettings) as error:
        Settings.load(file)
    assert error.value.errors[-1] == f"there is no {file}: rename {name} to .env"


# Beside the file


def test_a_command_on_the_data_minds_only_the_lines_that_may_concern_it(file: Path) -> None:
    file.write_text(f"DISCORD_TOKEN: {SECRET}\nPOLL_MIN_SECOND=1\nDATABASE_URL=sqlite:///x.db\n")
    assert DataSettings.load(file).database == Path("x.db")
    file.write_text(f"{file.read_text()}{SECRET}\n")
    with pytest.raises(InvalidSettings, match="line 4: must be NAME=value"):
        DataSettings.load(file)


def test_a_variable_of_the_environment_that_is_nearly_ours_is_noticed() -> None:
    others = {"LOG_LEVEL", "HTTP_PROXY", "PATH", "TOKEN", "NO_PROXY"}
    assert list(misspelled(others | {"LOG_LEVLE", "\ufeffDISCORD_TOKEN"}, NAMES)) == [
        ("LOG_LEVLE", "log_level"),
        ("\\ufeffDISCORD_TOKEN", "discord_token"),
    ]


def test_a_typo_in_the_environment_is_named_where_the_setting_is_missed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("VEO_API_KEY=x\n")
    monkeypatch.setenv("DISCORD_TOKNE", SECRET)
    with pytest.raises(InvalidSettings) as error:
        Settings.load(file)
    assert error.value.errors == ("DISCORD_TOKEN: required but not set (but DISCORD_TOKNE is: a typo?)",)
