"""Request bodies held against Discord's own description of its API, where `DISCORD_OPENAPI` names the file.

The description knows types, required fields and most limits; it does not know the length of a message.
"""

import functools
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from sim.discord.records import Request

SNOWFLAKE = re.compile(r"\d{15,20}")
SMALLEST_ID = 10**14
WORDS = {"content": 2_000, "label": 80, "nonce": 25}
"""Keys of free texts, and how long one may be without the description having a say."""
_checked: set[str] = set()


def description() -> Path | None:
    """Return the file that Discord's description is in, None where there is none."""
    path = os.environ.get("DISCORD_OPENAPI")
    return Path(path) if path else None


@functools.cache
def _registry() -> "tuple[dict[str, Any], Registry[Any]]":
    path = description()
    assert path is not None
    document = json.loads(path.read_text(encoding="utf-8"))
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    return document, Registry().with_resource("urn:discord", resource)


@functools.cache
def _validator(template: str, method: str) -> Draft202012Validator | None:
    """Return what validates the JSON body of a request, None if the description knows none."""
    document, registry = _registry()
    operation = document["paths"].get(template, {}).get(method.lower(), {})
    if "application/json" not in operation.get("requestBody", {}).get("content", {}):
        return None
    at = template.replace("~", "~0").replace("/", "~1")
    pointer = f"/paths/{at}/{method.lower()}/requestBody/content/application~1json/schema"
    pointer = pointer.replace("{", "%7B").replace("}", "%7D")
    return Draft202012Validator({"$ref": f"urn:discord#{pointer}"}, registry=registry)


def faults(template: str, method: str, body: Any) -> list[str]:
    """Return what Discord's description finds wrong with a body."""
    validator = _validator(template, method)
    if validator is None:
        return [f"{method} {template} takes no JSON body"]
    errors = validator.iter_errors(_as_described(body))
    return [f"{method} {template}: {error.json_path}: {error.message[:300]}" for error in errors]


def _as_described(value: Any) -> Any:
    """Write ids as strings: discord.py sends numbers, which Discord takes and its description forgets."""
    if isinstance(value, dict):
        return {
            key: [item | {"id": str(item["id"])} for item in inner]
            if key == "attachments"
            else _as_described(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_as_described(item) for item in value]
    return str(value) if isinstance(value, int) and value >= SMALLEST_ID else value


def _form(value: Any, key: str = "") -> Any:
    """Return a body without what the description does not look into: short texts of people's words."""
    if isinstance(value, dict):
        return {name: _form(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_form(item) for item in value]
    return "words" if isinstance(value, str) and 0 < len(value) <= WORDS.get(key, 0) else value


def check(requests: Iterable[Request]) -> int:
    """Assert that every body is right, those that differ in ids and words alone once; return how many."""
    count = 0
    if description() is None:
        return 0
    for request in requests:
        if request.body is None or request.template is None:
            continue
        count += 1
        form = SNOWFLAKE.sub("0", f"{request.method} {request.template} {json.dumps(_form(request.body))}")
        if form not in _checked:
            if found := faults(request.template, request.method, request.body):
                raise AssertionError("\n".join([*found, json.dumps(request.body)]))
            _checked.add(form)
    return count
