"""Creating and editing messages: every change to a channel's history happens here."""

from collections.abc import Sequence
from typing import Any

from . import components, mentions
from .channel import Channel
from .errors import bad_form, refusal
from .forms import Upload, check_shape, check_whole, merge_files
from .ids import Json
from .message import (
    EPHEMERAL,
    IS_COMPONENTS_V2,
    LOADING,
    REPLY,
    SUPPRESS_EMBEDS,
    SUPPRESS_NOTIFICATIONS,
    Edit,
    Message,
)
from .permissions import Permission
from .users import User

SETTABLE = SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | IS_COMPONENTS_V2
EDITABLE = SUPPRESS_EMBEDS | IS_COMPONENTS_V2


def post(channel: Channel, body: Json, uploads: Sequence[Upload]) -> Message:
    """Post a message with the bot's token; checks permissions, threads, nonce and reply."""
    world = channel.world
    channel.require(Permission.SEND_MESSAGES_IN_THREADS if channel.is_thread else Permission.SEND_MESSAGES)
    if channel.recipient is not None and not channel.recipient.dms_open:
        raise refusal(50007)
    limit = channel.guild.upload_limit if channel.guild else 10 * 1024 * 1024
    check_shape(body, uploads, limit)
    if uploads:
        channel.require(Permission.ATTACH_FILES)
    if channel.locked and not channel.bot_may(Permission.MANAGE_THREADS):
        raise refusal(160005)
    # "Create Message": an enforced nonce returns the earlier message for "a few minutes". If that message was
    # deleted meanwhile, there is nothing to return: 10008.
    key = (channel.id, world.bot.id, str(body.get("nonce")))
    if body.get("nonce") is not None and body.get("enforce_nonce") and (first := _recent(channel, key)):
        if first.deleted:
            raise refusal(10008)
        return first
    message = Message(world, channel, world.bot)
    message.reference = _referenced(channel, body.get("message_reference"))
    if message.reference is not None:
        message.type = REPLY
    if not channel.bot_may(Permission.EMBED_LINKS):
        body = {**body, "embeds": None}
    _write(message, body, uploads, int(body.get("flags") or 0) & SETTABLE)
    mentions.notify(message, body.get("allowed_mentions"), by_interaction=False)
    message.nonce = body.get("nonce")
    if message.nonce is not None:
        world.nonces[key] = (message, world.clock())
    if channel.archived:
        channel.set_state(archived=False)
    return message


def _recent(channel: Channel, key: tuple[int, int, str]) -> Message | None:
    message, at = channel.world.nonces.get(key, (None, 0.0))
    return message if channel.world.clock() - at <= channel.world.nonce_window else None


def _referenced(channel: Channel, reference: Any) -> Message | None:
    if not reference:
        return None
    channel.require(Permission.READ_MESSAGE_HISTORY, 160002)
    if str(reference.get("channel_id") or channel.id) != str(channel.id):
        text = "Cannot reply to a message in a different channel"
        raise bad_form(["message_reference"], "REPLIES_CANNOT_REFERENCE_OTHER_CHANNEL", text)
    number = str(reference.get("message_id"))
    if not number.isdigit():
        text = f'Value "{number}" is not snowflake.'
        raise bad_form(["message_reference", "message_id"], "NUMBER_TYPE_COERCE", text)
    found = channel.messages.get(int(number))
    if found is not None and not found.deleted and not found.ephemeral:
        return found
    if reference.get("fail_if_not_exists", True):
        raise bad_form(["message_reference"], "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
    return None


def answer(
    channel: Channel, body: Json, uploads: Sequence[Upload], *, limit: int, to: User | None, interaction: Json
) -> Message:
    """Post a response to an interaction; with `to`, only that person sees it."""
    check_shape(body, uploads, limit)
    message = Message(channel.world, channel, channel.world.bot)
    message.visible_to = to
    message.interaction = interaction
    flags = int(body.get("flags") or 0) & SETTABLE | (EPHEMERAL if to else 0)
    _write(message, body, uploads, flags)
    mentions.notify(message, body.get("allowed_mentions"), by_interaction=True)
    return message


def think(channel: Channel, *, to: User | None, interaction: Json) -> Message:
    """Show "thinking" as a placeholder for the response."""
    message = Message(channel.world, channel, channel.world.bot)
    message.visible_to = to
    message.interaction = interaction
    message.flags = LOADING | (EPHEMERAL if to else 0)
    channel.messages[message.id] = message
    return message


def take_over(message: Message, body: Json, uploads: Sequence[Upload], *, limit: int) -> None:
    """Replace "thinking" with the first follow-up; unlike an edit it can ping."""
    check_shape(body, uploads, limit)
    _write(message, body, uploads, int(body.get("flags") or 0) & SETTABLE | message.flags & EPHEMERAL)
    mentions.notify(message, body.get("allowed_mentions"), by_interaction=True)


def edit(message: Message, body: Json, uploads: Sequence[Upload], *, via: str, limit: int) -> None:
    """Edit a message; nobody is pinged (discord-api-docs#5497). An absent field stays, null clears it."""
    channel = message.channel
    if channel.archived:
        raise refusal(50083)
    check_shape(body, uploads, limit)
    was_loading = message.loading
    # A deferred response may become Components V2 with its edit; the flag can never be removed again
    # (`check_whole`), both by "Component Reference" in the documentation.
    flags = message.flags & ~LOADING
    if body.get("flags") is not None:
        settable = EDITABLE if not was_loading else SETTABLE
        flags = flags & ~settable | int(body["flags"]) & settable
    _write(message, body, uploads, flags)
    now = message.world.clock()
    message.edited_at = message.edited_at if was_loading else now
    message.edits.append(Edit(now, via, body, message.text))


def _write(message: Message, body: Json, uploads: Sequence[Upload], flags: int) -> None:
    """Check the message as it would become, and only then change it."""
    content = body["content"] or "" if "content" in body else message.content
    embeds = body["embeds"] or [] if "embeds" in body else message.embeds
    if any(word in str((content, embeds, body.get("components"))) for word in message.world.filtered):
        raise refusal(240000)
    before = message.attachments
    message.attachments = merge_files(message, body, uploads)
    parts = body["components"] or [] if "components" in body else None
    try:
        check_whole(message, flags, content, embeds, parts)
    except Exception:
        message.attachments = before
        raise
    message.content, message.embeds, message.flags = content, embeds, flags
    if parts is not None:
        message.components = components.settle(parts, message.attachments)
    message.channel.messages[message.id] = message
