"""Several machines in one event loop: what one of them runs can stand still while the world goes on.

Each has a context of its own, which all that it starts inherits: tasks, timers, callbacks of its sockets. By
that the loop recognizes what belongs to a machine that is paused, and keeps it for later. A paused process
(SIGSTOP, a machine that is swapping or asleep) is like that: its connections stay open, what is sent to it
waits in the system's buffers, and when it wakes all of its timers are due.
"""

import asyncio
import selectors
import socket
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar
from weakref import WeakSet

import looptime
from typing_extensions import override
from virtual_time import IDLE_ROUNDS

T = TypeVar("T")


class Machine:
    """One machine, which runs one process at a time."""

    def __init__(self) -> None:
        self._context = copy_context()
        self._context.run(_machine.set, self)
        self.tasks: WeakSet[asyncio.Task[Any]] = WeakSet()
        """What it has started."""
        self.transports: WeakSet[asyncio.Transport] = WeakSet()
        self.paused = False
        self.cut_off = False
        self._held: list[asyncio.Handle] = []
        self._sockets: list[selectors.SelectorKey] = []

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on this machine."""
        return await asyncio.get_running_loop().create_task(work, context=self._context.copy())

    def call_later(self, seconds: float, act: Callable[..., object], *args: Any) -> None:
        """Do something on this machine a little later."""
        asyncio.get_running_loop().call_later(seconds, act, *args, context=self._context.copy())

    def pause(self) -> None:
        """Let everything on it stand still."""
        loop = _loop()
        self.paused = True
        for place, handle in enumerate(loop._ready):
            if machine_of(handle) is self:
                self._held.append(handle)
                # The loop has counted what it runs in this round.
                loop._ready[place] = asyncio.Handle(_do_nothing, (), loop)

    def resume(self) -> None:
        """Let it go on; all that has become due meanwhile happens now."""
        loop = _loop()
        self.paused = False
        for key in self._sockets:
            loop._selector.register(key.fileobj, key.events, key.data)
        loop._ready.extend(self._held)
        self._sockets.clear()
        self._held.clear()

    def cut_off_network(self) -> None:
        """Break all of its connections, and let it make no new ones."""
        self.cut_off = True
        for transport in list(self.transports):
            transport.abort()

    def has_port(self, port: int) -> bool:
        """Return whether a port is that of one of its connections."""
        return _loop().ports.get(port) is self

    def keep(self, handle: asyncio.Handle) -> None:
        self._held.append(handle)

    def keep_socket(self, key: selectors.SelectorKey) -> None:
        """Leave a socket alone until it goes on: what has arrived would be reported again and again."""
        _loop()._selector.unregister(key.fileobj)
        self._sockets.append(key)


def _do_nothing() -> None:
    """Stand in the place of what is kept for later."""


_machine: ContextVar[Machine | None] = ContextVar("machine", default=None)


def machine_of(handle: asyncio.Handle) -> Machine | None:
    """Return the machine that a callback belongs to."""
    context: Context = handle._context  # type: ignore[attr-defined]
    return context.get(_machine)


def create_task(
    loop: asyncio.AbstractEventLoop, work: Any, *, context: Context | None = None, **more: Any
) -> "asyncio.Task[Any]":
    """Make a task, and note whose it is: a task factory."""
    task = asyncio.Task[Any](work, loop=loop, context=context, **more)
    machine = _machine.get() if context is None else context.get(_machine)
    if machine is not None:
        machine.tasks.add(task)
    return task


class _Ready(deque[asyncio.Handle]):
    """The callbacks that are due; those of paused machines never get here."""

    @override
    def append(self, handle: asyncio.Handle) -> None:
        machine = machine_of(handle)
        if machine is not None and machine.paused:
            machine.keep(handle)
        else:
            super().append(handle)


class Loop(looptime.LoopTimeEventLoop, asyncio.SelectorEventLoop):
    """A loop in virtual time that knows which machine does what."""

    _ready: deque[asyncio.Handle]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._ready = _Ready(self._ready)
        self.ports: dict[int, Machine] = {}
        """Which machine has had which port last."""
        self.set_task_factory(create_task)

    def _process_events(self, events: list[tuple[selectors.SelectorKey, int]]) -> None:
        super()._process_events([event for event in events if not _is_kept(event[0])])  # type: ignore[misc]

    def _make_socket_transport(self, sock: socket.socket, *arguments: Any, **more: Any) -> asyncio.Transport:
        transport: asyncio.Transport = super()._make_socket_transport(sock, *arguments, **more)  # type: ignore[misc]
        if (machine := _machine.get()) is not None:
            machine.transports.add(transport)
            self.ports[sock.getsockname()[1]] = machine
        return transport

    @override
    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        if (machine := _machine.get()) is not None and machine.cut_off:
            raise ConnectionRefusedError
        await super().sock_connect(sock, address)


def new_loop() -> Loop:
    return Loop(noop_cycles=IDLE_ROUNDS)


def _is_kept(key: selectors.SelectorKey) -> bool:
    """Keep a socket of a paused machine for later; return whether it is one."""
    for handle in key.data:
        machine = None if handle is None else machine_of(handle)
        if machine is not None and machine.paused:
            machine.keep_socket(key)
            return True
    return False


def _loop() -> Loop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Loop)
    return loop
