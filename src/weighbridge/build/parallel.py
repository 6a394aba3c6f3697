"""Runs builds in parallel, at most one per processor. Ctrl-C and errors end all of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from typing import TypeVar

_T = TypeVar("_T")

_MAXIMUM_DEFAULT_JOBS = 8


def default_jobs() -> int:
    """One build per usable processor, at most 8, because each build needs disk and memory."""
    affinity = getattr(os, "sched_getaffinity", None)
    processors = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, min(processors, _MAXIMUM_DEFAULT_JOBS))


def run_all(tasks: Sequence[Callable[[], _T]], *, jobs: int, stop: Callable[[], None]) -> list[_T]:
    """Run `tasks` with at most `jobs` in parallel. Returns their results in order.

    On the first exception or Ctrl-C, drops waiting tasks, calls `stop` to end running ones, waits, and raises the
    exception.
    """
    if jobs == 1 or len(tasks) < 2:
        return [task() for task in tasks]
    failed = threading.Event()

    def unless_failed(task: Callable[[], _T]) -> _T:
        if failed.is_set():
            raise CancelledError
        try:
            return task()
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(max_workers=min(jobs, len(tasks)), thread_name_prefix="build") as pool:
        futures = [pool.submit(unless_failed, task) for task in tasks]
        try:
            for future in as_completed(futures):
                if not isinstance(future.exception(), CancelledError):  # a dropped task: another task has the cause
                    future.result()
        except BaseException:
            failed.set()
            stop()
            raise
        return [future.result() for future in futures]
