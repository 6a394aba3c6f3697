"""Adapters of `requests` that track the sockets of their connections, so that another thread can cut them.

A timeout of `requests` is that of one read of a socket. Only a cut ends a read from a server that hangs or drips.
"""

from __future__ import annotations

import contextlib
import socket
import weakref
from typing import Any, cast

from docker.transport import UnixHTTPAdapter
from docker.transport.unixconn import UnixHTTPConnection, UnixHTTPConnectionPool
from requests.adapters import HTTPAdapter


class KnownSockets:
    """The open sockets of some connections. Thread-safe enough for `cut`, which may miss one that just begins."""

    def __init__(self) -> None:
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def add(self, one: socket.socket) -> None:
        """Track one more socket with a weak reference."""
        self._sockets.add(one)

    def cut(self) -> None:
        """Shut all connections down: a pending read gets an error or the end of the stream."""
        for one in list(self._sockets):
            with contextlib.suppress(OSError):
                # Not the shutdown of an SSL socket, which changes objects that the reading thread uses.
                socket.socket.shutdown(one, socket.SHUT_RDWR)


class KnownHTTPAdapter(HTTPAdapter):
    """HTTP and HTTPS with known sockets, also to a proxy."""

    def __init__(self, sockets: KnownSockets) -> None:
        self._known = sockets
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

    def _know(self, manager: Any) -> None:
        if not getattr(manager, "is_known", False):
            pools = manager.pool_classes_by_scheme
            manager.pool_classes_by_scheme = {scheme: _known(pool, self._known) for scheme, pool in pools.items()}
            manager.is_known = True


def _known(pool: Any, sockets: KnownSockets) -> Any:
    """A subclass of urllib3's `pool` whose connections add their socket to `sockets`."""

    class Connection(pool.ConnectionCls):  # type: ignore[misc]  # the base class is known only at run time
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

    return type(pool.__name__, (pool,), {"ConnectionCls": Connection})


class KnownUnixAdapter(UnixHTTPAdapter):
    """The docker SDK's HTTP over a Unix socket, with known sockets.

    `is_unchunked` asks in HTTP/1.0, which has one answer per connection.
    """

    def __init__(self, path: str, *, timeout: float, sockets: KnownSockets, is_unchunked: bool = False) -> None:
        super().__init__(f"http+unix://{path}", timeout=cast("int", timeout))
        self.sockets = sockets
        self._is_unchunked = is_unchunked

    def get_connection(self, url: bytes | str, proxies: object = None) -> UnixHTTPConnectionPool:
        """The pool of an address. HTTP/1.0 uses a connection once, so each answer has a new pool."""
        del proxies
        with self.pools.lock:
            pool = None if self._is_unchunked else self.pools.get(url)
            if pool is None:
                kind = _UnchunkedPool if self._is_unchunked else _Pool
                pool = kind(str(url), self.socket_path, self.timeout, maxsize=1 if self._is_unchunked else 10)
                pool.sockets = self.sockets
                self.pools[url] = pool  # the session closes it
        return cast("UnixHTTPConnectionPool", pool)


class _Connection(UnixHTTPConnection):
    sockets: KnownSockets

    def connect(self) -> None:
        super().connect()
        if self.sock is not None:
            self.sockets.add(self.sock)


class _UnchunkedConnection(_Connection):
    _http_vsn = 10
    _http_vsn_str = "HTTP/1.0"


class _Pool(UnixHTTPConnectionPool):
    connection = _Connection
    sockets: KnownSockets

    def _new_conn(self) -> Any:
        connection = self.connection(self.base_url, self.socket_path, cast("int", self.timeout))
        connection.sockets = self.sockets
        return connection


class _UnchunkedPool(_Pool):
    connection = _UnchunkedConnection
