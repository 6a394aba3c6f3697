"""The container engine: where it is, and whether it answers."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import closing

import docker
import docker.errors
import requests
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.context import Context, ContextAPI
from docker.context.config import get_current_context_name
from docker.tls import TLSConfig
from docker.utils import kwargs_from_env

from weighbridge.engine.ssh import SshTunnel
from weighbridge.errors import EngineError

_DEFAULT_CONTEXT = "default"
_TIMEOUT_SECONDS = 120
"""For a single answer of the engine; a long transfer may take longer in all."""


def connect(environment: Mapping[str, str]) -> docker.DockerClient:
    """A client of the engine that the docker command line would use: ``DOCKER_HOST``, else the current context.

    Raises EngineError where no engine answers there.
    """
    host = engine_host(environment)
    client: docker.DockerClient | None = None
    try:
        if host.startswith("ssh://"):
            return _connect_over_ssh(host, environment)
        _knock(host)
        client = docker.DockerClient(base_url=host, tls=_tls(environment) or False, timeout=_TIMEOUT_SECONDS)
        client.ping()
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        if client is not None:
            client.close()
        raise EngineError(
            f"The container engine at {host} does not answer: {_innermost(error)}. "
            "Start it, or name another one with DOCKER_HOST."
        ) from error
    return client


class _TunnelledClient(docker.DockerClient):
    """A client that takes its way to the engine down when it is closed."""

    def __init__(self, tunnel: SshTunnel) -> None:
        self._tunnel = tunnel
        super().__init__(base_url=tunnel.docker_host, timeout=_TIMEOUT_SECONDS)

    def close(self) -> None:
        super().close()
        self._tunnel.close()


def _connect_over_ssh(host: str, environment: Mapping[str, str]) -> docker.DockerClient:
    tunnel = SshTunnel(host, environment)
    try:
        client = _TunnelledClient(tunnel)
        client.ping()
    except BaseException:
        tunnel.close()
        raise
    return client


class _OwnAuthority(TLSConfig):
    """TLS with the authority that docker was told of, whatever authorities this machine trusts for the web."""

    def configure_client(self, client: docker.APIClient) -> None:
        super().configure_client(client)
        # Else requests takes REQUESTS_CA_BUNDLE over what it was given (psf/requests#3829).
        client.trust_env = False


def _tls(environment: Mapping[str, str]) -> TLSConfig | None:
    """How TLS to the engine is made: by docker's variables, else by its context; ``None`` for none."""
    if environment.get("DOCKER_HOST"):
        given: TLSConfig | None = kwargs_from_env(environment=dict(environment)).get("tls")
    else:
        context = _context(current_context(environment))
        given = None if context is None else context.TLSConfig
    if given is None:
        return None
    return _OwnAuthority(client_cert=given.cert, ca_cert=given.ca_cert, verify=given.verify)


def _knock(host: str) -> None:
    """Raises OSError where nobody listens on a Unix socket: the SDK leaks its connection when it finds out itself."""
    if host.startswith("unix://"):
        with closing(socket.socket(socket.AF_UNIX)) as knocker:
            knocker.settimeout(_TIMEOUT_SECONDS)
            knocker.connect(host.removeprefix("unix://"))


def engine_host(environment: Mapping[str, str]) -> str:
    """The engine's address: ``DOCKER_HOST``, else that of docker's context, else the default socket.

    Raises EngineError where the context does not exist.
    """
    host = environment.get("DOCKER_HOST")
    if host:
        return host
    context = _context(current_context(environment))
    return str((None if context is None else context.Host) or DEFAULT_UNIX_SOCKET)


def current_context(environment: Mapping[str, str]) -> str:
    """The name of docker's context, which is ``default`` wherever ``DOCKER_HOST`` says where the engine is."""
    if environment.get("DOCKER_HOST"):
        return _DEFAULT_CONTEXT
    return environment.get("DOCKER_CONTEXT") or str(get_current_context_name() or _DEFAULT_CONTEXT)


def _context(name: str) -> Context | None:
    """The context `name`; ``None`` for docker's default. Raises EngineError where there is none of that name."""
    if name == _DEFAULT_CONTEXT:
        return None
    try:
        context: Context | None = ContextAPI.get_context(name)
    except Exception as error:
        raise EngineError(f"docker's context {name} cannot be read: {error}") from error
    if context is None:
        raise EngineError(
            f"docker has no context {name} beside its config.json. `docker context ls` lists what it has."
        )
    return context


def _innermost(error: BaseException) -> str:
    """The reason at the bottom of a chain of wrapped exceptions, which alone says something."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    reason = str(error)
    return getattr(error, "strerror", None) or reason or type(error).__name__
