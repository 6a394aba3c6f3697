"""Starts an image of the engine in a restricted container.

No network, read-only root, no capabilities, no new privileges; limited memory, processes, time and output. Declared
volumes have the image's content, are read-only, and are removed with the container.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import docker
import docker.errors
import requests
from docker.types import LogConfig, Mount

from weighbridge.domain.lines import lines_of
from weighbridge.domain.start.trial import Trial, TrialOutcome
from weighbridge.engine.connection import cleaning_up
from weighbridge.engine.leftovers import RUN_LABEL, new_mark, this_place
from weighbridge.errors import EngineError
from weighbridge.network_errors import network_words
from weighbridge.progress.text import without_controls
from weighbridge.sources.platforms import runs_natively

OUTPUT_LINES = 20
OUTPUT_LINE_CHARACTERS = 400
_MESSAGE_CHARACTERS = 1000
_POLL_SECONDS = (0.05, 0.5)
_MAXIMUM_VOLUMES = 32
_LOG_FILE_BYTES = 256 * 1024
_NAME_PREFIX = "weighbridge-trial"
# Messages of runc and the engine that the restrictions of the trial cause.
_RESTRICTION = re.compile(r"read-only file system|operation not permitted", re.IGNORECASE)
_WRAPPING = re.compile(
    r"(?:failed to create (?:shim task|shim|task for container): )?"
    r"(?:OCI runtime create failed: )?(?:runc create failed: )?"
    r"(?:container_linux\.go:\d+: starting container process caused: )?"
    r"(?:unable to start container process: )?(?:error during container init: )?"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialBounds:
    """The limits of one trial. `time_limit_seconds` counts from the start of the program."""

    time_limit_seconds: float = 10.0
    memory_bytes: int = 256 * 1024 * 1024
    processes: int = 128


_DEFAULT_BOUNDS = TrialBounds()


def try_start(engine: docker.DockerClient, image: str, *, bounds: TrialBounds = _DEFAULT_BOUNDS) -> Trial:
    """Start a container of `image`, a name in the engine, and return the outcome. Always removes the container.

    Raises EngineError if the engine fails. If the engine refuses to start the image, the result is a `Trial`.
    """
    try:
        attributes = engine.images.get(image).attrs
        foreign = _foreign(engine, attributes)
        if foreign is not None:
            return Trial(outcome=TrialOutcome.NOT_TRIED, message=foreign)
        with _container_name(engine) as name:
            return _try(engine, name, image, attributes, bounds)
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise EngineError(f"{image} could not be started for a trial: {network_words(error)}") from error


@contextmanager
def _container_name(engine: docker.DockerClient) -> Iterator[str]:
    """A name for one container. Removes the container at the end, also on Ctrl-C."""
    name = f"{_NAME_PREFIX}-{secrets.token_hex(8)}"
    try:
        yield name
    finally:
        with suppress(docker.errors.NotFound), cleaning_up(engine):
            engine.api.remove_container(name, v=True, force=True)


def _foreign(engine: docker.DockerClient, attributes: dict[str, Any]) -> str | None:
    """The reason that an image of another platform is not started; ``None`` for the engine's platform."""
    version = engine.version()
    here = version.get("Os", ""), version.get("Arch", "")
    wanted = attributes.get("Os", ""), attributes.get("Architecture", "")
    if runs_natively(here, wanted):
        return None
    return f"the image is for {'/'.join(wanted)}, the engine runs on {'/'.join(here)}"


def _try(engine: docker.DockerClient, name: str, image: str, attributes: dict[str, Any], bounds: TrialBounds) -> Trial:
    try:
        labels = {"dev.weighbridge.trial": "1", RUN_LABEL: new_mark(this_place(engine))}
        engine.containers.create(image, name=name, labels=labels, **_options(attributes, bounds))
        engine.api.start(name)
    except docker.errors.APIError as error:
        return _refused(error)
    state = _wait(engine, name, bounds.time_limit_seconds)
    output = _output(engine, name)
    if state.get("Running"):
        message = f"started and still running after {bounds.time_limit_seconds:g} s"
        return Trial(outcome=TrialOutcome.RUNNING, message=message, output=output)
    exit_code = int(state.get("ExitCode", -1))
    message = f"ended with exit code {exit_code}"
    out_of_memory = bool(state.get("OOMKilled"))
    if out_of_memory:
        message += f": it exceeded the limit of {bounds.memory_bytes // 2**20} MiB of memory"
    restricted = out_of_memory or any(_RESTRICTION.search(line) for line in output)
    return Trial(outcome=TrialOutcome.ENDED, message=message, exit_code=exit_code, output=output, restricted=restricted)


def _options(attributes: dict[str, Any], bounds: TrialBounds) -> dict[str, Any]:
    volumes = list((attributes.get("Config") or {}).get("Volumes") or {})[:_MAXIMUM_VOLUMES]
    return {
        "network_mode": "none",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": bounds.memory_bytes,
        "memswap_limit": bounds.memory_bytes,
        "pids_limit": bounds.processes,
        "nano_cpus": 1_000_000_000,
        "restart_policy": {"Name": "no"},
        "healthcheck": {"test": ["NONE"]},
        # An anonymous volume copies the image's content. It is read-only, so nothing else gets into it.
        "mounts": [Mount(target=path, source=None, type="volume", read_only=True) for path in volumes],
        "log_config": LogConfig(type="json-file", config={"max-size": str(_LOG_FILE_BYTES), "max-file": "1"}),
    }


def _refused(error: docker.errors.APIError) -> Trial:
    """The outcome if the engine or its runtime refused to start the program. Strips the prefixes of the message."""
    said = _clean(str(error.explanation or error), maximum=_MESSAGE_CHARACTERS).removesuffix(": unknown")
    said = _WRAPPING.sub("", said, count=1)
    return Trial(
        outcome=TrialOutcome.REFUSED,
        message=f"the engine refused to start it: {said}",
        restricted=_RESTRICTION.search(said) is not None,
    )


def _wait(engine: docker.DockerClient, name: str, time_limit_seconds: float) -> dict[str, Any]:
    """The container's state at its end or at the time limit."""
    deadline = time.monotonic() + time_limit_seconds
    pause, longest = _POLL_SECONDS
    while True:
        state: dict[str, Any] = engine.api.inspect_container(name)["State"]
        left = deadline - time.monotonic()
        if not state.get("Running") or left <= 0:
            return state
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, longest)


def _output(engine: docker.DockerClient, name: str) -> tuple[str, ...]:
    """The last lines of output. Both the log file and the read are limited."""
    raw: bytes = engine.api.logs(name, stdout=True, stderr=True, tail=OUTPUT_LINES)
    lines = lines_of(raw[-OUTPUT_LINES * OUTPUT_LINE_CHARACTERS * 4 :].decode("utf-8", "replace"))
    return tuple(_clean(line, maximum=OUTPUT_LINE_CHARACTERS) for line in lines[-OUTPUT_LINES:] if line.strip())


def _clean(text: str, *, maximum: int) -> str:
    return " ".join(without_controls(text).split())[:maximum]
