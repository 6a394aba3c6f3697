"""A Dockerfile and its context in, a tagged image in the engine out.

Each run tags what it builds with names of its own and takes the tags away at the end, so that runs side by side, the
user's tags and the build cache stay as they are.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import docker
import docker.errors
import requests

from weighbridge.build.client import BuildClient, BuildKind
from weighbridge.errors import BuildError, BuildTimeoutError, EngineError
from weighbridge.progress import Progress, without_controls

LOG_TAIL_LINES = 40
LOG_LINE_CHARACTERS = 400
_KILL_AFTER_SECONDS = 10
_TAG_PREFIX = "weighbridge.invalid/run"
"""``.invalid`` is reserved (RFC 2606): such a name can never be pulled from anywhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildRequest:
    """What to build. `dockerfile` and `context` are existing paths; `title` is for people.

    `contexts` are additional build contexts by name, as ``--build-context`` takes them. `secret_files` are BuildKit's
    secrets by their ID, for ``RUN --mount=type=secret``. `no_cache` runs every instruction anew; the builder's cache
    then holds what came out of that. `timeout_seconds` bounds this build more narrowly than the builder's own bound.
    """

    title: str
    dockerfile: Path
    context: Path
    target: str | None = None
    platform: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, str] = field(default_factory=dict)
    secret_files: Mapping[str, Path] = field(default_factory=dict)
    no_cache: bool = False
    timeout_seconds: float | None = None


class Builder:
    """Builds images with one client and forgets them on `clean_up`.

    `timeout_seconds` bounds each single build.
    """

    def __init__(
        self,
        client: BuildClient,
        engine: docker.DockerClient,
        *,
        environment: Mapping[str, str],
        progress: Progress,
        timeout_seconds: float,
        builder_name: str | None = None,
    ) -> None:
        self.client = client
        self._engine = engine
        self._environment = client.environment(environment)
        self._progress = progress
        self._timeout_seconds = timeout_seconds
        self._builder_name = builder_name
        self._run = secrets.token_hex(6)
        self._tags: list[str] = []
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def build(self, request: BuildRequest) -> str:
        """Build and return the tag of the image in the engine.

        May be called from several threads. Raises BuildError with the end of the output when the build fails or takes
        too long, or after `stop`.
        """
        with self._lock:
            tag = f"{_TAG_PREFIX}-{self._run}:{len(self._tags)}"
            self._tags.append(tag)
        tail: deque[str] = deque(maxlen=LOG_TAIL_LINES)

        def on_line(line: str) -> None:
            clean = without_controls(line)
            self._progress.build_line(request.title, clean)
            if clean.strip():
                tail.append(clean[:LOG_LINE_CHARACTERS])

        timeout_seconds = min(request.timeout_seconds or self._timeout_seconds, self._timeout_seconds)
        outcome = self._run_bounded(self._command(request, tag), on_line, timeout_seconds)
        if outcome is None:
            raise BuildTimeoutError(
                f"{request.title}: the build took longer than {timeout_seconds:g} seconds and was stopped. "
                "Give it more time with --build-timeout.",
                log_tail=tuple(tail),
            )
        if outcome != 0:
            lines = [line.strip() for line in tail]
            missing = _pull_failure(lines)
            cause = missing[1] if missing else _last_error(lines)
            raise BuildError(
                f"{request.title}: {cause}", log_tail=tuple(tail), missing_image=missing[0] if missing else None
            )
        return tag

    def stop(self) -> None:
        """End the builds that run in other threads, and begin no more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _end(process)

    def clean_up(self) -> None:
        """Take this run's tags away. What the engine still needs, or another tag names, stays."""
        for tag in self._tags:
            try:
                self._engine.images.remove(tag)
            except docker.errors.ImageNotFound:
                continue
            except (docker.errors.APIError, requests.RequestException) as error:
                self._progress.warn(f"the image {tag} could not be removed: {error}")
        self._tags.clear()

    def _run_bounded(self, command: list[str], on_line: Callable[[str], None], timeout_seconds: float) -> int | None:
        """Run `command`, hand its output on line by line, and return its exit code; ``None`` when it ran out of time.

        The process gets a group of its own and is never left behind: not on time-out, not on an exception, not on
        Ctrl-C.
        """
        out_of_time = threading.Event()
        process = self._start(command)

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

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise BuildError("the run was stopped before this build began")
            process = subprocess.Popen(
                command,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running.add(process)
        return process

    def _command(self, request: BuildRequest, tag: str) -> list[str]:
        command = [*self.client.command(), "--tag", tag, "--file", str(request.dockerfile)]
        if self.client.has_buildkit:
            command += ["--progress", "plain"]
            for name, path in request.secret_files.items():
                command += ["--secret", f"id={name},src={path}"]
        if self.client.kind is BuildKind.BUILDX:
            command += ["--load", "--provenance=false"]
            if self._builder_name:
                command += ["--builder", self._builder_name]
        if request.no_cache:
            command.append("--no-cache")
        if request.target:
            command += ["--target", request.target]
        if request.platform:
            command += ["--platform", request.platform]
        for name, value in request.build_args.items():
            command += ["--build-arg", f"{name}={value}"]
        for name, value in request.contexts.items():
            if self.client.kind is not BuildKind.BUILDX:
                raise EngineError(
                    f"{request.dockerfile.name}: the additional build context {name} needs buildx, and the docker"
                    " client here has none. Install docker-buildx."
                )
            command += ["--build-context", f"{name}={value}"]
        return [*command, "--", str(request.context)]


_METADATA = re.compile(r"#(\d+) \[internal\] load metadata for (\S+)")
_STEP_ERROR = re.compile(r"#(\d+) ERROR: (.*)")
_WANTS_CREDENTIALS = re.compile(r"pull access denied|401 Unauthorized|authorization failed|authentication required")


def _pull_failure(lines: Sequence[str]) -> tuple[str, str] | None:
    """A base image that could not be had, and why; ``None`` where that is not what happened."""
    wanted = {found[1]: found[2] for line in lines if (found := _METADATA.match(line))}
    for line in lines:
        failed = _STEP_ERROR.match(line)
        if failed and failed[1] in wanted:
            hint = " (the registry asks for credentials: docker login)" if _WANTS_CREDENTIALS.search(failed[2]) else ""
            name = wanted[failed[1]]
            return name, f"the base image {name} cannot be pulled: {failed[2]}{hint}"
    return None


def _last_error(lines: Sequence[str]) -> str:
    """What the build said last of what went wrong, without BuildKit's own wrapping."""
    for line in reversed(lines):
        for mark in ("ERROR: failed to solve: ", "failed to solve: ", "ERROR: failed to build: "):
            if line.startswith(mark):
                return (
                    line.removeprefix(mark)
                    .removeprefix("failed to solve: ")
                    .removeprefix("rpc error: code = Unknown desc = ")
                )
    return lines[-1] if lines else "the build failed and printed nothing"


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
