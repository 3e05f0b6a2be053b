"""How errors in the settings are worded: a line for each, with the variable's name and never its value."""

from collections.abc import Iterable, Iterator

from pydantic import ValidationError


class InvalidSettings(Exception):
    """The settings are not usable; each of `errors` is a line that names the variable and what it needs."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(self.errors))


def error_lines(error: ValidationError) -> Iterator[str]:
    """Yield a line for each error of a validation."""
    details = error.errors(include_input=False, include_context=False)
    failed = {str(detail["loc"][0]) for detail in details if detail["loc"]}
    for detail in details:
        name = "_".join(str(part) for part in detail["loc"])
        message = detail["msg"].removeprefix("Value error, ")
        match detail["type"]:
            case "missing":
                if f"{name}_file" not in failed:  # else its file is the error
                    yield f"{name.upper()}: required but not set"
            case "extra_forbidden":
                yield f"{name.upper()}: there is no such setting (a typo in .env?)"
            case _:
                yield f"{name.upper()}: {message[0].lower()}{message[1:]}" if name else message
