"""REST routes for interactions: the initial response, and everything through the interaction's token."""

from typing import Any

from . import posting
from .errors import Form, bad_form, refusal
from .ids import Json
from .invocation import AUTOCOMPLETE, COMPONENT, Invocation
from .message import EPHEMERAL, MENU_ANSWER, REPLY, SLASH_ANSWER, Message
from .routing import Answer, Call, Router
from .users import User

router = Router()
PONG, MESSAGE, THINK, DEFER_UPDATE, UPDATE, CHOICES, MODAL = 1, 4, 5, 6, 7, 8, 9
HOOK = "/webhooks/{webhook_id}/{webhook_token}"
ORIGINAL = HOOK + "/messages/@original"
FOLLOWUP = HOOK + "/messages/{message_id}"


@router.add(
    "POST", "/interactions/{interaction_id}/{interaction_token}/callback", limit="callbacks", by_token=True
)
def callback(call: Call) -> Answer:
    """Accept the initial response: in time (else 10062) and only once (else 40060)."""
    invocation = call.world.invocation(call.params["interaction_token"])
    if invocation is None or invocation.id != call.id("interaction_id"):
        raise refusal(10062)
    if invocation.acked_at is not None or invocation.overdue:
        problem = refusal(10062 if invocation.acked_at is None else 40060)
        invocation.refused_acks.append(problem.code)
        raise problem
    kind: Any = call.form.get("type")
    data: Json = call.form.get("data") or {}
    _check_kind(invocation, kind)
    _apply(call, invocation, kind, data)
    invocation.acked_at, invocation.ack_type = call.world.clock(), kind
    if call.query.get("with_response", "").lower() not in {"1", "true"}:
        return Answer(204)
    return Answer(200, _receipt(invocation, kind))


def _check_kind(invocation: Invocation, kind: Any) -> None:
    allowed = {CHOICES} if invocation.kind == AUTOCOMPLETE else {MESSAGE, THINK, MODAL}
    if invocation.kind == COMPONENT:
        allowed |= {DEFER_UPDATE, UPDATE}
    if kind not in allowed:
        text = f"Value must be one of {sorted(allowed)}."
        raise bad_form(["type"], "INTERACTION_APPLICATION_COMMAND_INVALID_CALLBACK_TYPE", text)


def _apply(call: Call, invocation: Invocation, kind: int, data: Json) -> None:
    to = invocation.user if int(data.get("flags") or 0) & EPHEMERAL else None
    if kind == MESSAGE:
        invocation.response = _stamp(invocation, _answer(call, invocation, data, to))
    elif kind == THINK:
        thinking = posting.think(invocation.channel, to=to, interaction=invocation.metadata())
        invocation.response = _stamp(invocation, thinking)
    elif kind == CHOICES:
        invocation.choices = _checked_choices(data.get("choices") or [])
    elif kind == MODAL:
        invocation.modal = data
    else:
        invocation.response = invocation.source
        if kind == UPDATE and invocation.source is not None:
            if invocation.source.deleted:
                raise refusal(10008)
            limit = invocation.upload_limit
            posting.edit(invocation.source, data, call.uploads, via="callback", limit=limit)


def _checked_choices(choices: list[Json]) -> list[Json]:
    form = Form()
    form.longest(["data", "choices"], choices, 25)
    for index, choice in enumerate(choices):
        for key in ("name", "value"):
            text = str(choice.get(key) or "")
            if not 1 <= len(text) <= 100:
                where: list[str | int] = ["data", "choices", index, key]
                form.add(where, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    form.refuse_if_bad()
    return choices


def _answer(call: Call, invocation: Invocation, body: Json, to: User | None) -> Message:
    metadata = invocation.metadata()
    return posting.answer(
        invocation.channel, body, call.uploads, limit=invocation.upload_limit, to=to, interaction=metadata
    )


def _stamp(invocation: Invocation, message: Message, reference: Message | None = None) -> Message:
    """Set a response's type: for a button a reply to its message, else by the kind of command."""
    message.reference = reference or invocation.source
    if message.reference is not None:
        message.type = REPLY
    else:
        message.type = MENU_ANSWER if invocation.data.get("target_id") else SLASH_ANSWER
    return message


def _receipt(invocation: Invocation, kind: int) -> Json:
    interaction: Json = {"id": str(invocation.id), "type": invocation.kind}
    message = invocation.response
    if message is None:
        return {"interaction": interaction}
    interaction |= {
        "response_message_id": str(message.id),
        "response_message_loading": message.loading,
        "response_message_ephemeral": message.ephemeral,
        "channel_id": str(invocation.channel.id),
    }
    if kind not in {MESSAGE, THINK, UPDATE}:
        return {"interaction": interaction}
    resource = {"type": kind, "message": message.payload()}
    return {"interaction": interaction, "resource": resource}


def _hook(call: Call) -> Invocation:
    """Find a token's interaction; 10015 if unknown or not responded to yet, 50027 if expired."""
    invocation = call.world.invocation(call.params["webhook_token"])
    if invocation is None or call.id("webhook_id") != call.world.application_id:
        raise refusal(10015)
    if invocation.expired:  # 401: the documentation's code for an invalid webhook token
        raise refusal(50027)
    if invocation.acked_at is None:
        raise refusal(10015)
    if invocation.channel.deleted:
        raise refusal(10003)
    return invocation


def _found(call: Call) -> tuple[Invocation, Message]:
    invocation = _hook(call)
    if "message_id" in call.params:
        wanted = call.id("message_id")
        known = [m for m in [invocation.response, *invocation.followups] if m]
        message = next((m for m in known if m.id == wanted), None)
    else:
        message = invocation.response
    if message is None or message.deleted:
        raise refusal(10008)
    return invocation, message


@router.add("POST", HOOK, limit="webhooks", by_token=True)
def follow_up(call: Call) -> Answer:
    """Post a follow-up; the first one after "thinking" replaces it."""
    invocation, first = _hook(call), None
    if invocation.response is not None and invocation.response.loading and not invocation.response.deleted:
        first = invocation.response
        posting.take_over(first, call.form, call.uploads, limit=invocation.upload_limit)
    else:
        private = int(call.form.get("flags") or 0) & EPHEMERAL
        message = _answer(call, invocation, call.form, invocation.user if private else None)
        invocation.followups.append(_stamp(invocation, message, invocation.response))
    if call.query.get("wait", "").lower() not in {"1", "true"}:
        return Answer(204)
    return Answer(200, (first or invocation.followups[-1]).payload())


@router.add("GET", ORIGINAL, limit="webhooks", by_token=True)
@router.add("GET", FOLLOWUP, limit="webhooks", by_token=True)
def read(call: Call) -> Answer:
    return Answer(200, _found(call)[1].payload())


@router.add("PATCH", ORIGINAL, limit="webhooks", by_token=True)
@router.add("PATCH", FOLLOWUP, limit="webhooks", by_token=True)
def change(call: Call) -> Answer:
    invocation, message = _found(call)
    posting.edit(message, call.form, call.uploads, via="webhook", limit=invocation.upload_limit)
    return Answer(200, message.payload())


@router.add("DELETE", ORIGINAL, limit="webhooks", by_token=True)
@router.add("DELETE", FOLLOWUP, limit="webhooks", by_token=True)
def remove(call: Call) -> Answer:
    _found(call)[1].delete()
    return Answer(204)
