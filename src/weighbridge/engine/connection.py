"""Finds the container engine and checks that it answers."""

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
"""Timeout for one answer of the engine. A transfer with many answers may take longer."""


def connect(environment: Mapping[str, str]) -> docker.DockerClient:
    """A client of the docker command line's engine: ``DOCKER_HOST``, otherwise the current context.

    Raises EngineError if no engine answers.
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
            "Start it, or set DOCKER_HOST to another engine."
        ) from error
    return client


class _TunnelledClient(docker.DockerClient):
    """A client that closes its SSH tunnel when it is closed."""

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
    """TLS with docker's certificate authority only, without the authorities that the machine trusts."""

    def configure_client(self, client: docker.APIClient) -> None:
        super().configure_client(client)
        # Otherwise REQUESTS_CA_BUNDLE overrides the given authority (psf/requests#3829).
        client.trust_env = False


def _tls(environment: Mapping[str, str]) -> TLSConfig | None:
    """The TLS configuration from docker's variables, otherwise from its context; ``None`` without TLS."""
    if environment.get("DOCKER_HOST"):
        given: TLSConfig | None = kwargs_from_env(environment=dict(environment)).get("tls")
    else:
        context = _context(current_context(environment))
        given = None if context is None else context.TLSConfig
    if given is None:
        return None
    return _OwnAuthority(client_cert=given.cert, ca_cert=given.ca_cert, verify=given.verify)


def _knock(host: str) -> None:
    """Raises OSError if a Unix socket has no listener. The SDK would leak its connection in that case."""
    if host.startswith("unix://"):
        with closing(socket.socket(socket.AF_UNIX)) as knocker:
            knocker.settimeout(_TIMEOUT_SECONDS)
            knocker.connect(host.removeprefix("unix://"))


def engine_host(environment: Mapping[str, str]) -> str:
    """The engine's address: ``DOCKER_HOST``, otherwise docker's context, otherwise the default socket.

    Raises EngineError if the context does not exist.
    """
    host = environment.get("DOCKER_HOST")
    if host:
        return host
    context = _context(current_context(environment))
    return str((None if context is None else context.Host) or DEFAULT_UNIX_SOCKET)


def current_context(environment: Mapping[str, str]) -> str:
    """The name of docker's context. It is ``default`` if ``DOCKER_HOST`` is set."""
    if environment.get("DOCKER_HOST"):
        return _DEFAULT_CONTEXT
    return environment.get("DOCKER_CONTEXT") or str(get_current_context_name() or _DEFAULT_CONTEXT)


def _context(name: str) -> Context | None:
    """The context `name`; ``None`` for docker's default. Raises EngineError if it does not exist."""
    if name == _DEFAULT_CONTEXT:
        return None
    try:
        context: Context | None = ContextAPI.get_context(name)
    except Exception as error:
        raise EngineError(f"docker's context {name} cannot be read: {error}") from error
    if context is None:
        raise EngineError(
            f"docker has no context {name} in its config folder. List the contexts with `docker context ls`."
        )
    return context


def _innermost(error: BaseException) -> str:
    """The innermost exception of a chain, because only it names the cause."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    reason = str(error)
    return getattr(error, "strerror", None) or reason or type(error).__name__
