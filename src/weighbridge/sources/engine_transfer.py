"""How a saved image crosses the engine's Unix socket: as it is, not in chunks.

An answer of unknown length comes in HTTP/1.1's chunks, from an engine of 32 KiB each, and `http.client` takes one of
them apart at a time: for a gigabyte that is longer than the engine needs to send it. Asked in HTTP/1.0, the engine
sends the plain bytes and closes (RFC 9112, 6.3). That the answer was cut off is then the tar's to tell, which ends
with a mark of its own.
"""

from __future__ import annotations

from typing import Any, cast

from docker.transport import UnixHTTPAdapter
from docker.transport.unixconn import UnixHTTPConnection, UnixHTTPConnectionPool


def send_unchunked(api: Any, url: str) -> None:
    """Have the SDK's session `api` ask in HTTP/1.0 for what begins with `url`, where its engine is at a Unix socket."""
    ordinary = api.get_adapter(url)
    if type(ordinary) is UnixHTTPAdapter:
        api.mount(url, _Unchunked(f"http+unix://{ordinary.socket_path}", timeout=ordinary.timeout))


class _Connection(UnixHTTPConnection):
    _http_vsn = 10
    _http_vsn_str = "HTTP/1.0"


class _Pool(UnixHTTPConnectionPool):
    def _new_conn(self) -> Any:
        return _Connection(self.base_url, self.socket_path, cast("int", self.timeout))


class _Unchunked(UnixHTTPAdapter):
    def get_connection(self, url: bytes | str, proxies: object = None) -> UnixHTTPConnectionPool:
        """A pool of its own for each answer: a connection in HTTP/1.0 has no second one."""
        del proxies
        pool = _Pool(str(url), self.socket_path, self.timeout, maxsize=1)
        with self.pools.lock:
            self.pools[url] = pool  # so that it is closed with the session
        return pool
