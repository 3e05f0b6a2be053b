"""How errors in the settings are worded: a line for each, with the variable's name and never its value."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from bot.config.env_file import EnvFile, misspelled

_SET_BY_THE_IMAGE: Final = {"database_url"}


class InvalidSettings(Exception):
    """The settings are not usable; each of `errors` is a line that names the variable and what it needs."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(self.errors))


def error_lines(
    faults: Mapping[str, str | None], names: Collection[str], file: EnvFile, environment: Collection[str]
) -> Iterator[str]:
    """Yield a line for each fault; for what is missing (None), where it was perhaps meant to be.

    `names` are those of all settings.
    """
    explained = {name for name, fault in faults.items() if fault is not None}
    explained |= {f"{fault.about}_file" for fault in file.faults}
    missing = False
    for name, fault in faults.items():
        if fault is not None:
            yield f"{name.upper()}: {fault}"
        # Else its file, its line or all of `.env` is the error.
        elif file.readable and f"{name}_file" not in explained:
            missing = True
            yield f"{name.upper()}: required but not set{_where(name, names, file, environment)}"
    given = {variable.lower() for variable in environment} & set(names)
    if missing and file.missing is not None and given <= _SET_BY_THE_IMAGE:
        yield file.missing  # somebody's first start


def _where(name: str, names: Collection[str], file: EnvFile, environment: Collection[str]) -> str:
    if name in file.empty:
        return f" (empty in line {file.empty[name]} of .env)"
    typos = [variable for variable, meant in misspelled(environment, names) if meant == name]
    return f" (but {typos[0]} is: a typo?)" if typos else ""
