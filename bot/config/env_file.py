"""The file `.env`, read line by line with python-dotenv's parser; unusable lines are reported by number.

People fill it in with whatever they have: editors that write UTF-16 or a byte order mark, lines copied from
shells and YAML, names from other bots. Nothing of a faulty line is repeated, because it may be a secret.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Final, NamedTuple

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from bot.config.secret_files import user

MAX_BYTES: Final = 64 * 1024
MAX_LINE: Final = 4_000
"""Longer lines are refused unread: the parser takes quadratic time for a line of spaces."""
MAX_FAULTS: Final = 10
"""More faults are counted, not listed: it is another kind of file."""
SIMILAR: Final = 0.6
LONGEST_NAME: Final = 50
UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_OTHER_NAMES: Final = (".env.txt", "env.txt", "env")
"""What `.env` becomes in editors that add an ending or strip the dot."""


class Fault(NamedTuple):
    """An error in the file."""

    about: str | None
    """The setting that the line seems to be meant for."""
    text: str


@dataclass(frozen=True)
class EnvFile:
    """What was read."""

    values: Mapping[str, str] = field(default_factory=dict)
    """By the settings' names in lower case, without those that are empty."""
    empty: Mapping[str, int] = field(default_factory=dict)
    """The lines that leave a setting empty."""
    faults: Collection[Fault] = ()
    missing: str | None = None
    """What to do if there is no such file."""
    readable: bool = True
    """False if nothing is known of what it sets."""


def read_env_file(path: Path, names: Collection[str]) -> EnvFile:
    """Read the settings of these names; everything that is wrong becomes a fault."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return EnvFile(missing=_how_to_write(path))
    except IsADirectoryError:
        fault = "is a folder, which Docker creates if there is no such file: remove it, write the file"
    except PermissionError:
        fault = f"cannot be read by {user()}: chown it"
    except OSError as error:
        fault = f"cannot be read ({error.strerror})"
    else:
        if len(data) <= MAX_BYTES and not data.startswith(UTF_16) and b"\0" not in data:
            try:
                return parse(path, data.decode("utf-8-sig"), names)
            except UnicodeDecodeError as error:
                line = data.count(b"\n", 0, error.start) + 1
                fault = f"line {line} is not UTF-8 text: save the file as UTF-8"
        elif len(data) > MAX_BYTES:
            fault = "is too long to be a file of settings: write one NAME=value a line"
        else:
            fault = "is UTF-16 text or no text, such as Windows PowerShell writes: save it as UTF-8"
    return EnvFile(faults=[Fault(None, f"{path}: {fault}")], readable=False)


def similar(name: str, names: Collection[str], cutoff: float = SIMILAR) -> str | None:
    """Return which of our names another one was perhaps meant to be."""
    found = get_close_matches(name.lower(), names, n=1, cutoff=cutoff)
    return found[0] if found else None


def parse(path: Path, text: str, names: Collection[str]) -> EnvFile:
    """Return what a file's text says."""
    good: list[str] = []
    empty: dict[str, int] = {}
    faults: list[Fault] = []
    for number, line in enumerate(StringIO(text, newline=None), 1):
        fault, name = _examine(line, names)
        if fault is not None:
            faults.append(Fault(fault.about, f"{path}, line {number}: {fault.text}"))
        elif name is not None:
            good.append(line)
            empty[name] = number
    values = {name.lower(): value for name, value in dotenv_values(stream=StringIO("".join(good))).items()}
    if len(faults) > MAX_FAULTS:
        more = f"{path}: {len(faults) - MAX_FAULTS} more lines are not usable"
        faults = [*faults[:MAX_FAULTS], Fault(None, more)]
    return EnvFile(
        {name: value for name, value in values.items() if value},
        {name: line for name, line in empty.items() if not values.get(name)},
        faults,
    )


def _examine(line: str, names: Collection[str]) -> tuple[Fault | None, str | None]:
    """Return what is wrong with a line, or which setting it sets."""
    if len(line) > MAX_LINE:
        return Fault(None, f"is longer than {MAX_LINE} characters"), None
    for binding in parse_stream(StringIO(line)):
        if binding.error:
            return _unparsable(line, names), None
        if binding.key is None:
            continue
        name = binding.key.lower()
        if name in names:
            return None, name
        return _unknown(binding.key, binding.value, names), None
    return None, None


def _unparsable(line: str, names: Collection[str]) -> Fault:
    words = (word.lower() for word in re.findall(r"\w+", line[:200]))
    about = next((word for word in words if word in names), None)
    wanted = f"{about.upper() if about else 'NAME'}=value"
    return Fault(about, f"must be {wanted}, without quotes and with nothing else on the line")


def _unknown(key: str, value: str | None, names: Collection[str]) -> Fault:
    """Return the fault of a line that sets none of our settings.

    Only what has the form of a variable is repeated: the parser takes a secret that is alone on a line for a
    name, even with the `=` that pads base64.
    """
    about = _meant(re.sub(r"\W", "_", key), names) if len(key) <= LONGEST_NAME else None
    if about is None and not (value or "").strip("="):
        return Fault(None, "must be NAME=value")
    shown = key if re.fullmatch(r"[A-Z_]+", key) and len(key) <= LONGEST_NAME else "this"
    advice = (
        f"did you mean {about.upper()}?" if about else "remove the line (docs/settings.md has all settings)"
    )
    return Fault(about, f"{shown} is not a setting; {advice}")


def _meant(name: str, names: Collection[str]) -> str | None:
    """Return this name if it is ours, the only one of ours that begins with it, or the most similar."""
    longer = [ours for ours in names if ours.startswith(f"{name.lower()}_")]
    return longer[0] if len(longer) == 1 and name.lower() not in names else similar(name, names)


def _how_to_write(path: Path) -> str:
    for name in _OTHER_NAMES:
        if (other := path.with_name(name)).is_file():
            return f"there is no {path.absolute()}: rename {other.name} to {path.name}"
    return f"set them in the environment, or write them into {path.absolute()}, one NAME=value a line"


def misspelled(environment: Collection[str], names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield variables of the environment that are nearly ours, and what they were perhaps meant to be.

    Invisible characters are escaped: a byte order mark becomes a part of the first name in a file for Compose
    (docker/compose#5220).
    """
    for variable in sorted(environment):
        if variable.lower() not in names and (meant := similar(variable, names, 0.88)):
            yield variable.encode("ascii", "backslashreplace").decode(), meant
