"""Finds the build client and its command line.

The first ``docker`` on the path may lack buildx while a second one has it. buildx is also a program of its own
(``docker-buildx``) that needs no docker command. A client older than 23 uses the engine's BuildKit with
``DOCKER_BUILDKIT=1``. A newer client needs buildx for BuildKit. The classic builder is the last fallback.
"""

from __future__ import annotations

import enum
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weighbridge.domain.lines import lines_of
from weighbridge.errors import EngineError

_PROBE_TIMEOUT_SECONDS = 30
_FIRST_CLIENT_THAT_NEEDS_BUILDX = 23
_NO_ENGINE = "unix:///nonexistent/weighbridge.sock"


class BuildKind(enum.StrEnum):
    """The kind of a build client."""

    BUILDX = "docker buildx build"
    BUILDKIT = "docker build with DOCKER_BUILDKIT=1"
    CLASSIC = "docker build without BuildKit"


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildClient:
    """A program that can build. `program` is its path.

    `is_standalone` means that the program is buildx itself and not a docker command with buildx as its plugin;
    `is_podman` that podman's own builder answers the build call.
    """

    program: str
    kind: BuildKind
    is_standalone: bool = False
    is_podman: bool = False

    @property
    def has_buildkit(self) -> bool:
        """True if the client supports the Dockerfile features of BuildKit."""
        return self.kind is not BuildKind.CLASSIC

    def buildx(self, *arguments: str) -> tuple[str, ...]:
        """The argument list of a buildx command. Only for `BuildKind.BUILDX`."""
        return (self.program, *(() if self.is_standalone else ("buildx",)), *arguments)

    def command(self) -> list[str]:
        """The beginning of a build's argument list."""
        return [*self.buildx("build")] if self.kind is BuildKind.BUILDX else [self.program, "build"]

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """`environment` with the variables that this client needs."""
        return {
            **environment,
            "DOCKER_BUILDKIT": "0" if self.kind is BuildKind.CLASSIC else "1",
            "BUILDKIT_COLORS": "",
            "NO_COLOR": "1",
        }


def find_build_client(environment: Mapping[str, str]) -> BuildClient:
    """Returns the best client: docker with buildx, buildx alone, docker with BuildKit, docker's classic builder.

    Raises EngineError if there is none.
    """
    path = environment.get("PATH", os.defpath)
    programs = list(_programs("docker", path))
    for program in programs:
        if _answers([program, "buildx", "version"], environment):
            return BuildClient(program=program, kind=BuildKind.BUILDX)
    for program in _standalone_programs(path, environment):
        if _answers([program, "version"], environment):
            return BuildClient(program=program, kind=BuildKind.BUILDX, is_standalone=True)
    for program in programs:
        major = _major_version(program, environment)
        if major is not None and major < _FIRST_CLIENT_THAT_NEEDS_BUILDX:
            return BuildClient(program=program, kind=BuildKind.BUILDKIT)
    for program in programs:
        if _major_version(program, environment) is not None:
            return BuildClient(program=program, kind=BuildKind.CLASSIC)
    raise EngineError(
        "No build client is on PATH. Install docker with its buildx plugin, or docker-buildx alone. With podman as the"
        " engine, install the docker command."
    )


PLUGIN_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
"""The system folders of docker's plugins (docker/cli, cli-plugins/manager)."""


def _standalone_programs(path: str, environment: Mapping[str, str]) -> Iterator[str]:
    """The possible paths of buildx without a docker command: on PATH, or in docker's plugin folders."""
    home = environment.get("DOCKER_CONFIG") or str(Path(environment.get("HOME", "/")) / ".docker")
    yield from _programs("docker-buildx", path)
    yield from _programs("buildx", path)
    yield from _programs("docker-buildx", os.pathsep.join([str(Path(home) / "cli-plugins"), *PLUGIN_FOLDERS]))


def _programs(name: str, path: str) -> Iterator[str]:
    """The executable files `name` in the folders of `path`, without duplicates."""
    seen: set[Path] = set()
    for folder in path.split(os.pathsep):
        program = Path(folder) / name
        if folder and program.is_file() and os.access(program, os.X_OK) and program.resolve() not in seen:
            seen.add(program.resolve())
            yield str(program)


def _answers(command: list[str], environment: Mapping[str, str]) -> bool:
    return ask(command, _without_engine(environment)).output is not None


def _without_engine(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` for questions about the client alone: some clients wait for their engine to answer those too."""
    return {**environment, "DOCKER_HOST": _NO_ENGINE}


def _major_version(program: str, environment: Mapping[str, str]) -> int | None:
    output = ask([program, "--version"], _without_engine(environment)).output
    found = re.search(r"version (\d+)\.", output or "")
    return int(found.group(1)) if found else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The output of a short command. `output` is ``None`` if it failed; `error` then has the cause in one line.

    `is_late`: it did not end in time.
    """

    output: str | None
    error: str = ""
    is_late: bool = False


def ask(
    command: Sequence[str], environment: Mapping[str, str], *, timeout_seconds: float = _PROBE_TIMEOUT_SECONDS
) -> Answer:
    """Run a short command. A missing program, a failure or a timeout is an `Answer` with an error."""
    try:
        done = subprocess.run(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(output=None, error=f"no answer within {timeout_seconds:g} seconds", is_late=True)
    except OSError as error:
        return Answer(output=None, error=error.strerror or str(error))
    if done.returncode != 0:
        lines = lines_of(done.stderr.strip())
        return Answer(output=None, error=lines[-1].removeprefix("ERROR: ") if lines else f"exit code {done.returncode}")
    return Answer(output=done.stdout)
