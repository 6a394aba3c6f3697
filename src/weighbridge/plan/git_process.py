"""Starts git safely: no hook, no question, no variable of a surrounding hook; with limits of time and of output."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from weighbridge.domain.lines import lines_of
from weighbridge.errors import GitError

_MAXIMUM_ANSWER_BYTES = 512 * 1024 * 1024
MAXIMUM_MESSAGE_BYTES = 65_536
TIMEOUT_SECONDS = 900.0
"""Timeout of one call, and of one object of a stream of them: a checkout may run a filter (LFS) over the network."""
CHUNK_BYTES = 1_048_576
_SHOWN_CHARACTERS = 500

_REPOSITORY_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE")
"""Set inside a git hook; they would direct each call to the hook's repository and index."""

_SAFE_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.quotePath=false",
    "submodule.recurse=false",
    "advice.detachedHead=false",
)
"""Runs no hook, and writes no index except a call's own."""


def git_command(folder: Path, settings: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """The command line of a git call in `folder`; `settings` are passed with ``-c``."""
    command = ["git", "-C", str(folder), "--no-optional-locks", "--literal-pathspecs"]
    for setting in (*_SAFE_SETTINGS, *settings):
        command += ["-c", setting]
    return [*command, *arguments]


def _environment() -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name not in _REPOSITORY_VARIABLES}
    environment |= {"LC_ALL": "C", "LANGUAGE": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat"}
    return environment


def start_git(
    command: Sequence[str], *, stdin: int, stderr: int, environment: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a git command in a session of its own. Raises GitError if git cannot be started."""
    try:
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=_environment() | (environment or {}),
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise GitError("git is not installed, or not on PATH. Install git 2.31 or later.") from error
    except OSError as error:
        raise GitError(f"cannot start git: {error.strerror}") from error


def run_git(
    folder: Path, settings: Sequence[str], arguments: Sequence[str], environment: dict[str, str] | None = None
) -> tuple[int, bytes, str]:
    """Exit code, output and messages of one git call."""
    command = git_command(folder, settings, arguments)
    with (
        tempfile.TemporaryFile() as messages,
        start_git(command, stdin=subprocess.DEVNULL, stderr=messages.fileno(), environment=environment) as process,
    ):
        stdout = process.stdout
        assert stdout is not None
        try:
            answer = bytearray()
            with GitDeadline(process, f"git {arguments[0]}"):
                while chunk := stdout.read(CHUNK_BYTES):
                    answer += chunk
                    if len(answer) > _MAXIMUM_ANSWER_BYTES:
                        raise GitError(
                            f"the output of git {arguments[0]} exceeds {_MAXIMUM_ANSWER_BYTES} bytes: too many files."
                        )
                code = process.wait()
        except BaseException:
            with contextlib.suppress(OSError):
                process.kill()
            raise
        messages.seek(0)
        return code, bytes(answer), messages.read(MAXIMUM_MESSAGE_BYTES).decode("utf-8", "replace")


class GitDeadline:
    """Kills a git process after `TIMEOUT_SECONDS`. On leaving it raises GitError if it did. A context manager."""

    def __init__(self, process: subprocess.Popen[bytes], what: str) -> None:
        self._process, self._what = process, what
        self._is_over = False
        self._timer = self._started()

    def restart(self) -> None:
        """Give the process the whole time again."""
        self._timer.cancel()
        self._timer = self._started()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._is_over:
            raise GitError(f"{self._what} did not answer within {TIMEOUT_SECONDS:g} seconds.") from error

    def _started(self) -> threading.Timer:
        timer = threading.Timer(TIMEOUT_SECONDS, self._end)
        timer.daemon = True
        timer.start()
        return timer

    def _end(self) -> None:
        self._is_over = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # what git started holds its output too


def shown_message(message: str) -> str:
    """Git's message on one line, shortened."""
    lines = [line.removeprefix("fatal: ").removeprefix("error: ").strip() for line in lines_of(message)]
    return " ".join(line for line in lines if line)[:_SHOWN_CHARACTERS].rstrip(".") or "git gave no reason"
