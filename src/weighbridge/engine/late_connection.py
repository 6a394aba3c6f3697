"""The engine of a run, connected on first use. Imports the SDK of docker then: images in files need neither."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.errors import EngineError

if TYPE_CHECKING:
    from weighbridge.engine.connection import EngineClient


_DEFAULT_SOCKET = "/var/run/docker.sock"


class Engine:
    """The engine of a run, connected on first use. Thread-safe. A failure to connect is kept and not tried again."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._lock = threading.Lock()
        self._client: EngineClient | None = None
        self._failure: EngineError | None = None

    def __call__(self) -> EngineClient:
        """The client. Raises EngineError if the engine does not answer, also if it no longer does."""
        with self._lock:
            if self._client is None and self._failure is None:
                from weighbridge.engine.connection import connect_to_engine  # noqa: PLC0415 - see the module docstring

                try:
                    self._client = connect_to_engine(self._environment)
                except EngineError as error:
                    self._failure = error
        if self._client is None:
            raise self._failure or AssertionError
        self._client.watch.require()
        return self._client

    def socket_without_client(self) -> str | None:
        """The engine's Unix socket, if no client is connected; ``None`` too where only docker's SDK knows the address.

        That is a context other than the default one (docker CLI reference, "docker context").
        """
        if self._client is not None or self._failure is not None:
            return None
        host = self._environment.get("DOCKER_HOST")
        if host:
            return host.removeprefix("unix://") if host.startswith("unix:///") else None
        return None if self._environment.get("DOCKER_CONTEXT") or self._may_have_context() else _DEFAULT_SOCKET

    def _may_have_context(self) -> bool:
        """True if docker's config file names a context, or cannot be read."""
        folder = self._environment.get("DOCKER_CONFIG")
        try:
            file = (Path(folder) if folder else Path.home() / ".docker") / "config.json"
            return b"currentContext" in file.read_bytes()
        except FileNotFoundError:
            return False
        except (OSError, RuntimeError):  # RuntimeError: a user without a home
            return True

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
