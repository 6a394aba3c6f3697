"""The container engine: where it is, and whether it answers."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import closing

import docker
import docker.errors
import requests
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.context import ContextAPI

from weighbridge.errors import EngineError

_TIMEOUT_SECONDS = 120
"""For a single answer of the engine; a long transfer may take longer in all."""


def connect(environment: Mapping[str, str]) -> docker.DockerClient:
    """A client of the engine that the docker command line would use: ``DOCKER_HOST``, else the current context.

    Raises EngineError where no engine answers there.
    """
    host = engine_host(environment)
    client: docker.DockerClient | None = None
    try:
        _knock(host)
        if environment.get("DOCKER_HOST"):
            client = docker.from_env(environment=dict(environment), timeout=_TIMEOUT_SECONDS, use_ssh_client=True)
        else:
            client = docker.DockerClient(base_url=host, timeout=_TIMEOUT_SECONDS, use_ssh_client=True)
        client.ping()
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        if client is not None:
            client.close()
        raise EngineError(
            f"The container engine at {host} does not answer: {_innermost(error)}. "
            "Start it, or name another one with DOCKER_HOST."
        ) from error
    return client


def _knock(host: str) -> None:
    """Raises OSError where nobody listens on a Unix socket: the SDK leaks its connection when it finds out itself."""
    if host.startswith("unix://"):
        with closing(socket.socket(socket.AF_UNIX)) as knocker:
            knocker.settimeout(_TIMEOUT_SECONDS)
            knocker.connect(host.removeprefix("unix://"))


def engine_host(environment: Mapping[str, str]) -> str:
    """The engine's address: ``DOCKER_HOST``, else that of docker's current context, else the default socket."""
    host = environment.get("DOCKER_HOST")
    if host:
        return host
    try:
        return str(ContextAPI.get_current_context().Host or DEFAULT_UNIX_SOCKET)
    except docker.errors.DockerException:
        return str(DEFAULT_UNIX_SOCKET)


def _innermost(error: BaseException) -> str:
    """The reason at the bottom of a chain of wrapped exceptions, which alone says something."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    reason = str(error)
    return getattr(error, "strerror", None) or reason or type(error).__name__
