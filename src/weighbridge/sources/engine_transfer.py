"""Transfers a saved image over the engine's Unix socket without HTTP chunks.

HTTP/1.1 sends an answer of unknown length in chunks, 32 KiB each from an engine. `http.client` unpacks them one by
one, which takes longer for a gigabyte than the engine needs to send it. A request in HTTP/1.0 makes the engine send
the plain bytes and close the connection (RFC 9112, 6.3). The end mark of the tar then detects a truncated answer.
"""

from __future__ import annotations

from typing import Any, cast

from docker.transport import UnixHTTPAdapter
from docker.transport.unixconn import UnixHTTPConnection, UnixHTTPConnectionPool


def send_unchunked(api: Any, url: str) -> None:
    """Make the SDK's session `api` use HTTP/1.0 for URLs that begin with `url`, if its engine is at a Unix socket."""
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
        """A new pool for each answer: HTTP/1.0 uses a connection once."""
        del proxies
        pool = _Pool(str(url), self.socket_path, self.timeout, maxsize=1)
        with self.pools.lock:
            self.pools[url] = pool  # the session closes it
        return pool
