"""Runs build commands with a timeout, passes on their output line by line, and always ends them."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from weighbridge.errors import BuildError

_TERMINATE_SECONDS = 4.0
"""Time for a build to end by itself; then it is killed. Cleaning up takes no longer than ten seconds in all."""
_KILL_SECONDS = 2.0
_LOOK_SECONDS = 0.5
_SILENCE_AFTER_END_SECONDS = 2.0
"""Timeout for the output of an ended command: an escaped child may hold its pipe for ever."""
_LINE_BYTES = 64 * 1024
_GUARDED = """
exec 3<&0
(trap "" TERM; read line <&3; kill -s TERM -- -$$; sleep 4; kill -s KILL -- -$$) >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"""
"""Runs a command with a guard in its process group. The pipe on standard input closes when the run ends or is
killed; the guard then ends the remaining processes of the group."""


class BoundedCommands:
    """Runs commands with a timeout each. Thread-safe.

    Each process has its own process group. The group ends on a timeout, an exception and Ctrl-C, and if this process is
    killed.
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
        is_lost: Callable[[], bool] = lambda: False,
        folder: Path | None = None,
    ) -> int | None:
        """Run `command` and return its exit code; ``None`` after a timeout. Raises BuildError after `stop`.

        `variables` are added to the environment of this command. `is_lost` ends it too: see `EngineWatch`.
        It runs in `folder`.
        """
        process, lifeline = self._start(command, variables or {}, folder)
        ends_at = time.monotonic() + timeout_seconds
        is_over = False

        def gives_up() -> bool:
            nonlocal is_over
            is_over = is_over or time.monotonic() > ends_at
            return is_over or is_lost()

        try:
            assert process.stdout is not None
            for line in _lines(process, process.stdout, gives_up):
                on_line(line)
            _wait(process, gives_up)
        finally:
            _end([process])
            os.close(lifeline)
            with self._lock:
                self._running.discard(process)
            if process.stdout is not None:
                process.stdout.close()
        code = process.poll()  # ``None`` for a process that the kernel cannot end yet
        return None if is_over else -signal.SIGKILL if code is None else code

    def stop(self) -> None:
        """End the commands in other threads, and start no more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        _end(running)

    def _start(
        self, command: Sequence[str], variables: Mapping[str, str], folder: Path | None
    ) -> tuple[subprocess.Popen[bytes], int]:
        """The running command, and the end of a pipe that is open as long as the command may run."""
        with self._lock:
            if self._stopped:
                raise BuildError("the run was stopped before this build began")
            guarded, lifeline = os.pipe()
            try:
                process = subprocess.Popen(
                    ["/bin/sh", "-c", _GUARDED, "sh", *command],
                    env={**self._environment, **variables},
                    cwd=folder,
                    stdin=guarded,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except BaseException:
                os.close(lifeline)
                raise
            finally:
                os.close(guarded)
            self._running.add(process)
        return process, lifeline


def _lines(process: subprocess.Popen[bytes], stream: IO[bytes], gives_up: Callable[[], bool]) -> Iterator[str]:
    """The lines of a command's output until it ends or `gives_up`. An overlong line is split."""
    ready = select.poll()
    ready.register(stream, select.POLLIN | select.POLLHUP)
    held = b""
    last_output = time.monotonic()
    while not gives_up():
        if not ready.poll(_LOOK_SECONDS * 1_000):
            if process.poll() is not None and time.monotonic() - last_output > _SILENCE_AFTER_END_SECONDS:
                break
            continue
        chunk = os.read(stream.fileno(), _LINE_BYTES)
        if not chunk:
            break
        last_output = time.monotonic()
        *whole, held = (held + chunk).split(b"\n")
        for line in whole:
            yield _text(line)
        if len(held) >= _LINE_BYTES:
            yield _text(held)
            held = b""
    if held:
        yield _text(held)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r\n")


def _wait(process: subprocess.Popen[bytes], gives_up: Callable[[], bool]) -> None:
    """Wait until the process ends or `gives_up`. It may close its output long before."""
    while not gives_up():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_SECONDS)
            return


def _end(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """End process groups together: first SIGTERM, then SIGKILL."""
    left = list(processes)
    for number, seconds in ((signal.SIGTERM, _TERMINATE_SECONDS), (signal.SIGKILL, _KILL_SECONDS)):
        left = [process for process in left if process.poll() is None]
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        ends_at = time.monotonic() + seconds
        for process in left:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, ends_at - time.monotonic()))
