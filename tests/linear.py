"""Bounds for work on long texts that only work beyond linear time exceeds, however busy the machine is.

How exactly the time grows is measured by `make fuzz`, not by a test.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS = 10.0
"""Linear work on a megabyte takes well under one; quadratic work on a tenth of that takes minutes."""


@contextmanager
def linear() -> Iterator[None]:
    """Fail if the block took more CPU time than any linear work would."""
    began = time.thread_time()
    yield
    assert time.thread_time() - began < SECONDS
