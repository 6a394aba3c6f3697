"""Deadlines for slow HTTP answers: the timeouts of `requests` limit one read of a socket, not a whole answer.

A server that sends a header every second, or ``100 Continue`` without end, never reaches such a timeout. A watch cuts
the connections of a session when an answer, or the next piece of a body, takes too long.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter

_LONGEST_LOOK_SECONDS = 1.0


class Connections(HTTPAdapter):
    """An adapter of `requests` that tracks the sockets of its connections, so that another thread can cut them."""

    def __init__(self) -> None:
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """Track the connections to servers."""
        super().init_poolmanager(*arguments, **named)
        self._know(self.poolmanager)

    def proxy_manager_for(self, *arguments: Any, **named: Any) -> Any:
        """Track the connections to a proxy."""
        manager = super().proxy_manager_for(*arguments, **named)
        self._know(manager)
        return manager

    def cut(self) -> None:
        """Shut all connections down: a pending read gets an error or the end of the stream."""
        for one in list(self._sockets):
            with contextlib.suppress(OSError):
                # Not the shutdown of an SSL socket, which changes objects that the reading thread uses.
                socket.socket.shutdown(one, socket.SHUT_RDWR)

    def _know(self, manager: Any) -> None:
        if not getattr(manager, "is_known", False):
            pools = manager.pool_classes_by_scheme
            manager.pool_classes_by_scheme = {scheme: _known(pool, self._sockets) for scheme, pool in pools.items()}
            manager.is_known = True


def _known(pool: Any, sockets: weakref.WeakSet[socket.socket]) -> Any:
    """A subclass of urllib3's `pool` whose connections add their socket to `sockets`."""

    class Connection(pool.ConnectionCls):  # type: ignore[misc]  # the base class is known only at run time
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

    return type(pool.__name__, (pool,), {"ConnectionCls": Connection})


def watched_session() -> tuple[requests.Session, Connections]:
    """A session, and the connections that it uses for all its requests."""
    session = requests.Session()
    connections = Connections()
    for scheme in ("http://", "https://"):
        session.mount(scheme, connections)
    return session, connections


class Watch:
    """Cuts `connections` when an awaited answer takes longer than `seconds`. A context manager.

    The clock starts on entry. `expired` is true after the watch cut the connections.
    """

    def __init__(self, connections: Connections, seconds: float) -> None:
        self._connections = connections
        self._seconds = seconds
        self._ended = threading.Event()
        self._until: float | None = time.monotonic() + seconds
        self._thread = threading.Thread(target=self._look, name="weighbridge-deadline", daemon=True)
        self.expired = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stops the clock within; restarts it at the end."""
        self._until = None
        try:
            yield
        finally:
            self._until = time.monotonic() + self._seconds

    def _look(self) -> None:
        while not self._ended.wait(min(_LONGEST_LOOK_SECONDS, self._seconds / 5)):
            until = self._until
            if until is not None and time.monotonic() > until:
                self.expired = True
                self._connections.cut()
