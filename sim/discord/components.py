"""Discord's rules for components: where each may stand, how many, how long, and which URLs are valid."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from .errors import Form
from .ids import Json
from .message import Attachment, walk

ROW, BUTTON, SELECT, SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR = 1, 2, 3, 9, 10, 11, 12, 13, 14
CONTAINER = 17
SELECTS = {SELECT, 5, 6, 7, 8}
V2_ONLY = {SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER}
INSIDE_CONTAINER = {ROW, SECTION, TEXT, GALLERY, FILE, SEPARATOR}
# "Component Reference": 40 components and 4,000 characters of text in a message, nested ones included.
MAX_COMPONENTS, MAX_TEXT, MAX_ROWS, LINK = 40, 4000, 5, 5

Path = list[str | int]

DEFAULTS: dict[int, Json] = {
    CONTAINER: {"accent_color": None, "spoiler": False},
    THUMBNAIL: {"description": None, "spoiler": False},
    GALLERY: {"description": None, "spoiler": False},
    FILE: {"spoiler": False},
    SEPARATOR: {"spacing": 1, "divider": True},
}
"""Defaults that Discord fills in when it returns components (a gallery's belong to its items)."""


def check(form: Form, components: list[Json], files: set[str], *, v2: bool, unfetchable: set[str]) -> None:
    """Note everything that Discord would reject; `files` are the names that `attachment://` may use."""
    top = INSIDE_CONTAINER | {CONTAINER} if v2 else {ROW}
    for index, component in enumerate(components):
        _check_one(form, ["components", index], component, top)
    every = list(walk(components))
    if not v2 and len(components) > MAX_ROWS:
        form.add(["components"], "BASE_TYPE_BAD_LENGTH", "Must be between 0 and 5 in length.")
    if len(every) > MAX_COMPONENTS:
        form.add(
            ["components"],
            "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED",
            f"The total number of components cannot exceed {MAX_COMPONENTS}",
        )
    if sum(len(c.get("content") or "") for c in every if c.get("type") == TEXT) > MAX_TEXT:
        form.add(
            ["components"],
            "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
            f"The total length of displayable text cannot exceed {MAX_TEXT}",
        )
    _check_custom_ids(form, components)
    for path, media in _media(components, ["components"]):
        _check_url(form, path, media.get("url"), files, unfetchable)


def _check_one(form: Form, path: Path, component: Any, allowed: set[int]) -> None:
    kind = component.get("type") if isinstance(component, dict) else None
    if kind not in allowed:
        choices = ", ".join(map(str, sorted(allowed)))
        form.add([*path, "type"], "UNION_TYPE_CHOICES", f"Value of field 'type' must be one of ({choices}).")
        return
    children = component.get("components") or []
    inside: set[int] = set()
    if kind == ROW:
        inside = {BUTTON} | SELECTS
        width = 5 if all(c.get("type") == BUTTON for c in children) else 1
        _check_count(form, path, children, width)
    elif kind == SECTION:
        inside = {TEXT}
        _check_count(form, path, children, 3)
        _check_one(form, [*path, "accessory"], component.get("accessory"), {BUTTON, THUMBNAIL})
    elif kind == CONTAINER:
        inside = INSIDE_CONTAINER
        _check_count(form, path, children, MAX_COMPONENTS)
    elif kind == GALLERY and not 1 <= len(component.get("items") or []) <= 10:
        form.add([*path, "items"], "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 10 in length.")
    elif kind == TEXT and not 1 <= len(component.get("content") or "") <= MAX_TEXT:
        form.add([*path, "content"], "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {MAX_TEXT} in length.")
    elif kind == BUTTON:
        _check_button(form, path, component)
    for index, child in enumerate(children):
        _check_one(form, [*path, "components", index], child, inside)


def _check_count(form: Form, path: Path, children: list[Json], most: int) -> None:
    if not 1 <= len(children) <= most:
        text = f"Must be between 1 and {most} in length."
        form.add([*path, "components"], "BASE_TYPE_BAD_LENGTH", text)


def _check_button(form: Form, path: Path, button: Json) -> None:
    form.longest([*path, "label"], button.get("label"), 80)
    if not button.get("label") and not button.get("emoji"):
        form.add(path, "BUTTON_COMPONENT_LABEL_OR_EMOJI_REQUIRED", "A button needs a label or an emoji.")
    if button.get("style") == LINK:
        if not button.get("url"):
            form.add([*path, "url"], "BASE_TYPE_REQUIRED", "This field is required")
    elif button.get("style") not in {1, 2, 3, 4}:
        form.add([*path, "style"], "BASE_TYPE_CHOICES", "Value must be one of (1, 2, 3, 4, 5, 6).")
    elif not button.get("custom_id"):
        form.add([*path, "custom_id"], "BASE_TYPE_REQUIRED", "This field is required")


def _check_custom_ids(form: Form, components: list[Json]) -> None:
    seen: set[str] = set()
    for path, component in _walk_with_path(components, ["components"]):
        custom_id = component.get("custom_id")
        if custom_id is None:
            continue
        if not 1 <= len(custom_id) <= 100:
            form.add([*path, "custom_id"], "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
        if custom_id in seen:
            form.add(
                [*path, "custom_id"],
                "COMPONENT_CUSTOM_ID_DUPLICATED",
                "Component custom id cannot be duplicated",
            )
        seen.add(custom_id)


def _walk_with_path(components: list[Any], path: Path) -> Iterator[tuple[Path, Json]]:
    for index, component in enumerate(components):
        if not isinstance(component, dict):
            continue
        here = [*path, index]
        yield here, component
        yield from _walk_with_path(component.get("components") or [], [*here, "components"])
        if isinstance(component.get("accessory"), dict):
            yield [*here, "accessory"], component["accessory"]


def _media(components: list[Json], path: Path) -> Iterator[tuple[Path, Json]]:
    for here, component in _walk_with_path(components, path):
        if component.get("type") == GALLERY:
            for index, item in enumerate(component.get("items") or []):
                yield [*here, "items", index, "media", "url"], item.get("media") or {}
        elif component.get("type") == THUMBNAIL:
            yield [*here, "media", "url"], component.get("media") or {}
        elif component.get("type") == FILE:
            yield [*here, "file", "url"], component.get("file") or {}


def _check_url(form: Form, path: Path, url: Any, files: set[str], unfetchable: set[str]) -> None:
    text = url if isinstance(url, str) else ""
    scheme, _, rest = text.partition("://")
    if scheme == "attachment":
        if rest not in files:
            code = "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND"
            form.add(path, code, f'The referenced attachment "{text}" was not found')
    elif "file" in path:
        form.add(path, "UNFURLED_MEDIA_ITEM_ATTACHMENT_REQUIRED", "Only attachment:// is supported here.")
    elif scheme not in {"http", "https"} or not rest:
        message = (
            f"Scheme {scheme!r} is not supported. Scheme must be one of ('http', 'https', 'attachment')."
        )
        form.add(path, "URL_TYPE_INVALID_SCHEME", message)
    elif text in unfetchable or len(text) > 2048:
        form.add(path, "UNFURLED_MEDIA_ITEM_UNFETCHABLE", "The media could not be fetched.")


def settle(components: list[Json], attachments: list[Attachment]) -> list[Json]:
    """Return the components as Discord returns them: numbered, with media resolved."""
    settled = copy.deepcopy(components)
    by_name: Mapping[str, Attachment] = {a.filename: a for a in attachments}
    taken = {c["id"] for c in walk(settled) if c.get("id")}
    free = (number for number in range(1, 1000) if number not in taken)
    for component in walk(settled):
        component["id"] = component.get("id") or next(free)
        for part in component["items"] if component["type"] == GALLERY else [component]:
            part.update(DEFAULTS.get(component["type"], {}) | part)
        if component["type"] == FILE:
            file = by_name[component["file"]["url"].removeprefix("attachment://")]
            component |= {"name": file.filename, "size": len(file.data)}
    for _, media in _media(settled, []):
        name = media["url"].removeprefix("attachment://")
        media["id"] = "0"
        if media["url"] != name:
            number = str(by_name[name].id)
            media |= {"url": by_name[name].url, "attachment_id": number, "id": number}
        media |= {"proxy_url": media["url"], "width": 0, "height": 0, "content_type": "video/mp4"}
    return settled
