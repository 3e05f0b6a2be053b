"""A loop on which hours pass in no time, for what is no pytest test; tests say `@pytest.mark.looptime`."""

from typing import Final

import looptime

IDLE_ROUNDS: Final = 10
"""Looks at the sockets that must find nothing before time moves on: our simulators answer from the same loop,
and looptime's own 42 take a quarter of the tests' time."""


def new_event_loop() -> looptime.LoopTimeEventLoop:
    return looptime.new_event_loop(noop_cycles=IDLE_ROUNDS)
