"""REST routes for channels and their messages, with the bot's token."""

from . import posting
from .channel import Channel
from .errors import bad_form, refusal
from .message import Message
from .permissions import Permission
from .routing import Answer, Call, Router

router = Router()
MESSAGES = "/channels/{channel_id}/messages"
MESSAGE = MESSAGES + "/{message_id}"
DEFAULT_PAGE, MAX_PAGE = 50, 100


def _channel(call: Call, permission: Permission = Permission.VIEW_CHANNEL) -> Channel:
    channel = call.world.channel(call.id("channel_id"))
    channel.require(permission)
    return channel


def _message(call: Call, channel: Channel) -> Message:
    message = channel.messages.get(call.id("message_id"))
    if message is None or message.deleted or message.ephemeral:
        raise refusal(10008)
    return message


@router.add("GET", "/channels/{channel_id}")
def channel(call: Call) -> Answer:
    return Answer(200, _channel(call).payload())


@router.add("POST", "/channels/{channel_id}/typing")
def typing(call: Call) -> Answer:
    _channel(call, Permission.SEND_MESSAGES)
    return Answer(204)


@router.add("GET", MESSAGES)
def history(call: Call) -> Answer:
    """Return a page, newest first, whichever direction was requested."""
    channel = _channel(call)
    text = call.query.get("limit", str(DEFAULT_PAGE))
    if not text.isdigit() or not 1 <= (limit := int(text)) <= MAX_PAGE:
        raise bad_form(["limit"], "NUMBER_TYPE_MAX", f"int value should be between 1 and {MAX_PAGE}.")
    if not channel.bot_may(Permission.READ_MESSAGE_HISTORY):
        return Answer(200, [])  # "Get Channel Messages": no error, no messages
    visible = sorted(channel.history, key=lambda m: m.id)
    if "around" in call.query:
        pivot = call.id("around")
        older = [m for m in visible if m.id < pivot][-(limit // 2) :] if limit > 1 else []
        rest = limit - len(older)
        page = older + [m for m in visible if m.id >= pivot][: min(rest, limit // 2 + 1)]
    elif "after" in call.query:
        page = [m for m in visible if m.id > call.id("after")][:limit]
    else:
        before = call.id("before") if "before" in call.query else None
        page = [m for m in visible if before is None or m.id < before][-limit:]
    return Answer(200, [message.payload() for message in reversed(page)])


@router.add("POST", MESSAGES, limit="posts")
def post(call: Call) -> Answer:
    channel = call.world.channel(call.id("channel_id"))
    return Answer(200, posting.post(channel, call.form, call.uploads).payload(nonce=True))


@router.add("GET", MESSAGE)
def message(call: Call) -> Answer:
    channel = _channel(call)
    if not channel.bot_may(Permission.READ_MESSAGE_HISTORY):
        raise refusal(50001)
    return Answer(200, _message(call, channel).payload())


@router.add("PATCH", MESSAGE, limit="edits")
def edit(call: Call) -> Answer:
    channel = _channel(call)
    message = _message(call, channel)
    if message.author is not call.world.bot:
        raise refusal(50005)
    if channel.guild is not None and channel.guild.bot_is_timed_out:  # discord-api-docs#6847
        raise refusal(50013)
    if channel.locked and not channel.archived and not channel.bot_may(Permission.MANAGE_THREADS):
        raise refusal(160005)
    call.limiter.charge_old_edit(channel.id, call.world.clock() - message.created_at)
    limit = channel.guild.upload_limit if channel.guild else 10 * 1024 * 1024
    posting.edit(message, call.form, call.uploads, via="bot", limit=limit)
    return Answer(200, message.payload())


@router.add("DELETE", MESSAGE, limit="deletes")
def delete(call: Call) -> Answer:
    channel = _channel(call)
    message = _message(call, channel)
    if message.author is not call.world.bot:
        channel.require(Permission.MANAGE_MESSAGES)
    message.delete()
    return Answer(204)
