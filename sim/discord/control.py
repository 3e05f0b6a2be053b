"""Causing outages and faults, reading what was recorded, and waiting for something to happen."""

from collections.abc import Callable
from typing import Any, Literal

from .channel import Channel
from .faults import Fault, Uplink
from .gateway import INVALIDATED, RECONNECT, Gateway
from .ids import T
from .invocation import Invocation
from .limits import Limits
from .message import Message
from .records import Request, matching
from .rest import Rest
from .world import World


class Control:
    """The part of `DiscordSim` that causes trouble and shows what the bot did."""

    world: World
    gateway: Gateway
    rest: Rest

    # Records

    @property
    def requests(self) -> list[Request]:
        """All REST requests in order, except those refused while REST is down."""
        return self.rest.requests

    def requests_to(self, method: str | None, path: str) -> list[Request]:
        """Select requests by method (None: any) and path with `*`s, or template."""
        return matching(self.requests, method, path)

    @property
    def unknown_routes(self) -> list[Request]:
        return [request for request in self.requests if request.template is None]

    @property
    def command_writes(self) -> int:
        return self.world.commands.writes

    @property
    def rate_limited(self) -> int:
        """Number of requests answered with 429 by the limits (not by faults)."""
        return self.rest.rate_limited

    @property
    def invalid_requests(self) -> int:
        """Number of 401, 403 and 429 answers; 10,000 in ten minutes get an address banned ("Rate Limits")."""
        return self.rest.invalid_requests

    @property
    def limits(self) -> Limits:
        return self.rest.limiter.limits

    def messages(self, channel: Channel) -> list[Message]:
        """Return the public messages of a channel, oldest first."""
        return channel.history

    @property
    def invocations(self) -> list[Invocation]:
        return self.world.invocations

    @property
    def uplink(self) -> Uplink:
        """The line for uploads."""
        return self.rest.uplink

    # Outages and faults

    @property
    def gateway_down(self) -> bool:
        """Whether new gateway connections are refused; open ones stay (see `drop_gateway`)."""
        return self.gateway.down

    @gateway_down.setter
    def gateway_down(self, down: bool) -> None:
        self.gateway.down = down

    @property
    def rest_down(self) -> bool | Literal["drop"]:
        """Whether REST answers everything with 503 (True) or cuts every connection ("drop")."""
        return self.rest.down

    @rest_down.setter
    def rest_down(self, down: bool | Literal["drop"]) -> None:
        self.rest.down = down

    def fault(self, fault: Fault) -> Fault:
        """Add a fault; it stays until it is spent."""
        self.rest.faults.append(fault)
        return fault

    def clear_faults(self) -> None:
        self.rest.faults.clear()

    async def drop_gateway(self) -> None:
        """Cut every gateway connection; the streams can still be resumed."""
        for connection in list(self.gateway.connections):
            connection.drop()
        await self.wait_for(lambda: not self.gateway.connections, 5)

    async def invalidate_sessions(self, *, resumable: bool = False) -> None:
        """Send op 9; unless `resumable`, the streams are gone and the bot must identify again."""
        self._send_to_all(INVALIDATED, resumable)
        if not resumable:
            self.gateway.streams.clear()

    def send_frame(self, frame: str | bytes) -> None:
        """Send a raw frame on every connection."""
        for connection in self.gateway.connections:
            connection.outbox.put_nowait(frame)

    async def request_reconnect(self) -> None:
        """Send op 7: ask the bot to reconnect and resume."""
        self._send_to_all(RECONNECT, None)

    def _send_to_all(self, op: int, data: Any) -> None:
        for connection in self.gateway.connections:
            if connection.stream is not None:
                connection.send(op, data)

    # Waiting

    async def wait_ready(self, within: float = 10.0) -> None:
        """Wait until the bot has a stream with an open connection."""
        await self.wait_for(lambda: self.gateway.ready, within)

    async def wait_for(self, predicate: Callable[[], T], within: float = 5.0) -> T:
        """Wait until the predicate, checked after every change in the simulator, is truthy; return its value.

        `TimeoutError` after `within` seconds of the loop's time.
        """
        return await self.world.pulse.until(predicate, within)
