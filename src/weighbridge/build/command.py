"""Runs build commands with a timeout, passes on their output line by line, and always ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO

from weighbridge.errors import BuildError

_KILL_AFTER_SECONDS = 10


class BoundedCommands:
    """Runs commands with a timeout each. Thread-safe.

    Each process has its own process group. The group ends on a timeout, an exception and Ctrl-C.
    """

    def __init__(self, *, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(
        self,
        command: Sequence[str],
        on_line: Callable[[str], None],
        timeout_seconds: float,
        *,
        variables: Mapping[str, str] | None = None,
    ) -> int | None:
        """Run `command` and return its exit code; ``None`` after a timeout. Raises BuildError after `stop`.

        `variables` are added to the environment of this command.
        """
        out_of_time = threading.Event()
        process = self._start(command, variables or {})

        def give_up() -> None:
            out_of_time.set()
            _end(process)

        timer = threading.Timer(timeout_seconds, give_up)
        timer.start()
        try:
            assert process.stdout is not None
            for line in _lines(process.stdout):
                on_line(line)
            code = process.wait()
        finally:
            timer.cancel()
            _end(process)
            with self._lock:
                self._running.discard(process)
            if process.stdout is not None:
                process.stdout.close()
        return None if out_of_time.is_set() else code

    def stop(self) -> None:
        """End the commands in other threads, and start no more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _end(process)

    def _start(self, command: Sequence[str], variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise BuildError("the run was stopped before this build began")
            process = subprocess.Popen(
                command,
                env={**self._environment, **variables},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running.add(process)
        return process


def _lines(stream: IO[bytes], *, limit: int = 64 * 1024) -> Iterable[str]:
    """The lines of `stream`. A line longer than `limit` bytes is split."""
    while line := stream.readline(limit):
        yield line.decode("utf-8", "replace").rstrip("\r\n")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process group: first SIGTERM, then SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        try:
            os.killpg(process.pid, number)
            process.wait(_KILL_AFTER_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
