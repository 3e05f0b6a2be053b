"""Secrets that lie in files: as Docker and Kubernetes put them there, or where a variable says."""

import os
from pathlib import Path
from typing import Final

SECRETS: Final = ("discord_token", "veo_api_key")
"""What may come from a file: `<NAME>_FILE` names it, or it lies in /run/secrets. A plain variable wins."""
RUN_SECRETS: Final = Path("/run/secrets")


def user() -> str:
    """Return who reads: for the operator's line."""
    return f"uid {os.geteuid()}" if hasattr(os, "geteuid") else "this user"


def content(path: Path) -> str:
    """Return what a secret's file holds.

    Raises:
        ValueError: there is nothing; the text says why and what to do, and names no place that was set: it
            may be the secret itself, in the wrong variable.
    """
    named = str(path) if path.parent == RUN_SECRETS else "the file"
    try:
        text = path.read_text(encoding="utf-8").strip()
    except IsADirectoryError:
        why = "is a folder, which Docker makes where the host has no such file: remove it, write the file"
    except PermissionError:
        why = f"cannot be read by {user()}: chown it on the host"
    except FileNotFoundError:
        why = "does not exist"
    except UnicodeError:
        why = "holds no text"
    except OSError as error:
        why = f"cannot be read ({error.strerror})"
    else:
        if text:
            return text
        why = "is empty: write the secret into it"
    raise ValueError(f"{named} {why}")
