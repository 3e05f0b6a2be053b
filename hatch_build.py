"""Compiles the catalogues before a wheel is built or the project is installed in place."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.builders.utils import get_reproducible_timestamp


class Catalogues(BuildHookInterface):  # type: ignore[type-arg] # its configuration is not used
    """Writes each .mo beside its .po: `artifacts` in pyproject.toml takes it into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del version, build_data
        date = datetime.fromtimestamp(get_reproducible_timestamp(), UTC)
        for source in Path(self.root).glob("bot/locale/*/LC_MESSAGES/*.po"):
            catalogue = read_po(source.read_text("utf-8").splitlines())
            catalogue.creation_date = date  # else now, and no two wheels would be the same
            with source.with_suffix(".mo").open("wb") as compiled:
                write_mo(compiled, catalogue)
