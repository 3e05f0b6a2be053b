"""A loop on which hours pass in no time, for what is no pytest test; tests say `@pytest.mark.looptime`."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

import looptime

P = ParamSpec("P")
T = TypeVar("T")

IDLE_ROUNDS: Final = 10
"""Looks at the sockets that must find nothing before time moves on: our simulators answer from the same loop,
and looptime's own 42 take a quarter of the tests' time."""


def new_event_loop() -> looptime.LoopTimeEventLoop:
    return looptime.new_event_loop(noop_cycles=IDLE_ROUNDS)


class Inline(ThreadPoolExecutor):
    """Runs work where it is submitted: virtual time waits for no thread."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:
            done.set_exception(error)
        return done
