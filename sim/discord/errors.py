"""Discord's errors: one table from code to status and text, and the error tree of an invalid form (50035)."""

from collections.abc import Sequence
from typing import Any

from .ids import Json

TABLE: dict[int, tuple[int, str]] = {
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10008: (404, "Unknown Message"),
    10013: (404, "Unknown User"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    10063: (404, "Unknown application command"),
    40005: (413, "Request entity too large"),
    40060: (400, "Interaction has already been acknowledged."),
    50001: (403, "Missing Access"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50013: (403, "Missing Permissions"),
    50027: (401, "Invalid Webhook Token"),
    50083: (400, "Thread is archived"),
    50109: (400, "The request body contains invalid JSON."),
    160002: (400, "Cannot reply without permission to read message history"),
    160005: (400, "Thread is locked"),
    240000: (400, "Message blocked by harmful links filter"),
}
BAD_FORM = 50035


class ApiError(Exception):
    """An error response with its status, code and body."""

    def __init__(self, status: int, code: int, message: str, **extra: Any) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status = status
        self.code = code
        self.body: Json = {"message": message, "code": code, **extra}


def refusal(code: int) -> ApiError:
    """Return the error that Discord sends with this code."""
    status, message = TABLE[code]
    return ApiError(status, code, message)


def plain(status: int, text: str) -> ApiError:
    """Return an error without a Discord code (0): `401: Unauthorized`, `404: Not Found`."""
    return ApiError(status, 0, f"{status}: {text}")


class Form:
    """Collects a body's errors by path and raises them all at once, as Discord does."""

    def __init__(self) -> None:
        self._tree: Json = {}

    def add(self, path: Sequence[str | int], code: str, message: str) -> None:
        """Add one error at a path such as `("components", 0, "custom_id")`."""
        node = self._tree
        for part in path:
            node = node.setdefault(str(part), {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def longest(self, path: Sequence[str | int], value: Any, limit: int) -> None:
        """Add an error if a string or list is longer than the limit."""
        if value is not None and len(value) > limit:
            unit = "in length" if isinstance(value, str) else "items"
            self.add(path, "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer {unit}.")

    def refuse_if_bad(self) -> None:
        """Raise 50035 if there is any error."""
        if self._tree:
            raise ApiError(400, BAD_FORM, "Invalid Form Body", errors=self._tree)


def bad_form(path: Sequence[str | int], code: str, message: str) -> ApiError:
    """Return a 50035 with a single error."""
    form = Form()
    form.add(path, code, message)
    return ApiError(400, BAD_FORM, "Invalid Form Body", errors=form._tree)
