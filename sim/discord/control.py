"""The simulator's moods, what it recorded, and waiting for something to happen in it."""

from collections.abc import Callable
from typing import Any, Literal

from .channel import Channel
from .faults import Fault
from .gateway import INVALIDATED, RECONNECT, Gateway
from .ids import T
from .invocation import Invocation
from .limits import Limits
from .message import Message
from .records import Request, matching
from .rest import Rest
from .uplink import Uplink
from .world import World


class Control:
    """The part of `DiscordSim` that makes trouble and looks at what the bot did."""

    world: World
    gateway: Gateway
    rest: Rest

    # Records

    @property
    def requests(self) -> list[Request]:
        """Every REST request in order, except those refused while REST is down."""
        return self.rest.requests

    def requests_to(self, method: str | None, path: str) -> list[Request]:
        """Pick requests by method (None: any) and path with `*`s, or template."""
        return matching(self.requests, method, path)

    @property
    def unknown_routes(self) -> list[Request]:
        return [request for request in self.requests if request.template is None]

    @property
    def command_writes(self) -> int:
        return self.world.commands.writes

    @property
    def rate_limited(self) -> int:
        """How many requests the limits (not faults) answered with 429."""
        return self.rest.rate_limited

    @property
    def invalid_requests(self) -> int:
        """How many answers were 401, 403 or 429: 10,000 in ten minutes ban an address."""
        return self.rest.invalid_requests

    @property
    def limits(self) -> Limits:
        return self.rest.limiter.limits

    def messages(self, channel: Channel) -> list[Message]:
        """List what everybody sees in a channel, oldest first."""
        return channel.history

    @property
    def invocations(self) -> list[Invocation]:
        return self.world.invocations

    @property
    def uplink(self) -> Uplink:
        """The line on which uploads come."""
        return self.rest.uplink

    # Moods

    @property
    def gateway_down(self) -> bool:
        """Whether new gateway connections are refused; those that are open stay (`drop_gateway`)."""
        return self.gateway.down

    @gateway_down.setter
    def gateway_down(self, down: bool) -> None:
        self.gateway.down = down

    @property
    def rest_down(self) -> bool | Literal["drop"]:
        """Whether REST answers 503 to everything (True), or cuts every connection ("drop")."""
        return self.rest.down

    @rest_down.setter
    def rest_down(self, down: bool | Literal["drop"]) -> None:
        self.rest.down = down

    def fault(self, fault: Fault) -> Fault:
        """Add trouble; it stays until spent."""
        self.rest.faults.append(fault)
        return fault

    def clear_faults(self) -> None:
        self.rest.faults.clear()

    async def drop_gateway(self) -> None:
        """Cut every gateway connection; streams stay and may resume."""
        for connection in list(self.gateway.connections):
            connection.drop()
        await self.wait_for(lambda: not self.gateway.connections, 5)

    async def invalidate_sessions(self, *, resumable: bool = False) -> None:
        """Send op 9; unless resumable the streams are gone and the bot must identify again."""
        self._tell(INVALIDATED, resumable)
        if not resumable:
            self.gateway.streams.clear()

    def send_frame(self, frame: str | bytes) -> None:
        """Send the bot a frame as it is, on every connection."""
        for connection in self.gateway.connections:
            connection.outbox.put_nowait(frame)

    async def request_reconnect(self) -> None:
        """Send op 7: the bot is to reconnect and resume."""
        self._tell(RECONNECT, None)

    def _tell(self, op: int, data: Any) -> None:
        for connection in self.gateway.connections:
            if connection.stream is not None:
                connection.send(op, data)

    # Waiting

    async def wait_ready(self, within: float = 10.0) -> None:
        """Wait until the bot has a stream with an open connection."""
        await self.wait_for(lambda: self.gateway.ready, within)

    async def wait_for(self, predicate: Callable[[], T], within: float = 5.0) -> T:
        """Wait until the predicate is truthy, looked at after every change in the simulator.

        Returns its value; `TimeoutError` after `within` seconds of the loop's time.
        """
        return await self.world.pulse.until(predicate, within)
