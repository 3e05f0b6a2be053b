"""What the bot sends is what Discord describes. Every other test on the wire checks its requests as well."""

from pathlib import Path

import openapi
import pytest
from wire.place import TASK, place, running, succeeded

pytestmark = [
    pytest.mark.looptime,
    pytest.mark.skipif(
        openapi.description() is None,
        reason="DISCORD_OPENAPI does not name Discord's description of its API",
    ),
]

MESSAGES = "/channels/{channel_id}/messages"


async def test_every_kind_of_request_is_as_discord_describes_it(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        await here.sleep(16 * 60)
        here.api.set(
            TASK, [running(20), running(30), succeeded(*(f"https://a.b/{'x' * 900}{n}" for n in range(20)))]
        )
        await here.sim.wait_for(lambda: any(m.attachments for m in here.replies(card)), 120)
        await here.type("status", TASK)
        await here.type("status", "?")
        assert openapi.check(here.sim.requests) >= 10
        kinds = {(r.method, r.template) for r in here.sim.requests if r.body is not None}
        assert {
            ("PUT", "/applications/{application_id}/commands"),
            ("POST", "/interactions/{interaction_id}/{interaction_token}/callback"),
            ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}"),
            ("PATCH", "/channels/{channel_id}/messages/{message_id}"),
            ("POST", MESSAGES),
        } <= kinds


@pytest.mark.parametrize(
    "body",
    [
        {"content": 5},
        {"embeds": [{"title": "x"}] * 11},
        {"allowed_mentions": {"parse": ["all"]}},
        {"components": [{"type": 99}]},
        {"nonce": "x" * 26},
    ],
    ids=str,
)
def test_the_description_catches_what_is_wrong(body: dict[str, object]) -> None:
    assert openapi.faults(MESSAGES, "POST", body)
