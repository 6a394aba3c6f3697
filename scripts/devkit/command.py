"""Running other programs: no shell, a readable error, and output that is shown while it comes."""

from __future__ import annotations

import collections
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


class DevkitError(Exception):
    """The set-up cannot go on. The text says what failed and what to do about it."""


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_seconds: float | None = None,
) -> str:
    """The stdout of the program. Raises `DevkitError` with the last lines of its stderr if it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in argv],
            env=_environment(env),
            cwd=cwd,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError as error:
        raise DevkitError(f"{argv[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise DevkitError(f"gave up after {timeout_seconds} s: {_line(argv)}") from error
    if done.returncode != 0:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise DevkitError(f"failed with {done.returncode}: {_line(argv)}\n{tail}")
    return done.stdout


def succeeds(argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, timeout_seconds: float = 60) -> bool:
    """Whether the program is there and ends with 0."""
    try:
        run(argv, env=env, timeout_seconds=timeout_seconds)
    except DevkitError:
        return False
    return True


def run_visibly(argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, prefix: str = "  │ ") -> None:
    """Run a long program and show its output, indented, on stderr as it comes."""
    tail: collections.deque[str] = collections.deque(maxlen=15)
    try:
        process = subprocess.Popen(
            [str(part) for part in argv],
            env=_environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except FileNotFoundError as error:
        raise DevkitError(f"{argv[0]} is not installed") from error
    with process:
        for line in process.stdout or ():
            tail.append(line.rstrip())
            print(f"{prefix}{line.rstrip()[:160]}", file=sys.stderr, flush=True)
    if process.returncode != 0:
        raise DevkitError(f"failed with {process.returncode}: {_line(argv)}\n" + "\n".join(tail))


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, **(extra or {})}


def _line(argv: Sequence[str | Path]) -> str:
    return shlex.join(str(part) for part in argv)
