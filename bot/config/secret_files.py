"""Secrets from files: a named file for each, or the folder in which containers find theirs."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

SECRETS: Final = ("discord_token", "veo_api_key", "database_url")
"""May also be read from a file: from `<NAME>_FILE`, or from the folder below. A plain variable wins."""
FILE_FIRST: Final = frozenset({"database_url"})
"""Here the file wins, because the image sets the variable to the SQLite file in its volume."""
RUN_SECRETS: Final = Path("/run/secrets")
"""Where Docker and Kubernetes put secrets, each in a file with its name in lower case."""
MAX_LENGTH: Final = 4_000
"""Characters of a secret: it is sent in a header."""


def fill_in_secrets(values: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the settings as given, with those of the named secrets that are in files."""
    values = dict(values)
    for name in names:
        given = values.get(f"{name}_file")
        path = Path(given or RUN_SECRETS / name)
        if name in values and name not in FILE_FIRST:
            values.pop(f"{name}_file", None)
        elif given or os.path.lexists(path):
            try:
                values[name] = read_secret(path)
            except ValueError:
                values[f"{name}_file"] = str(path)  # `secret_file` raises the same, with its name
            else:
                values.pop(f"{name}_file", None)  # read only once: it may be a pipe
    return values


def read_secret(path: Path) -> str:
    """Return the contents of a secret's file.

    Raises:
        ValueError: it has none. The text names the path only if it is the standard one: what was set as a
            path may be the secret itself, in the wrong variable.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MAX_LENGTH + 1).strip()
    except IsADirectoryError:
        why = "is a folder, which Docker creates if the host has no such file: remove it, write the file"
    except PermissionError:
        why = f"cannot be read by {user()}: chown it on the host"
    except FileNotFoundError:
        why = "does not exist"
    except UnicodeError:
        why = "is not UTF-8 text"
    except OSError as error:
        why = f"cannot be read ({error.strerror})"
    else:
        if text and len(text) <= MAX_LENGTH:
            return text
        why = "is too long for a secret" if text else "is empty: write the secret into it"
    raise ValueError(f"{path if path.parent == RUN_SECRETS else 'the file'} {why}")


def user() -> str:
    return f"uid {os.geteuid()}" if hasattr(os, "geteuid") else "this user"


def secret_file(path: str) -> str:
    """Return the path of a secret's file if it can be read."""
    read_secret(Path(path))
    return path


def secret_alone(text: str, name: str) -> str:
    """Return a secret if it can be sent as it is.

    Raises:
        ValueError: it has something around it that people copy along, or cannot stand in a header.
    """
    if text.upper().startswith((f"{name}=", f"{name}:")):
        raise ValueError(f"must be the value alone, without {name} in front")
    if prefix := re.match(r"(bot|bearer|token|authorization:?)\s+\S", text, re.IGNORECASE):
        raise ValueError(f"must be the secret alone, without {prefix[1].capitalize()} in front")
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be one line of printable ASCII characters without spaces")
    return text


def why_rejected(token: str) -> str:
    """Return what to do about a token that Discord rejects."""
    advice = (
        "rejected by Discord: get a new one on https://discord.com/developers/applications"
        " (your application, Bot, Reset Token)"
    )
    if token.count(".") == 2:  # noqa: PLR2004 the parts are an id, a time and a signature
        return advice
    return f"{advice}. A token has two dots, which this one has not: it may be the client secret or an id"
