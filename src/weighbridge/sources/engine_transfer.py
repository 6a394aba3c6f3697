"""Transfers a saved image over the engine's Unix socket without HTTP chunks.

HTTP/1.1 sends an answer of unknown length in chunks, 32 KiB each from an engine. `http.client` unpacks them one by
one, which takes longer for a gigabyte than the engine needs to send it. A request in HTTP/1.0 makes the engine send
the plain bytes and close the connection (RFC 9112, 6.3). The end mark of the tar then detects a truncated answer.
"""

from __future__ import annotations

from typing import Any

from docker.transport import UnixHTTPAdapter

from weighbridge.known_sockets import KnownSockets, KnownUnixAdapter


def send_unchunked(api: Any, url: str) -> None:
    """Make the SDK's session `api` use HTTP/1.0 for URLs that begin with `url`, if its engine is at a Unix socket."""
    ordinary = api.get_adapter(url)
    if isinstance(ordinary, UnixHTTPAdapter):
        sockets = ordinary.sockets if isinstance(ordinary, KnownUnixAdapter) else KnownSockets()
        path, timeout = ordinary.socket_path, ordinary.timeout
        api.mount(url, KnownUnixAdapter(path, timeout=timeout, sockets=sockets, is_unchunked=True))
