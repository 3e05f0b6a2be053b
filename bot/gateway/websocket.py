"""A websocket of Discord's gateway: discord.py's, with each frame made safe before discord.py sees it."""

import logging
from collections.abc import Coroutine
from typing import Any

from discord.gateway import DiscordWebSocket, ReconnectWebSocket

from bot.gateway.frames import HELLO, Known, Unreadable, read

log = logging.getLogger(__name__)


class Socket(DiscordWebSocket):
    """A websocket that skips what it cannot read, and is closed whenever it fails."""

    established = False
    """Whether READY or RESUMED has come."""

    async def received_message(self, msg: Any, /) -> None:
        if isinstance(msg, bytes):
            try:
                msg = self._decompressor.decompress(msg)
            except Exception as error:
                # The whole connection is one compressed stream: nothing after this could be read.
                log.warning(
                    "the gateway's stream is damaged, connecting again",
                    extra={"shard": self.shard_id, "reason": type(error).__name__},
                )
                raise ReconnectWebSocket(self.shard_id) from None
            if msg is None:
                return
        try:
            frame = read(msg, self._known)
        except Unreadable as error:
            log.warning(
                "a frame of the gateway could not be read, skipped",
                extra={"shard": self.shard_id, "reason": str(error)},
            )
            return
        if frame.lost:
            log.warning(
                "READY names servers that cannot be understood, serving the others",
                extra={"shard": self.shard_id, "servers": frame.lost},
            )
        if frame.op == HELLO and self._keep_alive is not None:
            return  # discord.py would start a second thread of heartbeats beside the first
        await super().received_message(frame.text)
        self.established = self.established or frame.event in {"READY", "RESUMED"}

    @property
    def _known(self) -> Known:
        user = self._connection.user
        told = user and {
            "id": str(user.id),
            "username": user.name,
            "discriminator": user.discriminator,
            "avatar": None,
            "bot": True,
        }
        return Known((self.shard_id or 0, self.shard_count or 1), told or None)

    async def poll_event(self) -> None:
        await self._or_close(super().poll_event())

    async def identify(self) -> None:
        await self._or_close(super().identify())

    async def resume(self) -> None:
        await self._or_close(super().resume())

    async def _or_close(self, step: Coroutine[Any, Any, None]) -> None:
        try:
            await step
        except Exception:
            if self.open:
                await self.close()
            raise
