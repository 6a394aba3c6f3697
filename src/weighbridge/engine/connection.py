"""Finds the container engine and checks that it answers."""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager

import docker
import docker.errors
import requests
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.context import Context, ContextAPI
from docker.context.config import get_current_context_name
from docker.tls import TLSConfig
from docker.transport import UnixHTTPAdapter
from docker.utils import kwargs_from_env

from weighbridge.engine.ssh import SshTunnel
from weighbridge.engine.watch import PING_TIMEOUT_SECONDS, EngineWatch
from weighbridge.errors import EngineError
from weighbridge.known_sockets import KnownHTTPAdapter, KnownSockets, KnownUnixAdapter
from weighbridge.network_errors import network_words

_DEFAULT_CONTEXT = "default"
_FIRST_ANSWER_SECONDS = 20
"""Timeout for the first answer of the engine, which costs it nothing."""
_TIMEOUT_SECONDS = 120
"""Timeout for one answer of the engine. A transfer with many answers may take longer."""


class EngineClient(docker.DockerClient):
    """A client with a watch that notices when the engine hangs."""

    watch: EngineWatch

    def begin_watch(self, open_client: Callable[[], docker.APIClient]) -> None:
        """Make the connections known, and watch the engine. `open_client` opens a second client for the pings."""
        sockets = KnownSockets()
        ordinary = self.api.get_adapter(self.api.base_url)
        if isinstance(ordinary, UnixHTTPAdapter):
            adapter = KnownUnixAdapter(ordinary.socket_path, timeout=_TIMEOUT_SECONDS, sockets=sockets)
            ordinary.close()
            self.api.mount("http+docker://", adapter)
        else:
            for scheme in ("http://", "https://"):
                self.api.mount(scheme, KnownHTTPAdapter(sockets))

        def ping() -> None:
            with closing(open_client()) as one:
                one.ping()

        self.api.timeout = _TIMEOUT_SECONDS
        self.watch = EngineWatch(ping, sockets)
        self.watch.start()

    def close(self) -> None:
        """Stop the watch, and close the connections."""
        if hasattr(self, "watch"):
            self.watch.stop()
        super().close()


def watch_of(client: docker.DockerClient) -> EngineWatch | None:
    """The watch of a client that `connect_to_engine` made."""
    return client.watch if isinstance(client, EngineClient) else None


@contextmanager
def cleaning_up(client: docker.DockerClient) -> Iterator[None]:
    """One call to the engine that cleans up: see `EngineWatch.cleaning`. Raises EngineError."""
    watch = watch_of(client)
    if watch is None:
        yield
        return
    with watch.cleaning(functools.partial(setattr, client.api, "timeout"), _TIMEOUT_SECONDS):
        yield


def connect_to_engine(environment: Mapping[str, str]) -> EngineClient:
    """A client of the docker command line's engine: ``DOCKER_HOST``, otherwise the current context.

    Raises EngineError if no engine answers.
    """
    host = engine_host(environment)
    client: EngineClient | None = None
    try:
        if host.startswith("ssh://"):
            return _connect_over_ssh(host, environment)
        _knock(host)
        tls = _tls(environment) or False
        client = EngineClient(base_url=host, tls=tls, timeout=_FIRST_ANSWER_SECONDS)
        client.ping()
        open_ = functools.partial(docker.APIClient, base_url=host, tls=tls)
        client.begin_watch(functools.partial(open_, version=client.api.api_version, timeout=PING_TIMEOUT_SECONDS))
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        if client is not None:
            client.close()
        raise EngineError(
            f"The container engine at {host.removeprefix('http+')} does not answer: {network_words(error)}. "
            "Start it, or set DOCKER_HOST to another engine."
        ) from error
    return client


class _TunnelledClient(EngineClient):
    """A client that closes its SSH tunnel when it is closed."""

    def __init__(self, tunnel: SshTunnel) -> None:
        self._tunnel = tunnel
        super().__init__(base_url=tunnel.docker_host, timeout=_FIRST_ANSWER_SECONDS)

    def close(self) -> None:
        super().close()
        self._tunnel.close()


def _connect_over_ssh(host: str, environment: Mapping[str, str]) -> EngineClient:
    tunnel = SshTunnel(host, environment)
    try:
        client = _TunnelledClient(tunnel)
        client.ping()
        client.begin_watch(
            functools.partial(
                docker.APIClient,
                base_url=tunnel.docker_host,
                version=client.api.api_version,
                timeout=PING_TIMEOUT_SECONDS,
            )
        )
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
            knocker.settimeout(_FIRST_ANSWER_SECONDS)
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
