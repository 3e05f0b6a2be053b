"""The safeguards of the delivery, each to be taken out once: the simulation must notice that it is gone."""

import asyncio
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection

from bot.core.outcome import Summary
from bot.core.watch import Watch
from bot.engine.tracker import Tracker
from bot.outbound.history import NotFound
from bot.outbound.message_poster import MessagePoster
from bot.outbound.rest import DiscordRest
from bot.store.deliveries import Deliveries
from bot.store.leases import Leases


async def _finds_nothing(self: MessagePoster, *_: object) -> NotFound:
    """Stand for a look through the channel's history."""
    return NotFound.ABSENT


async def _intends_nothing(self: Deliveries, watch_id: int, part: int, at: float) -> None:
    """Stand for the commit of an intent."""


_post = DiscordRest.post
_send = MessagePoster._send


async def _post_with_any_nonce(self: DiscordRest, card: Any, message: Any, nonce: str, **options: Any) -> int:
    card_part, _, _ = nonce.partition("-")
    return await _post(self, card, message, f"{card_part}-{secrets.token_hex(4)}", **options)


async def _send_after_the_mark(self: MessagePoster, part: Any, videos: Any, **doubt: Any) -> int:
    await part.posting.deliveries.sent(part.posting.watch_id, part.delivery.part, 1)
    return await _send(self, part, videos, **doubt)


async def _show_before_it_is_saved(
    self: Tracker, ended: list[Watch], early: Mapping[int, Summary] = MappingProxyType({})
) -> None:
    for watch in ended:
        self.registry.put(watch)
        self.announce(self.registry.cards[watch.card_id], watch)
    self.registry.drop_ended({watch.card_id for watch in ended})
    await asyncio.sleep(1)  # a slow disk: what is shown goes out meanwhile

    await self._store.save_outcomes([(w.id, w.outcome) for w in ended if w.outcome is not None], early)


def _checks_nothing(self: Leases, shard: int) -> Callable[[Connection], None]:
    """Stand for the fence at the beginning of a writing transaction."""
    return lambda _connection: None


async def _trusts_always(self: Leases) -> bool:
    """Stand for the guard in front of a request."""
    return False


SAFEGUARDS: dict[str, tuple[type, str, Callable[..., Any]]] = {
    "history": (MessagePoster, "_find", _finds_nothing),
    "nonce": (DiscordRest, "post", _post_with_any_nonce),
    "intent": (Deliveries, "mark_sending", _intends_nothing),
    "send-then-mark": (MessagePoster, "_send", _send_after_the_mark),
    "save-then-show": (Tracker, "_save", _show_before_it_is_saved),
    "fence": (Leases, "fence", _checks_nothing),
    "guard": (Leases, "wait_until_trusted", _trusts_always),
}
"""By name: the order or the check that is replaced by its absence. The last two need several bots."""


@contextmanager
def without(safeguard: str | None) -> Iterator[None]:
    """Take a safeguard out of the bot for a while; None leaves it whole."""
    if safeguard is None:
        yield
        return
    owner, name, replacement = SAFEGUARDS[safeguard]
    with patch.object(owner, name, replacement):
        yield
