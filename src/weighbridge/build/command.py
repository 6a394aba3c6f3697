"""Programs that build: run within a time, their output handed on line by line, never left behind."""

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
    """Runs commands, several at a time from several threads, each within its time.

    Each process gets a group of its own and is never left behind: not on time-out, not on an exception, not on Ctrl-C.
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
        """Run `command` and return its exit code; ``None`` when it ran out of time. Raises BuildError after `stop`.

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
        """End what runs in other threads, and begin nothing more."""
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
    """The lines of `stream`; one that is longer than `limit` bytes comes in pieces."""
    while line := stream.readline(limit):
        yield line.decode("utf-8", "replace").rstrip("\r\n")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process group to stop, then make it."""
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
