"""Compiles the catalogues: into the wheel, or beside their sources if the project is installed in place."""

from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.builders.utils import get_reproducible_timestamp


class Catalogues(BuildHookInterface):  # type: ignore[type-arg] # its configuration is not used
    """Writes nothing into the sources of a wheel: they may be in use, or belong to somebody else."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self._folder = TemporaryDirectory()
        root = Path(self.root)
        for source in root.glob("bot/locale/*/LC_MESSAGES/*.po"):
            name = source.relative_to(root).with_suffix(".mo")
            target = (root if version == "editable" else Path(self._folder.name)) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            _compile(source, target)
            build_data["force_include"][str(target)] = str(name)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        del version, build_data, artifact_path
        self._folder.cleanup()


def _compile(source: Path, target: Path) -> None:
    catalogue = read_po(source.read_text("utf-8").splitlines())
    # Otherwise the date is now, and no two wheels are the same.
    seconds = get_reproducible_timestamp()
    # An older Python runs this before pip says that it is too old.
    catalogue.creation_date = datetime.fromtimestamp(seconds, timezone.utc)  # noqa: UP017
    with target.open("wb") as file:
        write_mo(file, catalogue)
