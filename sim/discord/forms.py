"""The rules for the body of a message request: sizes, lengths, flags, and fields that exclude each other."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import components, mentions
from .errors import Form, bad_form, refusal
from .ids import Json
from .message import IS_COMPONENTS_V2, Attachment, Message

# "Create Message" and "Embed Limits" in Discord's documentation.
MAX_CONTENT, MAX_FILES, MAX_NONCE, MAX_EMBEDS, MAX_EMBED_TEXT = 2000, 10, 25, 10, 6000


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a multipart request; `index` is the n of `files[n]`."""

    index: int
    filename: str
    data: bytes


def check_shape(body: Json, uploads: Sequence[Upload], upload_limit: int) -> None:
    """Reject what is invalid in any message: types, lengths, nonce, mentions, file sizes."""
    form = Form()
    content = body.get("content")
    if content is not None and not isinstance(content, str):
        form.add(["content"], "BASE_TYPE_BAD_STRING", "Only strings may be used in a StringType")
    else:
        form.longest(["content"], content, MAX_CONTENT)
    nonce = body.get("nonce")
    if isinstance(nonce, str):
        form.longest(["nonce"], nonce, MAX_NONCE)
    for name in ("embeds", "components", "attachments"):
        if body.get(name) is not None and not isinstance(body[name], list):
            form.add([name], "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    form.refuse_if_bad()
    mentions.check(form, body.get("allowed_mentions"))
    _check_embeds(form, body.get("embeds") or [])
    form.refuse_if_bad()
    if any(len(upload.data) > upload_limit for upload in uploads):  # per file since 2025-04
        raise refusal(40005)


def _check_embeds(form: Form, embeds: Sequence[Json]) -> None:
    form.longest(["embeds"], embeds, MAX_EMBEDS)
    total = 0
    for index, embed in enumerate(embeds):
        path: list[str | int] = ["embeds", index]
        fields = embed.get("fields") or []
        texts: list[tuple[list[Any], Any, int]] = [
            ([*path, "title"], embed.get("title"), 256),
            ([*path, "description"], embed.get("description"), 4096),
            ([*path, "footer", "text"], (embed.get("footer") or {}).get("text"), 2048),
            ([*path, "author", "name"], (embed.get("author") or {}).get("name"), 256),
        ]
        for number, field in enumerate(fields):
            texts.append(([*path, "fields", number, "name"], field.get("name"), 256))
            texts.append(([*path, "fields", number, "value"], field.get("value"), 1024))
        form.longest([*path, "fields"], fields, 25)
        for where, text, limit in texts:
            form.longest(where, text, limit)
            total += len(text or "")
    if total > MAX_EMBED_TEXT:
        message = f"Embed size exceeds maximum size of {MAX_EMBED_TEXT}"
        form.add(["embeds"], "MAX_EMBED_SIZE_EXCEEDED", message)


def merge_files(message: Message, body: Json, uploads: Sequence[Upload]) -> list[Attachment]:
    """Return the message's attachments after this request: those it keeps, then the new ones.

    An edit without an `attachments` list keeps all.
    """
    world = message.world
    listed = {str(item.get("id")): item for item in body.get("attachments") or []}
    if body.get("attachments") is None:
        kept = list(message.attachments)
    else:
        kept = [a for a in message.attachments if str(a.id) in listed]
    for upload in uploads:
        file_id = world.ids()
        details = listed.get(str(upload.index), {})
        filename = _cleansed(details.get("filename") or upload.filename)
        url = f"{world.cdn_url}/{message.channel.id}/{file_id}/{filename}"
        described, title = details.get("description"), details.get("title")
        kept.append(Attachment(file_id, filename, upload.data, url, described, title))
    if len(kept) > MAX_FILES:
        raise bad_form(["attachments"], "BASE_TYPE_MAX_LENGTH", f"Must be {MAX_FILES} or fewer items.")
    return kept


def _cleansed(filename: str) -> str:
    """Return what Discord makes of a file's name: werkzeug's `secure_filename` (discord-api-docs#7754).

    Only ASCII is left (discord.js#11302), with `_` for spaces (discord-api-docs#2102); if that is nothing, a
    hash (discord-api-docs#6945, PaSympa/discord-mcp#117). That Discord keeps the original as the attachment's
    title is reported of people's uploads (the same), not of bots'; here a bot has to send it.
    """
    stem, dot, ending = filename.rpartition(".")
    spaced = "_".join(unicodedata.normalize("NFKD", stem or ending).replace("/", " ").split())
    kept = re.sub(r"[^A-Za-z0-9_.-]", "", spaced).strip("._")
    name = kept or hashlib.sha256(filename.encode()).hexdigest()[:16]
    return f"{name}{dot}{ending}" if stem else name


def check_whole(
    message: Message, flags: int, content: str, embeds: list[Json], parts: list[Json] | None
) -> None:
    """Reject a message that would be invalid as a whole (its attachments are already set).

    `parts` are the request's components; None keeps those of the message, which were checked when they were
    sent.
    """
    form = Form()
    v2 = bool(flags & IS_COMPONENTS_V2)
    if message.is_v2 and not v2:
        form.add(["flags"], "MESSAGE_FLAGS_INVALID", "The flag IS_COMPONENTS_V2 cannot be removed")
    for name, used in (("content", content), ("embeds", embeds)):
        if v2 and used:
            code = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"
            form.add([name], code, f"The '{name}' field cannot be used with MessageFlags.IS_COMPONENTS_V2")
    files = {attachment.filename for attachment in message.attachments}
    if parts is not None:
        components.check(form, parts, files, v2=v2, unfetchable=message.world.unfetchable)
    form.refuse_if_bad()
    whole = message.components if parts is None else parts
    if not (content.strip() or embeds or whole or (message.attachments and not v2)):
        raise refusal(50006)
