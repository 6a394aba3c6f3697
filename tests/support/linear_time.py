"""Proves that reading takes linear time: CPU times of two sizes are compared, so a busy machine changes nothing."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

FACTOR = 8
_MAXIMUM_RATIO = 3 * FACTOR
"""Linear steps have the ratio 8 and quadratic ones 64; caches and the garbage collector cost a part of the rest."""
_TRIES = 5
_CLOCK_SECONDS = 0.002


def assert_linear(run: Callable[[int], object], *, largest: int) -> None:
    """The CPU time of ``run(largest)`` is less than 24 times that of ``run(largest // 8)``.

    The fastest of several runs counts on both sides, so one slow run does not fail the test.
    """
    small = large = float("inf")
    for _ in range(_TRIES):
        small = min(small, _cpu_seconds(run, largest // FACTOR))
        large = min(large, _cpu_seconds(run, largest))
        if large <= _MAXIMUM_RATIO * max(small, _CLOCK_SECONDS):
            return
    raise AssertionError(f"{FACTOR} times the input took {large / small:.0f} times the CPU time: {large:.2f} s")


def _cpu_seconds(run: Callable[[int], object], size: int) -> float:
    # The collector walks all objects of the process again and again: its share grows with the tests that ran before.
    gc.disable()
    try:
        begin = time.process_time()
        run(size)
        return time.process_time() - begin
    finally:
        gc.enable()
