"""How errors in the settings are worded: a line for each, with the variable's name and never its value."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from pydantic import ValidationError

from bot.config.env_file import EnvFile, misspelled

_PLAINER: Final = {
    "bool_parsing": "must be true or false",
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
}
"""Pydantic's words for these say how it tried to read the value."""
_SET_BY_THE_IMAGE: Final = {"database_url"}


class InvalidSettings(Exception):
    """The settings are not usable; each of `errors` is a line that names the variable and what it needs."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(self.errors))


def error_lines(
    error: ValidationError, names: Collection[str], file: EnvFile, environment: Collection[str]
) -> Iterator[str]:
    """Yield a line for each error of a validation; for what is missing, where it was perhaps meant to be."""
    details = error.errors(include_input=False, include_context=False)
    explained = {str(detail["loc"][0]) for detail in details if detail["loc"]}
    explained |= {f"{fault.about}_file" for fault in file.faults}
    missing = False
    for detail in details:
        name = "_".join(str(part) for part in detail["loc"])
        match detail["type"]:
            case "missing":
                # Else its file, its line or all of `.env` is the error.
                if file.readable and f"{name}_file" not in explained:
                    missing = True
                    yield f"{name.upper()}: required but not set{_where(name, names, file, environment)}"
            case "extra_forbidden":
                yield f"{name.upper()}: there is no such setting"
            case kind:
                message = _PLAINER.get(kind) or detail["msg"].replace("Input should be", "must be")
                if kind == "literal_error":
                    message = message.replace("'", "")  # or people would write the quotes
                yield f"{name.upper()}: {message.removeprefix('Value error, ')}"
    given = {variable.lower() for variable in environment} & set(names)
    if missing and file.missing is not None and given <= _SET_BY_THE_IMAGE:
        yield file.missing  # somebody's first start


def _where(name: str, names: Collection[str], file: EnvFile, environment: Collection[str]) -> str:
    if name in file.empty:
        return f" (empty in line {file.empty[name]} of .env)"
    typos = [variable for variable, meant in misspelled(environment, names) if meant == name]
    return f" (but {typos[0]} is: a typo?)" if typos else ""
