"""``listen``: addresses that two lines of a configuration of nginx may not share.

Source: ``ngx_http_add_listen`` of src/http/ngx_http.c. The messages were recorded from nginx 1.22.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_ADDRESS = re.compile(r"(?:(\*|0\.0\.0\.0|\[::\]):)?([0-9]{1,5})")
_SETS_SOCKET = re.compile(
    r"(?:backlog|rcvbuf|sndbuf|setfib|fastopen|accept_filter|ipv6only|so_keepalive)=.*|bind|deferred|reuseport"
)
_MAX_ADDRESSES = 1000


@dataclass(slots=True, kw_only=True)
class Listening:
    """The addresses so far: their server, the default server, and whether a line sets options of the socket."""

    lines: set[tuple[int, str]] = field(default_factory=set)
    defaults: set[str] = field(default_factory=set)
    with_options: set[str] = field(default_factory=set)

    def clash(self, server: int, values: tuple[str, ...]) -> str:
        """Nginx's message for a line that does not go with those before; empty if it does. `server` is its number."""
        match = _ADDRESS.fullmatch(values[0]) if values else None
        if match is None or len(self.lines) >= _MAX_ADDRESSES:
            return ""
        host = "[::]" if match[1] == "[::]" else "0.0.0.0"  # noqa: S104 - nginx's text for any address
        address = f"{host}:{int(match[2])}"
        # QUIC and UDP have sockets of their own.
        key = f"{address} udp" if {"quic", "udp"} & set(values[1:]) else address
        has_options = any(_SETS_SOCKET.fullmatch(value) for value in values[1:])
        is_default = bool({"default_server", "default"} & set(values[1:]))
        if (server, key) in self.lines:
            return f"a duplicate listen {address}"
        if has_options and key in self.with_options:
            return f"duplicate listen options for {address}"
        if is_default and key in self.defaults:
            return f"a duplicate default server for {address}"
        self.lines.add((server, key))
        self.with_options |= {key} if has_options else set()
        self.defaults |= {key} if is_default else set()
        return ""
